//! A drawing as SVG: alone as a file, or within a page that brings the style.

use std::fmt::Write;

use crate::chart::drawing::{
    Area, Drawing, HATCH_COLOURS, HATCH_PERIOD, HATCH_WIDTH, Ink, Shape, TextAnchor, TextSize,
};

/// The style of drawings within a page, light and dark: its own rules, and the variables that they read.
pub const INLINE_STYLE: &str = include_str!("chart.css");

/// Returns a file of its own, light or dark as its reader prefers.
pub fn to_svg(drawing: &Drawing) -> String {
    let size = format!(
        r#" xmlns="http://www.w3.org/2000/svg" width="{}" height="{}""#,
        number(drawing.width),
        number(drawing.height)
    );
    write(
        drawing,
        "chart",
        &size,
        &format!("<style>{}</style>", file_style()),
    )
}

/// Returns an element for a page, which must have [`INLINE_STYLE`]. `id` is the beginning of its ids, and its own in the page.
pub fn to_inline_svg(drawing: &Drawing, id: &str) -> String {
    write(drawing, id, "", "")
}

fn write(drawing: &Drawing, id: &str, attributes: &str, style: &str) -> String {
    let mut svg = format!(
        r#"<svg class="chart" role="img" aria-labelledby="{id}-t {id}-d" viewBox="0 0 {} {}"{attributes}>"#,
        number(drawing.width),
        number(drawing.height),
    );
    let (title, description) = (escape(&drawing.title), escape(&drawing.description));
    svg += &format!(r#"<title id="{id}-t">{title}</title><desc id="{id}-d">{description}</desc>"#);
    svg += style;
    if drawing.shapes.iter().any(|s| matches!(s, Shape::Hatch(_))) {
        let (period, width) = (number(HATCH_PERIOD), number(HATCH_WIDTH * 0.7));
        svg += &format!(
            r#"<pattern id="{id}-h" width="{period}" height="{period}" patternUnits="userSpaceOnUse" patternTransform="rotate(-45) scale(0.707)"><path class="hl" d="M0 0h{period}v{width}h-{period}z"/></pattern>"#
        );
    }
    let mut shapes = drawing.shapes.iter().peekable();
    while let Some(shape) = shapes.next() {
        match shape {
            Shape::Rect(area, ink) => {
                let mut path = path(area);
                while let Some(Shape::Rect(area, _)) =
                    shapes.next_if(|next| matches!(next, Shape::Rect(_, other) if other == ink))
                {
                    path += &self::path(area);
                }
                let _ = write!(svg, r#"<path class="{}" d="{path}"/>"#, ink.class());
            }
            Shape::Hatch(area) => {
                let mut path = path(area);
                while let Some(Shape::Hatch(area)) =
                    shapes.next_if(|next| matches!(next, Shape::Hatch(_)))
                {
                    path += &self::path(area);
                }
                let _ = write!(svg, r#"<path fill="url(#{id}-h)" d="{path}"/>"#);
            }
            Shape::Text {
                x,
                y,
                size,
                anchor,
                ink,
                text,
            } => {
                let size = match size {
                    TextSize::Label => "",
                    TextSize::Title => " ti",
                };
                let anchor = match anchor {
                    TextAnchor::Start => "",
                    TextAnchor::Middle => r#" text-anchor="middle""#,
                    TextAnchor::End => r#" text-anchor="end""#,
                };
                let _ = write!(
                    svg,
                    r#"<text class="{}{size}" x="{}" y="{}"{anchor}>{}</text>"#,
                    ink.class(),
                    number(*x),
                    number(*y),
                    escape(text)
                );
            }
        }
    }
    svg + "</svg>"
}

fn path(area: &Area) -> String {
    let (width, height) = (number(area.width), number(area.height));
    format!(
        "M{} {}h{width}v{height}h-{width}z",
        number(area.x),
        number(area.y)
    )
}

/// Returns a number with at most two digits after the point.
fn number(value: f32) -> String {
    let text = format!("{value:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            // XML has no other control characters.
            c if c.is_control() => escaped.push(' '),
            c => escaped.push(c),
        }
    }
    escaped
}

/// Returns the style of a file: without variables, which only browsers read.
fn file_style() -> String {
    let rules = |of: fn((u32, u32)) -> u32| -> String {
        inks()
            .map(|(class, colours)| format!(".{class}{{fill:#{:06x}}}", of(colours)))
            .collect()
    };
    format!(
        "{}@media(prefers-color-scheme:dark){{{}}}{}",
        rules(|(light, _)| light),
        rules(|(_, dark)| dark),
        text_style("")
    )
}

/// Returns the class of every ink, and its colours.
fn inks() -> impl Iterator<Item = (&'static str, (u32, u32))> {
    let all = Ink::ALL.into_iter().map(|ink| (ink.class(), ink.colours()));
    all.chain([("hl", HATCH_COLOURS)])
}

fn text_style(within: &str) -> String {
    let (label, title) = (TextSize::Label.units(), TextSize::Title.units());
    format!(
        "{within}text{{font:{label}px Inter,system-ui,-apple-system,\"Segoe UI\",Roboto,sans-serif}}\n\
         {within}.ti{{font-size:{title}px;font-weight:700}}\n"
    )
}

/// Returns what [`INLINE_STYLE`] has to be.
#[cfg(test)]
pub(super) fn inline_style() -> String {
    let variables = |of: fn((u32, u32)) -> u32| {
        let all = inks().map(|(class, colours)| format!("--c-{class}:#{:06x}", of(colours)));
        all.collect::<Vec<_>>().join(";")
    };
    let rules: String = inks()
        .map(|(class, _)| format!(".chart .{class}{{fill:var(--c-{class})}}\n"))
        .collect();
    format!(
        ".chart{{{};width:100%;max-width:30rem;height:auto}}\n\
         @media(prefers-color-scheme:dark){{.chart{{{}}}}}\n\
         {rules}{}",
        variables(|(light, _)| light),
        variables(|(_, dark)| dark),
        text_style(".chart ")
    )
}
