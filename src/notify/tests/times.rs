//! What is said of times: those of a window that is over, of a stop that was not seen to end, of the mail that bounced.

use super::*;
use crate::model::{DAY, Incident, MINUTE, Timestamp};
use crate::notify::catch_up::catch_up;
use crate::notify::describe::{describe_dated, describe_open_at, describe_worst};
use crate::notify::grouped::grouped_messages;
use crate::notify::live::{live_group, live_message};
use crate::notify::mute_ended::mute_ended_messages;
use crate::notify::samples::march;

fn rate_of(incident: &mut Incident, change: impl Fn(&mut crate::model::RateEvidence)) {
    if let Evidence::Rate(rate) = &mut incident.evidence {
        change(rate);
    }
}

#[test]
fn an_end_that_was_judged_hours_ago_bears_the_times_of_its_window() {
    let mut step = course_of(Rule::BounceRate).step("resolved").clone();
    let judged_at = step.at;
    rate_of(&mut step.incident, |rate| rate.until = Some(judged_at));
    let at_once = "shop/outbound: bounce rate is back to 0% (0 of 56)";
    assert_eq!(alert(&step, STYLE).headline(), at_once);
    step.at = judged_at + HOUR * 9;
    let later = "shop/outbound: bounce rate is back to 0% (0 of 56, 13:00–14:00)";
    assert_eq!(alert(&step, STYLE).headline(), later);
    let ended = std::slice::from_ref(&step.incident);
    let text = mute_ended_messages(&[], ended, step.at, STYLE)[0].to_text();
    assert!(text.contains("(0 of 56, 13:00–14:00)"), "{text}");
    rate_of(&mut step.incident, |rate| rate.denominator = 0);
    let none = "shop/outbound: no mail 13:00–14:00 to judge the bounce rate by";
    assert_eq!(alert(&step, STYLE).headline(), none);
    rate_of(&mut step.incident, |rate| {
        (rate.numerator, rate.denominator) = (1, 9);
    });
    let few = "shop/outbound: too little mail to judge the bounce rate 13:00–14:00 (1 of 9, 11%)";
    assert_eq!(alert(&step, STYLE).headline(), few);
}

#[test]
fn mail_that_was_sent_days_ago_is_no_list_that_is_being_sent() {
    let text = |sent: Option<Span>| {
        let mut step = course_of(Rule::HardBounceWake).step("opened").clone();
        let at = step.at;
        rate_of(&mut step.incident, |rate| {
            (rate.until, rate.mail_sent) = (Some(at), sent);
        });
        alert(&step, STYLE).to_text()
    };
    let stop = "→ Stop the list that is being sent now";
    let unknown = text(None);
    assert!(unknown.contains(stop), "{unknown}");
    let now = text(Some(Span::new(march(3, 9, 10), march(3, 9, 50))));
    assert!(now.contains(stop) && !now.contains("was sent"), "{now}");
    let before = text(Some(Span::new(march(1, 9, 0), march(1, 9, 40))));
    assert!(!before.contains(stop), "{before}");
    let said = "Most of the mail that bounced was sent Sun 1 Mar 09:00–09:40.\n\
                → Look at its bounces before that list is sent again";
    assert!(before.contains(said), "{before}");
}

#[test]
fn a_stop_that_ended_unread_is_told_as_far_as_it_was_seen() {
    let course = course_of(Rule::SendSilence);
    let ended = course.step("ended unread");
    let seen = "Nothing was sent for at least 14 d (Wed 4 Mar 09:57 – Wed 18 Mar 10:00). \
                Wed 18 Mar 10:00 – Tue 31 Mar 08:00 could not be read.";
    let text = alert(ended, STYLE).to_text();
    assert!(text.contains(seen), "{text}");
    let live = live_message(&[course.step("opened"), ended], ended, STYLE);
    let headline = "shop/outbound: mail is being sent again, after at least 14 d";
    assert_eq!(live.headline(), headline);
    assert!(live.to_text().contains(seen), "{}", live.to_text());
    let hidden = std::slice::from_ref(&ended.incident);
    let gap = Span::new(march(4, 9, 0), ended.at);
    let text = catch_up(hidden, &[], gap, STYLE).to_text();
    let said = "(at least 14 d), Wed 18 Mar 10:00 – Tue 31 Mar 08:00 could not be read";
    assert!(text.contains(said), "{text}");
    let many = |id: &str| {
        let mut step = ended.clone();
        step.incident.id = id.to_owned();
        step
    };
    let many = ["aaaa", "bbbb", "cccc", "dddd"].map(many);
    let many: Vec<&Transition> = many.iter().collect();
    let text = grouped_messages(&many, STYLE)[0].to_text();
    assert!(text.contains("in part not read"), "{text}");
}

#[test]
fn what_returned_says_since_when_it_is_and_that_it_returned() {
    let course = course_of(Rule::BounceRate);
    let mut step = course.step("returned").clone();
    let since = " · since 10:00, returned 16:00 · ";
    assert!(alert(&step, STYLE).footer().contains(since));
    step.incident.began_at = Some(march(3, 9, 12));
    let since = " · since 09:12, returned 16:00 · ";
    assert!(alert(&step, STYLE).footer().contains(since));
    let over = Incident {
        problem: Some(Span::new(march(3, 15, 40), march(3, 17, 0))),
        recovered_at: Some(march(3, 18, 0)),
        state: IncidentState::Resolved {
            at: march(3, 19, 0),
            unwatched: false,
            disabled: false,
        },
        ..step.incident
    };
    let end = Transition {
        at: march(3, 19, 0),
        incident: over,
        step: Step::Resolved,
        notified: true,
    };
    let text = alert(&end, STYLE).to_text();
    let said = "It was there before, from 09:12 on, and returned 16:00.";
    assert!(
        text.contains("It was high for 1 h 20 min (15:40–17:00)"),
        "{text}"
    );
    assert!(text.contains(said), "{text}");
}

/// Nobody knows at an instant that was not judged whether it is still missing, and what came is no longer late.
#[test]
fn a_missing_burst_is_as_late_as_it_was_last_known_to_be_missing() {
    let course = course_of(Rule::SendDrop);
    let mut incident = course.step("of a burst").incident.clone();
    let due = "about 812 messages due 10:02 were not sent";
    let late = format!("{due} (11 h 58 min late)");
    assert_eq!(describe_dated(&incident, STYLE), late);
    incident.judged_at = march(11, 1, 0);
    let over = march(11, 0, 2);
    incident.state = IncidentState::Open {
        within_since: Some(over),
    };
    let text = describe_open_at(&incident, march(11, 5, 0), STYLE);
    assert!(text.contains("(14 h late); back to normal since"), "{text}");
    (incident.recovered_at, incident.worst) = (Some(over), None);
    incident.state = IncidentState::Resolved {
        at: march(11, 1, 0),
        unwatched: false,
        disabled: false,
    };
    let text = describe_worst(&incident, march(31, 10, 0), STYLE);
    assert!(text.ends_with("(14 h late)"), "{text}");
}

/// Between its waves there was no trouble.
#[test]
fn the_end_of_several_counts_no_pause_as_trouble() {
    let returned = |server: &str| {
        let mut incident = course_of(Rule::BounceRate)
            .step("returned")
            .incident
            .clone();
        incident.server = server.into();
        incident.first_opened_at = Some(march(3, 10, 0));
        incident.opened_at = march(6, 14, 0);
        incident
    };
    let good = course_of(Rule::BounceRate).step("resolved").clone();
    let over = |server: &str| Incident {
        evidence: good.incident.evidence.clone(),
        problem: Some(Span::new(march(6, 14, 0), march(6, 16, 0))),
        recovered_at: Some(march(6, 16, 0)),
        state: IncidentState::Resolved {
            at: march(6, 16, 0),
            unwatched: false,
            disabled: false,
        },
        ..returned(server)
    };
    let all = [over("blog"), over("shop")];
    let incidents: Vec<&Incident> = all.iter().collect();
    let live = live_group(&incidents, march(6, 16, 0), STYLE);
    let headline = "2 streams: bounce rate is back to normal, after 2 h";
    assert_eq!(live.headline(), headline);
    let step = |incident: &Incident| Transition {
        at: march(6, 16, 0),
        incident: incident.clone(),
        step: match incident.is_open() {
            true => Step::Opened,
            false => Step::Resolved,
        },
        notified: true,
    };
    let footer = |incidents: [Incident; 2]| {
        let steps = incidents.each_ref().map(step);
        let steps: Vec<&Transition> = steps.iter().collect();
        grouped_messages(&steps, STYLE)[0].footer().to_owned()
    };
    let ended = footer(all);
    assert!(ended.contains(" · 14:00–16:00 · "), "{ended}");
    let open = footer([returned("blog"), returned("shop")]);
    assert!(open.contains(" · since Tue 3 Mar 10:00 · "), "{open}");
}

/// The first gap of a stop may be over while it stands: some mail came, and stopped again.
#[test]
fn an_open_stop_is_told_from_its_first_gap_on() {
    let mut step = course_of(Rule::SendSilence).step("reminded").clone();
    let opened_at: Timestamp = step.incident.opened_at;
    let Evidence::Silence(silence) = &mut step.incident.evidence else {
        panic!("{:?}", step.incident.evidence);
    };
    silence.gap.from = opened_at + HOUR * 3;
    step.incident.worst = Some(step.incident.evidence.clone());
    step.incident.began_at = Some(opened_at - MINUTE * 63);
    let footer = alert(&step, STYLE).footer().to_owned();
    assert!(step.at.since(opened_at) >= DAY, "it is a reminder");
    assert!(footer.contains(" · since Wed 4 Mar 09:57 · "), "{footer}");
}

#[test]
fn of_several_places_nothing_is_said_as_of_one() {
    for course in courses() {
        let Some((_, _, end)) = course.steps.iter().find(|(title, ..)| *title == "resolved") else {
            continue;
        };
        let copy = |n: u32| {
            let mut step = end.clone();
            step.incident.server = format!("client-{n}").as_str().into();
            step
        };
        let steps: Vec<Transition> = (0..4).map(copy).collect();
        let steps: Vec<&Transition> = steps.iter().collect();
        let headline = grouped_messages(&steps, STYLE)[0].headline().to_owned();
        assert!(!headline.contains(" its "), "{headline}");
    }
    let mut end = course_of(Rule::BounceRate).step("resolved").clone();
    rate_of(&mut end.incident, |rate| rate.denominator = 0);
    let good = course_of(Rule::BounceRate).step("resolved").clone();
    let headline = grouped_messages(&[&good, &end], STYLE)[0]
        .headline()
        .to_owned();
    let said = "2 streams: bounce rate is back to normal, or there is too little mail to judge it";
    assert_eq!(headline, said);
    let quiet_week = |of: u64| {
        let mut end = good.clone();
        rate_of(&mut end.incident, |rate| {
            (rate.numerator, rate.denominator, rate.floor) = (0, of, 50);
            rate.window = 7 * DAY;
        });
        let message = &grouped_messages(&[&good, &end], STYLE)[0];
        message.headline().to_owned()
    };
    assert_eq!(quiet_week(11), said);
    assert_eq!(quiet_week(5000), "2 streams: bounce rate is back to normal");
}
