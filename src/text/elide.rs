//! Lists that name their first items and count the rest.

/// Returns the first `max` items, separated by commas, and how many are left out: `a, b and 3 more`.
pub fn elide(items: impl IntoIterator<Item = String>, max: usize) -> String {
    let mut items = items.into_iter();
    let first: Vec<String> = items.by_ref().take(max).collect();
    match items.count() {
        0 => first.join(", "),
        rest => format!("{} and {rest} more", first.join(", ")),
    }
}

/// Returns the same as a list of what is one: `a, b and c`, `a, b and 3 more`.
pub fn elide_and(items: impl IntoIterator<Item = String>, max: usize) -> String {
    let mut items: Vec<String> = items.into_iter().collect();
    match items.pop() {
        Some(last) if !items.is_empty() && items.len() < max => {
            format!("{} and {last}", items.join(", "))
        }
        last => elide(items.into_iter().chain(last), max),
    }
}

/// Returns `lines`, or where there are more than `max`, the first and the last of them around `… 12 more WHAT`.
pub fn elide_middle(lines: Vec<String>, max: usize, what: &str) -> Vec<String> {
    if lines.len() <= max {
        return lines;
    }
    let (head, tail) = (max / 2, (max / 2).saturating_sub(1));
    let left_out = lines.len() - head - tail;
    let first = lines.iter().take(head).cloned();
    let last = lines.iter().skip(lines.len() - tail).cloned();
    first
        .chain([format!("… {left_out} more {what}")])
        .chain(last)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rest_is_counted() {
        let items = |n: usize| (1..=n).map(|n| n.to_string());
        assert_eq!(elide(items(3), 3), "1, 2, 3");
        assert_eq!(elide(items(5), 3), "1, 2, 3 and 2 more");
        assert_eq!(elide(items(0), 3), "");
        assert_eq!(elide_and(items(1), 3), "1");
        assert_eq!(elide_and(items(3), 3), "1, 2 and 3");
        assert_eq!(elide_and(items(5), 3), "1, 2, 3 and 2 more");
        assert_eq!(elide_and(items(0), 3), "");
    }

    #[test]
    fn the_middle_is_counted() {
        let lines = |n: usize| (1..=n).map(|n| n.to_string()).collect::<Vec<_>>();
        assert_eq!(elide_middle(lines(8), 8, "polls"), lines(8));
        let cut = elide_middle(lines(12), 8, "polls");
        assert_eq!(
            cut,
            ["1", "2", "3", "4", "… 5 more polls", "10", "11", "12"]
        );
    }
}
