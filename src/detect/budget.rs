//! How many series share the budget of false silence alarms.

use std::collections::BTreeMap;

use crate::model::{Rule, Rules, ServerName};

/// What spends the budget of a stream beside `send_silence`.
const OTHER_RULES: [Rule; 3] = [Rule::SendDrop, Rule::DeliverySilence, Rule::DeliveryDrop];
/// These together spend about half as much as `send_silence`, a third of all.
const OTHER_RULES_PART: usize = 3;

/// Returns the number of series that share the budget, at least 1, from the server and the rules of each stream that ever had
/// mail: the streams on which `send_silence` is on, and what is [judged together](super::Together) of them. A stream on which it
/// is off counts for what its other rules may spend, and for nothing where these are off, too.
pub fn budget_series<'s>(streams: impl IntoIterator<Item = (&'s ServerName, &'s Rules)>) -> usize {
    let mut judged: BTreeMap<&ServerName, usize> = BTreeMap::new();
    let mut others = 0usize;
    for (server, rules) in streams {
        if rules.is_enabled(Rule::SendSilence) {
            *judged.entry(server).or_default() += 1;
        } else if OTHER_RULES.iter().any(|rule| rules.is_enabled(*rule)) {
            others += 1;
        }
    }
    let judged: Vec<usize> = judged.into_values().collect();
    let others = (others + OTHER_RULES_PART / 2) / OTHER_RULES_PART;
    (count_series(&judged) + others).max(1)
}

/// Returns the number of series, where servers have so many streams: the streams, all streams of a server that has several, and
/// those of all servers where there are several.
pub(super) fn count_series(streams_by_server: &[usize]) -> usize {
    let streams: usize = streams_by_server.iter().sum();
    let of_servers = streams_by_server
        .iter()
        .filter(|streams| **streams > 1)
        .count();
    let of_all = usize::from(
        streams_by_server
            .iter()
            .filter(|streams| **streams > 0)
            .count()
            > 1,
    );
    streams + of_servers + of_all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn without(rules: &[Rule]) -> Rules {
        Rules {
            disabled: rules.iter().copied().collect(),
            ..Rules::default()
        }
    }

    fn series(streams: &[(&str, &Rules)]) -> usize {
        let streams: Vec<(ServerName, &Rules)> = streams
            .iter()
            .map(|(s, rules)| ((*s).into(), *rules))
            .collect();
        budget_series(streams.iter().map(|(server, rules)| (server, *rules)))
    }

    #[test]
    fn a_stream_without_send_silence_leaves_its_part_to_the_others() {
        let all = Rules::default();
        let silent = without(&[Rule::SendSilence]);
        assert_eq!(series(&[]), 1);
        assert_eq!(series(&[("a", &all), ("a", &all)]), 3);
        assert_eq!(series(&[("a", &all), ("a", &silent)]), 1);
        assert_eq!(series(&[("a", &all), ("b", &silent)]), 1);
        assert_eq!(series(&[("a", &all), ("a", &all), ("b", &silent)]), 3);
    }

    #[test]
    fn its_other_rules_count_a_third_and_nothing_where_they_are_off() {
        let all = Rules::default();
        let silent = without(&[Rule::SendSilence]);
        let mut streams = vec![("a", &all)];
        streams.extend([("a", &silent); 30]);
        assert_eq!(series(&streams), 11, "they spend some of it");
        let off = [&[Rule::SendSilence][..], &OTHER_RULES].concat();
        let off = without(&off);
        let mut streams = vec![("a", &all)];
        streams.extend([("a", &off); 30]);
        assert_eq!(series(&streams), 1);
    }
}
