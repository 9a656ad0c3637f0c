//! The room as a whole: recorded and hostile bodies, every status, and a peer that misbehaves.

mod asking;
mod bodies;
mod faults;
mod hostile;
mod responder;
mod statuses;

/// A recorded answer of Postmark.
macro_rules! recorded {
    ($name:literal) => {
        include_bytes!(concat!("../../../tests/data/postmark/", $name, ".json")).as_slice()
    };
}
use recorded;
