//! Numbers as a line of bars.

/// The sign of a number that is not known.
pub const UNSEEN: char = '░';
/// The sign of none at all.
const NONE: char = '▁';
const BARS: [char; 7] = ['▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// Returns a sign for each number: none at all, a bar by its share of the largest, or [`UNSEEN`] where it is not known.
pub fn sparkline(numbers: &[Option<u64>]) -> String {
    let most = numbers.iter().flatten().copied().max().unwrap_or(0);
    let sign = |number: &Option<u64>| match number {
        None => UNSEEN,
        Some(0) => NONE,
        Some(number) => {
            let share = *number as f64 / most as f64;
            let place = (share * BARS.len() as f64).ceil() as usize;
            BARS[place.clamp(1, BARS.len()) - 1]
        }
    };
    numbers.iter().map(sign).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_known_is_no_zero_and_one_message_is_seen_beside_thousands() {
        let line = |numbers: &[i64]| {
            let numbers: Vec<_> = numbers.iter().map(|n| u64::try_from(*n).ok()).collect();
            sparkline(&numbers)
        };
        assert_eq!(line(&[0, 1, 2, 3, 4, 5, 6, 7]), "▁▂▃▄▅▆▇█");
        assert_eq!(line(&[0, -1, 1, 9_999]), "▁░▂█");
        assert_eq!(
            (line(&[]), line(&[0, 0]), line(&[-1])),
            (String::new(), "▁▁".to_owned(), "░".to_owned())
        );
        assert_eq!(line(&[i64::MAX]), "█");
    }
}
