//! What every backend must do, as facts over `&mut Database`, and what only a file can get wrong.

mod account_servers;
mod address_checks;
mod answers;
mod backups;
mod canary;
mod charts;
mod clock;
#[cfg(feature = "postgres")]
#[path = "../../tests/cluster/mod.rs"]
#[expect(dead_code, reason = "the end-to-end tests use all of it")]
mod cluster;
mod copies;
mod counts;
mod dns;
mod durability;
mod feedback;
mod file;
mod file_identity;
mod hello;
mod incidents;
mod learned;
mod leases;
mod ledger;
mod mail;
mod mutes;
mod outbox;
mod packed_hours;
mod packed_samples;
mod pictures;
mod readiness;
mod reported_tokens;
mod rule_starts;
mod samples;
mod server_identity;
mod smtp_errors;
mod stray_log;
mod stream_lists;
mod tables;
mod threads;
mod upgrade;
mod versions;

use std::time::Duration;

use crate::model::{
    Bounce, CumulativeCounts, History, MINUTE, Mail, ServerName, Span, Status, StreamId, StreamKey,
    Timestamp,
};
#[cfg(feature = "postgres")]
use crate::store::postgres::{Connector, Postgres};
use crate::store::{Database, MessageKind, NewMessage, Placement, PollRow, ServerState};

/// A full hour in November 2023, from which the facts count their time.
const T0: Timestamp = Timestamp::from_secs(1_700_002_800);
const LEASE: Duration = Duration::from_secs(120);

/// Runs each fact on a new database of each backend.
macro_rules! facts {
    ($($room:ident: $($fact:ident)+;)+) => {
        mod on_sqlite {
            $(mod $room {
                $(#[test]
                fn $fact() {
                    super::super::on_sqlite(super::super::$room::$fact);
                })+
            })+
        }
        #[cfg(feature = "postgres")]
        mod on_postgres {
            $(mod $room {
                $(#[test]
                fn $fact() {
                    super::super::on_postgres(super::super::$room::$fact);
                })+
            })+
        }
    };
}

facts! {
    mail:
        a_message_listed_twice_counts_once
        a_message_twice_in_one_batch_counts_once
        a_long_batch_tells_which_messages_were_new
        a_bounce_listed_twice_counts_once
        streams_and_servers_are_apart
        tags_are_counted_beside_all_mail
        recipients_are_told_by_the_hour
        tags_of_a_few_messages_are_not_told
        pruning_keeps_the_hours_of_tags_in_use
        counts_are_exact_at_cuts_that_divide_a_minute
        hours_know_their_first_and_last_message
        coverage_claims_merge_and_are_read_back
        a_claim_between_two_joins_them
        the_recipients_of_a_message_are_counted
        a_bounce_before_its_message_gets_its_send_time
        a_bounce_weeks_after_its_message_has_its_send_time
        a_bounce_after_its_message_has_its_send_time
        a_bounce_without_a_message_is_a_mark_of_its_own
        history_begins_with_the_first_start
        history_begins_with_the_oldest_message
        what_says_when_mail_was_sent_is_a_part_of_what_is_known
        pruning_keeps_hours_but_drops_rows
        pruning_a_second_time_changes_nothing
        streams_that_vanish_are_no_longer_watched
        what_postmark_lists_is_known_beside_what_is_watched
        recent_events_are_told_newest_first
        blocks_of_an_older_time_are_told_oldest_first
        only_marks_of_the_wanted_classes_count_towards_a_limit;
    ledger:
        any_batches_count_as_a_ledger_does
        any_claims_are_a_coverage;
    counts:
        a_count_takes_the_place_of_the_rows_in_its_span
        a_message_in_a_counted_span_gets_no_row
        a_count_anew_leaves_the_rest_of_an_older_one_unknown
        what_is_to_be_listed_is_not_counted
        a_tag_is_counted_beside_all_mail
        old_counts_are_kept_by_the_hour
        a_wrong_clock_leaves_no_count
        history_begins_where_mail_was_counted
        a_server_that_is_polled_no_more_is_not_active
        any_course_of_listing_and_counting_counts_each_message_once;
    answers:
        a_message_of_an_open_incident_may_be_answered
        reads_of_the_last_minute_are_counted
        what_an_answer_does_is_stored_with_it
        a_mute_of_one_incident_holds_no_other;
    canary:
        mails_come_back_newest_first_and_a_later_word_replaces_an_earlier_one;
    dns:
        domains_are_those_that_were_seen_of_late
        senders_go_with_the_name_of_their_server
        records_come_back_whole_and_a_wrong_clock_keeps_what_was_good;
    durability:
        what_was_decided_waits_for_the_disk_and_what_is_read_again_does_not;
    rule_starts:
        a_rule_judges_since_it_was_first_asked_for;
    smtp_errors:
        days_come_back_in_order_and_a_later_reading_replaces_an_earlier_one
        days_go_with_the_name_of_their_server;
    learned:
        what_was_learned_comes_back_and_is_replaced_by_series
        what_was_learned_goes_with_the_name_of_its_server
        what_was_learned_may_be_lost;
    packed_hours:
        any_course_of_writes_and_packing_tells_the_hours_that_are_stored
        whole_weeks_are_packed_once_and_a_change_drops_its_week_alone
        the_weeks_of_all_tags_are_packed_however_many_there_are
        what_an_older_version_writes_drops_what_is_packed
        what_is_damaged_or_of_a_newer_version_is_read_by_the_hour_and_packed_anew
        what_pruning_takes_of_a_week_is_not_told_by_what_is_packed
        what_is_packed_goes_with_the_stream_under_another_name;
    packed_samples:
        any_course_of_news_and_packing_tells_the_sample_that_is_stored
        whole_weeks_of_delivered_mail_are_packed_once_and_news_drops_its_week_alone
        what_an_older_version_writes_of_the_sample_drops_what_is_packed
        a_sample_that_is_damaged_or_of_a_newer_version_is_read_by_row_and_packed_anew
        a_packed_sample_goes_with_the_stream_under_another_name;
    reported_tokens:
        an_outage_is_known_until_it_is_over;
    hello:
        a_new_database_greets_once
        a_hello_that_nobody_wants_is_not_due_again
        a_database_that_began_anew_says_so;
    charts:
        a_picture_knows_of_its_span_what_a_history_knows
        incidents_are_told_that_stood_since
        every_watched_stream_is_told_in_a_few_figures
        the_last_accepted_message_is_no_picture;
    pictures:
        a_picture_is_shown_below_its_digest_once_that_is_posted
        a_picture_counts_as_no_message_and_holds_none_up
        the_last_picture_that_was_given_up_is_remembered;
    address_checks:
        the_latest_answer_of_each_address_is_kept
        the_last_bounce_of_an_address_is_found_whatever_its_capitals
        what_a_wrong_clock_asked_is_forgotten
        an_answer_is_pruned_with_the_rows;
    samples:
        what_lies_within_a_span_is_told_without_what_was_before
        a_draw_is_open_until_it_is_delivered
        a_draw_that_is_known_is_left_as_it_is
        what_is_listed_and_not_in_the_sample_may_be_drawn_later
        a_proof_without_news_leaves_it_open
        a_counting_bounce_closes_it
        a_soft_bounce_does_not_close_it
        a_listed_bounce_is_known_while_the_details_know_of_none
        the_type_of_its_bounce_is_that_of_the_list
        what_is_too_old_is_given_up
        what_cannot_be_read_is_followed_no_more
        sampled_mail_is_what_a_history_knows_of_it;
    incidents:
        a_judgement_is_read_back
        incidents_about_delivery_are_read_by_their_opening
        a_judgement_is_committed_whole_or_not_at_all
        a_rule_and_stream_have_one_open_incident
        each_tag_of_a_stream_has_an_incident_of_its_own
        one_may_close_as_the_next_opens
        the_open_incident_is_the_latest
        the_latest_of_each_rule_and_stream_is_told
        transitions_are_told_by_their_recording_in_order_of_their_instants
        polls_are_told_newest_first
        no_mail_is_due_while_the_account_was_refused
        an_account_that_a_person_closed_is_refused_until_it_is_served
        pruning_keeps_open_incidents;
    outbox:
        rows_are_due_in_the_order_they_were_written
        a_claimed_row_is_left_alone_within_its_lease
        a_failed_row_stays_pending
        what_waits_for_each_channel_is_known_with_the_reason
        an_accepted_row_never_comes_back
        a_late_failure_does_not_undo_an_acceptance
        an_attempt_that_was_begun_and_never_finished_is_in_doubt
        only_an_unknown_end_leaves_an_attempt_in_doubt
        every_row_has_a_key_of_its_own
        a_row_knows_where_the_last_message_to_its_destination_landed
        a_message_is_found_by_every_incident_that_it_names
        a_message_given_up_is_no_longer_due_and_is_named_once
        a_digest_is_written_once_a_period
        a_digest_knows_when_it_was_written
        a_digest_may_be_written_again
        an_older_period_is_not_told_after_a_newer_one
        pruning_keeps_what_was_not_accepted;
    readiness:
        the_state_of_every_server_is_told_and_none_is_stored
        every_open_incident_is_told_oldest_first
        the_oldest_message_that_waits_is_one_that_no_mute_holds
        incidents_are_listed_newest_first_with_their_last_step
        what_a_stream_sent_is_counted_within_a_span;
    threads:
        a_step_edits_the_message_of_its_thread_and_then_replies
        a_message_that_takes_no_edits_is_posted_anew_and_goes_on_there
        what_a_channel_took_since_an_attempt_is_known
        messages_that_wait_become_one_of_them
        what_is_past_is_not_sent_any_more
        a_message_of_several_is_split_with_its_incidents
        what_waits_for_a_channel_that_refuses_goes_to_another;
    mutes:
        a_mute_runs_until_it_ends
        a_planned_mute_holds_nothing_before_it_begins
        a_new_mute_ends_those_whose_place_it_takes
        a_muted_message_is_held_and_a_digest_is_not
        a_message_of_several_incidents_is_held_while_all_of_them_are_muted
        warnings_wait_in_quiet_hours_and_wakes_do_not
        rewinding_shifts_a_mute_of_a_wrong_clock;
    leases:
        a_probe_leaves_nothing_behind
        a_lease_is_one_holders_at_a_time
        a_lease_that_ran_out_is_taken_over
        a_lease_that_runs_on_for_ever_is_taken_over
        a_long_lease_is_safe_from_one_who_takes_short_ones
        one_who_is_alone_takes_the_leases_of_the_dead
        a_judgement_without_its_lease_is_not_stored
        a_judgement_gives_its_leases_up;
    account_servers:
        a_roster_tells_who_came_and_went
        a_server_keeps_what_is_stored_of_it_under_another_name
        servers_may_change_their_names_for_each_others
        a_name_that_is_taken_by_something_else_is_left_alone
        a_server_that_left_is_kept_in_mind_while_it_has_something_to_tell
        notes_are_told_of_their_span;
    server_identity:
        a_server_is_known_by_its_number
        an_accepted_server_begins_anew_and_the_former_is_kept
        a_former_server_that_is_accepted_again_goes_on
        what_is_set_aside_takes_no_name_that_is_used
        a_server_goes_on_under_a_new_name_of_the_file;
    stream_lists:
        the_last_fetch_of_a_list_is_kept_with_its_settings
        that_of_a_server_is_none_of_the_one_that_takes_its_name
        a_new_stream_is_to_be_judged_until_a_complete_poll_did
        a_stream_has_a_pulse_once_it_has_had_mail;
    feedback:
        what_is_said_last_of_an_incident_holds
        a_gap_is_marked_once_it_is_over;
    clock:
        the_clock_is_in_this_century_and_runs_on
        rewinding_forgets_coverage_from_after_the_last_good_cycle
        rewinding_brings_back_the_state_of_the_last_good_cycle
        rewinding_with_no_good_cycle_forgets_them_all
        rewinding_a_right_clock_changes_nothing
        rewinding_frees_what_waits_for_a_wrong_year
        rewinding_brings_incidents_back_to_now
        rewinding_brings_closed_incidents_back_too
        rewinding_lets_the_next_digest_be_written
        rewinding_forgets_when_followed_mail_was_read
        what_was_pruned_is_read_again_and_counted_once
        a_server_that_was_never_polled_is_forgotten;
}

fn on_sqlite(fact: impl FnOnce(&mut Database)) {
    let folder = tempfile::tempdir().expect("a folder");
    let mut sqlite =
        Database::open_sqlite(&folder.path().join("hushwatch.db")).expect("a new database");
    fact(&mut sqlite);
}

#[cfg(feature = "postgres")]
fn on_postgres(fact: impl FnOnce(&mut Database)) {
    if let Some(cluster) = cluster::cluster() {
        fact(&mut new_postgres(&cluster.database()));
    }
}

#[cfg(feature = "postgres")]
fn new_postgres(url: &str) -> Database {
    let (address, _) = crate::database::Address::parse(url).expect("a valid URL");
    let connector = Connector::new(&address).expect("no certificates");
    Database::Postgres(Postgres::connect(connector.into(), false).expect("connected"))
}

/// So many seconds after [`T0`].
fn at(seconds: i64) -> Timestamp {
    Timestamp(T0.0 + seconds * 1000)
}

fn span(from: i64, until: i64) -> Span {
    Span::new(at(from), at(until))
}

fn shop() -> ServerName {
    "shop".into()
}

/// The stream of which the facts are, unless they say otherwise.
fn shop_outbound() -> StreamKey {
    StreamKey::new(&shop(), &outbound())
}

fn outbound() -> StreamId {
    "outbound".into()
}

fn mail(id: &str, sent_at: Timestamp) -> Mail {
    Mail {
        id: id.to_owned(),
        stream: outbound(),
        sent_at,
        status: Status::Sent,
        tag: Some("receipt".to_owned()),
        recipients: vec!["someone@example.com".to_owned()],
    }
}

fn bounce(id: i64, kind: &str, message: Option<&str>, at: Timestamp) -> Bounce {
    Bounce {
        id,
        stream: outbound(),
        message: message.map(str::to_owned),
        kind: kind.to_owned(),
        at,
        recipient: "gone@example.com".to_owned(),
        tag: Some("receipt".to_owned()),
        description: "The server could not deliver the message.".to_owned(),
    }
}

/// Saves to `shop/outbound`; the positions of what was new.
fn save(b: &mut Database, mails: &[Mail], covered: Option<Span>) -> Vec<usize> {
    b.save_messages(&shop_outbound(), mails, covered)
        .expect("saved messages")
}

fn save_bounces(b: &mut Database, bounces: &[Bounce]) -> Vec<usize> {
    b.save_bounces(&shop_outbound(), bounces, None)
        .expect("saved bounces")
}

fn history(b: &mut Database, range: Span, cuts: &[Timestamp]) -> History {
    b.history(&shop_outbound(), range, cuts).expect("a history")
}

/// What a history of whole minutes knows to be sent from `from` to `until` minutes after [`T0`].
fn sent(b: &mut Database, from: u32, until: u32) -> u64 {
    let range = Span::new(T0 + from * MINUTE, T0 + until * MINUTE);
    let ticks: CumulativeCounts = history(b, range, &[]).sent;
    ticks.count(range)
}

/// A poll of `shop` at `now`, after `before`, as the shell records it.
fn poll(
    before: &ServerState,
    now: Timestamp,
    complete: bool,
) -> (ServerName, ServerState, PollRow) {
    let mut state = before.clone();
    state.last_cycle_at = Some(now);
    state.reason = (!complete).then(|| "HTTP 503".to_owned());
    if complete {
        state.last_complete_at = Some(now);
        state.incomplete_since = None;
        state.incomplete_cycles = 0;
    } else {
        state.incomplete_since = state.incomplete_since.or(Some(now));
        state.incomplete_cycles += 1;
    }
    let row = PollRow {
        at: now,
        requests: 4,
        complete,
        reason: state.reason.clone(),
    };
    (shop(), state, row)
}

fn message(text: &str) -> NewMessage {
    NewMessage {
        kind: MessageKind::Alert,
        incident: None,
        incidents: Vec::new(),
        channel: String::new(),
        text: text.to_owned(),
        body: format!(r#"{{"text":"{text}"}}"#),
        placement: Placement::default(),
    }
}
