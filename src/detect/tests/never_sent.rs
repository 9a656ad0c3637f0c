//! A stream in which nothing was ever sent.

use std::time::Duration;

use super::*;
use crate::detect::training::{LearnedTime, LearningSettings, Training};
use crate::detect::{Silence, drop};
use crate::model::WEEK;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn a_stream_that_never_sent_is_judged_by_its_last_weeks_as_by_all_of_its_empty_past(
        days in 0u32..420,
        minutes in 0u32..1440,
        hole in (0u32..420, 0u32..72),
        min_history in 0u32..20,
        series in 1usize..5,
    ) {
        let at = start() + DAY * days + MINUTE * minutes;
        let mut never = history([], at);
        let missed = start() + DAY * hole.0;
        never.messages = never.messages.without(Span::new(missed, missed + HOUR * hole.1));
        let mut rules = Rules::default();
        rules.silence.min_history = DAY * min_history;
        let settings = LearningSettings::new(&rules, series, None);
        let judge = |time: LearnedTime| {
            let training = Training::new(&never, time);
            let silence = Silence::learn(&training, &settings);
            let findings = [
                silence.evaluate(&never, None, at),
                drop::evaluate(&never, at, &rules, &silence, (None, settings.budget())),
            ];
            let verdicts = findings.map(|found| (found.verdict, found.severity));
            let delay = silence.worst_detection_delay(&never, at);
            (training.history().messages, (verdicts, delay))
        };
        let time = LearnedTime::at(&never, at);
        // The same past, of a stream that sends from tomorrow on.
        let sends = history([at + DAY], at);
        let whole = LearnedTime::at(&History { messages: never.messages.clone(), ..sends }, at);
        prop_assert_eq!(time.until, whole.until);
        let ((learned_from, judged), (past, by_past)) = (judge(time), judge(whole));
        prop_assert_eq!(judged, by_past);
        let length = |learned: &Coverage| learned.spans().iter().map(|span| span.length()).sum::<Duration>();
        prop_assert!(length(&learned_from) <= 9 * WEEK, "{learned_from:?}");
        prop_assert!(length(&past) >= length(&learned_from));
    }
}
