//! The frame of every page.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::chart::INLINE_STYLE;
use crate::html::{Health, Medium};
use crate::text::sanitize::clean;

/// The style of the pages, without that of the charts.
const PAGE_STYLE: &str = include_str!("page.css");

/// The style of the pages and of the charts in them: what is served at `/style.css`.
pub const STYLE: [&str; 2] = [PAGE_STYLE, INLINE_STYLE];

/// Returns a whole page. `home` is whether it has a link to the overview.
pub(super) fn document(title: &str, medium: Medium, home: bool, body: &Markup) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="robots" content="noindex";
                // None: a browser asks for one otherwise.
                link rel="icon" href="data:,";
                title { (clean(title)) }
                @match medium {
                    Medium::Page => { link rel="stylesheet" href="/style.css"; }
                    Medium::File => { style { @for part in STYLE { (PreEscaped(part)) } } }
                }
            }
            body {
                a.skip href="#main" { "Skip to the content" }
                @if home { nav aria-label="Pages" { a href="/" { "← All servers" } } }
                (body)
            }
        }
    };
    page.into_string()
}

/// Returns a state in its shape, colour and word.
pub(super) fn badge(health: Health) -> Markup {
    html! {
        span class={ "badge " (health.class()) } {
            span aria-hidden="true" { (health.shape()) } " " (health.word())
        }
    }
}

/// Returns a fragment that names `text` uniquely, for the ids of a page.
pub(super) fn slug(text: &str) -> String {
    let mut slug = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_ascii_alphanumeric() || c == '-' {
            slug.push(c);
        } else {
            slug.push_str(&format!("_{:x}", u32::from(c)));
        }
    }
    slug
}

/// Returns the address of a server's page.
pub(super) fn server_address(name: &str, medium: Medium) -> String {
    use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
    match medium {
        Medium::Page => format!("/servers/{}", utf8_percent_encode(name, NON_ALPHANUMERIC)),
        Medium::File => format!("#server-{}", slug(name)),
    }
}

/// Returns the address of what is said of an incident.
pub(super) fn incident_address(id: &str, medium: Medium) -> String {
    match medium {
        Medium::Page => format!("/incidents/{}", slug(id)),
        Medium::File => format!("#incident-{}", slug(id)),
    }
}
