//! Each quirk is seen by default and is not seen when it is off.

mod rows;
mod search;

use serde_json::Value;

use crate::sim::postmark::{Mail, Profile, Quirks};

use super::{World, at, span};

/// `behaves` holds with every quirk, and fails without this one.
fn only_with(off: impl Fn(&mut Quirks), behaves: impl Fn(&World) -> bool) {
    assert!(behaves(&World::new()), "not seen by default");
    let mut quirks = Quirks::default();
    off(&mut quirks);
    assert!(!behaves(&World::with(quirks)), "seen when off");
}

fn mail(sent_at: &str) -> Mail {
    Mail::new("outbound", at(sent_at), "a@example.com")
}

/// A morning with some mail.
fn fill(world: &World, profile: &Profile) {
    let morning = span("2026-11-02T06:00:00Z", "2026-11-02T10:00:00Z");
    world.shop.generate("outbound", morning, profile);
}

fn values(world: &World, target: &str, list: &str, field: &str) -> Vec<Value> {
    let answer = world.json(target);
    let rows = answer[list].as_array().cloned().unwrap_or_default();
    rows.iter().map(|row| row[field].clone()).collect()
}
