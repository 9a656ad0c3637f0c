//! The text: the format of Prometheus 0.0.4, and `OpenMetrics` 1.0. Samples bear no timestamps: a wrong unit or an old instant
//! would lose them without an error.

use std::fmt::Write;

use crate::metrics::MetricsView;
use crate::metrics::families::{FAMILIES, Family, Kind, Samples};
use crate::text::sanitize::clean;

/// In which format a text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TextFormat {
    /// The text format 0.0.4, which every reader takes.
    Classic,
    /// `OpenMetrics` 1.0.
    OpenMetrics,
}

impl TextFormat {
    /// Returns the media type of a text in this format.
    pub(crate) const fn content_type(self) -> &'static str {
        match self {
            Self::Classic => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }

    /// Returns the format that an `Accept` header likes best; the classic one where it says nothing of either.
    pub(crate) fn from_accept(accept: &str) -> Self {
        let mut open = 0.0;
        let mut classic = 0.0;
        for range in accept.split(',') {
            let mut parts = range.split(';').map(str::trim);
            let media = parts.next().unwrap_or_default().to_ascii_lowercase();
            let parts: Vec<(&str, &str)> = parts.filter_map(|part| part.split_once('=')).collect();
            let of = |name: &str| {
                let mut found = parts.iter().filter(|(key, _)| key.trim() == name);
                found
                    .next()
                    .map(|(_, value)| value.trim().trim_matches('"'))
            };
            let quality: f64 = of("q").map_or(1.0, |q| q.parse().unwrap_or(0.0));
            match media.as_str() {
                "application/openmetrics-text" if of("version").is_none_or(|v| v == "1.0.0") => {
                    open = quality.max(open);
                }
                "text/plain" | "text/*" => classic = quality.max(classic),
                _ => {}
            }
        }
        if open > 0.0 && open >= classic {
            Self::OpenMetrics
        } else {
            Self::Classic
        }
    }
}

/// Returns the text of all metrics that have a value.
pub(crate) fn render(view: &MetricsView<'_>, format: TextFormat) -> String {
    let mut text = String::new();
    for family in FAMILIES {
        let samples = family.samples(view);
        if !samples.0.is_empty() {
            family.write(&samples, format, &mut text);
        }
    }
    if format == TextFormat::OpenMetrics {
        text.push_str("# EOF\n");
    }
    text
}

impl Family {
    fn write(&self, samples: &Samples, format: TextFormat, text: &mut String) {
        // In OpenMetrics a counter is named without the ending of its samples.
        let name = match (format, self.kind) {
            (TextFormat::OpenMetrics, Kind::Counter) => self.name.trim_end_matches("_total"),
            _ => self.name,
        };
        let _ = writeln!(text, "# HELP {name} {}", self.help);
        let _ = writeln!(text, "# TYPE {name} {}", self.kind.name());
        for (values, value) in &samples.0 {
            text.push_str(self.name);
            for (index, (label, value)) in self.labels.iter().zip(values).enumerate() {
                text.push(if index == 0 { '{' } else { ',' });
                let _ = write!(text, "{label}=\"");
                escape(value, text);
                text.push('"');
            }
            if !self.labels.is_empty() {
                text.push('}');
            }
            let _ = writeln!(text, " {value}");
        }
    }
}

/// Writes the value of a label: names come from outside.
fn escape(value: &str, text: &mut String) {
    for c in clean(value).chars() {
        match c {
            '\\' => text.push_str("\\\\"),
            '"' => text.push_str("\\\""),
            c => text.push(c),
        }
    }
}
