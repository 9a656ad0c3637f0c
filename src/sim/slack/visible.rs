//! Renders a payload as a person sees it, and collects the markup that Slack would act on.

use serde_json::Value;

#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) lines: Vec<String>,
    pub(super) markup: Vec<String>,
}

/// Renders a payload: its blocks and attachments, or its text if it has neither.
pub(super) fn render(payload: &Value) -> Seen {
    let mut seen = Seen::default();
    let text = payload["text"].as_str().map(|t| seen.mrkdwn(t));
    seen.blocks(&payload["blocks"]);
    for attachment in items(&payload["attachments"]) {
        seen.blocks(&attachment["blocks"]);
        for name in ["title", "text"] {
            if let Some(text) = attachment[name].as_str() {
                let line = seen.mrkdwn(text);
                seen.push(&line);
            }
        }
    }
    if seen.lines.is_empty() {
        seen.push(&text.unwrap_or_default());
    }
    seen
}

impl Seen {
    fn blocks(&mut self, blocks: &Value) {
        for block in items(blocks) {
            self.object(&block["text"]);
            self.object(&block["title"]);
            items(&block["fields"]).for_each(|field| self.object(field));
            match block["type"].as_str().unwrap_or_default() {
                "context" => self.context(block),
                "actions" => items(&block["elements"]).for_each(|e| self.object(&e["text"])),
                "rich_text" => items(&block["elements"]).for_each(|e| self.rich(e)),
                "table" => items(&block["rows"]).for_each(|row| self.row(row)),
                "markdown" => self.push(block["text"].as_str().unwrap_or_default()),
                "image" => self.push(block["alt_text"].as_str().unwrap_or_default()),
                _ => {}
            }
        }
    }

    fn context(&mut self, block: &Value) {
        for element in items(&block["elements"]) {
            match element["alt_text"].as_str() {
                Some(text) => self.push(text),
                None => self.object(element),
            }
        }
    }

    fn row(&mut self, row: &Value) {
        let mut cells = Seen::default();
        for cell in items(row) {
            match cell["text"].as_str() {
                Some(text) => cells.push(text),
                None => items(&cell["elements"]).for_each(|e| cells.rich(e)),
            }
        }
        self.markup.append(&mut cells.markup);
        self.push(&cells.lines.join(" | "));
    }

    /// Renders a text object: `plain_text` or `mrkdwn`.
    fn object(&mut self, object: &Value) {
        if let Some(text) = object["text"].as_str() {
            let line = match object["type"].as_str() {
                Some("mrkdwn") => self.mrkdwn(text),
                _ => text.to_owned(),
            };
            self.push(&line);
        }
    }

    /// Renders rich text: a section is one line, a list is one per section.
    fn rich(&mut self, element: &Value) {
        let mut line = String::new();
        for leaf in items(&element["elements"]) {
            match leaf["type"].as_str().unwrap_or_default() {
                "text" => line.push_str(leaf["text"].as_str().unwrap_or_default()),
                "rich_text_section" => self.rich(leaf),
                kind => line.push_str(&self.special_leaf(kind, leaf)),
            }
        }
        self.push(&line);
    }

    /// Renders a leaf other than text: a link, a mention, an emoji.
    fn special_leaf(&mut self, kind: &str, leaf: &Value) -> String {
        let name = [
            "text",
            "url",
            "user_id",
            "usergroup_id",
            "channel_id",
            "range",
            "name",
        ]
        .iter()
        .find_map(|name| leaf[name].as_str())
        .unwrap_or_default();
        match (kind, leaf["url"].as_str()) {
            ("emoji", _) => {}
            (_, Some(url)) => self.markup.push(format!("<{url}|{name}>")),
            (_, None) => self.markup.push(format!("<{kind} {name}>")),
        }
        name.to_owned()
    }

    /// Renders `<target|label>` as its label, collects it, and decodes the three escapes.
    fn mrkdwn(&mut self, text: &str) -> String {
        let mut shown = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('<') {
            let Some((inside, tail)) = after.split_once('>') else {
                break;
            };
            shown.push_str(before);
            self.markup.push(format!("<{inside}>"));
            shown.push_str(inside.split_once('|').map_or(inside, |(_, label)| label));
            rest = tail;
        }
        shown.push_str(rest);
        let shown = shown.replace("&lt;", "<").replace("&gt;", ">");
        shown.replace("&amp;", "&")
    }

    fn push(&mut self, line: &str) {
        if !line.is_empty() {
            self.lines.push(line.to_owned());
        }
    }
}

fn items(list: &Value) -> impl Iterator<Item = &Value> {
    list.as_array().into_iter().flatten()
}
