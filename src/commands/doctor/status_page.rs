//! What Postmark tells everybody of itself.

use std::time::Duration;

use crate::commands::doctor::check::Check;
use crate::postmark::{State, StatusPage, status_page};

const NAME: &str = "status_page";

/// Asks the page at `base`, and waits for so long at most.
pub(crate) async fn checks(base: &str, within: Duration) -> Vec<Check> {
    let page = match status_page(base, within / 2).await {
        Ok(page) => page,
        Err(why) => {
            let text = format!("Postmark's status page was not read: {why}");
            return vec![Check::warn(NAME, text, format!("open {base} in a browser"))];
        }
    };
    let mut checks = vec![state(&page, base)];
    for notice in &page.notices {
        let text = format!("Postmark reports: {}", notice.subject);
        checks.push(match notice.is_planned {
            true => Check::warn(NAME, text, format!("planned maintenance, see {base}")),
            false => Check::warn(NAME, text, format!("an incident of Postmark's, see {base}")),
        });
    }
    checks
}

fn state(page: &StatusPage, base: &str) -> Check {
    let text = format!("Postmark's status page says: {}", page.word);
    match page.state {
        State::Operational => Check::pass(NAME, text),
        State::Maintenance => Check::warn(NAME, text, format!("wait for its end, see {base}")),
        State::Troubled => Check::fail(NAME, text, format!("the fault is Postmark's, see {base}")),
    }
}
