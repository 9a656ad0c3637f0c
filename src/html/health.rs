//! How a server or stream is, in a word and a shape.

/// How a server or stream is; the worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Health {
    /// An incident that wakes is open.
    Wake,
    /// An incident that warns is open.
    Warn,
    /// Something is unusual though no incident says so.
    Look,
    /// The last poll was not complete.
    Unseen,
    /// It was never polled, or it is still learned what is normal.
    Learning,
    /// Nothing is wrong.
    Fine,
}

impl Health {
    /// Returns the word for it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Wake => "WAKE",
            Self::Warn => "WARN",
            Self::Look => "LOOK",
            Self::Unseen => "NOT SEEN",
            Self::Learning => "LEARNING",
            Self::Fine => "OK",
        }
    }

    /// Returns its shape, which differs from all others without its colour.
    pub(super) const fn shape(self) -> &'static str {
        match self {
            Self::Wake => "▲",
            Self::Warn => "◆",
            Self::Look => "◇",
            Self::Unseen => "▨",
            Self::Learning => "◌",
            Self::Fine => "●",
        }
    }

    /// Returns its class in the style.
    pub(super) const fn class(self) -> &'static str {
        match self {
            Self::Wake => "wake",
            Self::Warn => "warn",
            Self::Look => "look",
            Self::Unseen => "unseen",
            Self::Learning => "learning",
            Self::Fine => "fine",
        }
    }
}
