//! What both forms draw: rectangles and lines of text in the units of a phone's screen.

/// What a shape means, which decides its colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ink {
    Background,
    Text,
    Muted,
    Grid,
    /// Mail that is known, or estimated, to be delivered.
    Delivered,
    /// Mail that was sent, and not delivered.
    Sent,
    /// Mail of which it is not known whether it was delivered.
    Unknown,
    /// What is usual.
    Usual,
    Bounced,
    /// The time of an incident.
    WarnTint,
    WakeTint,
    /// The mark of an incident.
    Warn,
    Wake,
    /// What stands out on the mark of an incident.
    OnMark,
    /// The volume of an hour, in four steps, and none.
    Heat(u8),
}

impl Ink {
    /// Every ink.
    pub(super) const ALL: [Self; 19] = [
        Self::Background,
        Self::Text,
        Self::Muted,
        Self::Grid,
        Self::Delivered,
        Self::Sent,
        Self::Unknown,
        Self::Usual,
        Self::Bounced,
        Self::WarnTint,
        Self::WakeTint,
        Self::Warn,
        Self::Wake,
        Self::OnMark,
        Self::Heat(0),
        Self::Heat(1),
        Self::Heat(2),
        Self::Heat(3),
        Self::Heat(4),
    ];

    /// Returns its class in SVG.
    pub(super) const fn class(self) -> &'static str {
        match self {
            Self::Background => "bg",
            Self::Text => "tx",
            Self::Muted => "mu",
            Self::Grid => "gr",
            Self::Delivered => "de",
            Self::Sent => "se",
            Self::Unknown => "un",
            Self::Usual => "us",
            Self::Bounced => "bo",
            Self::WarnTint => "wt",
            Self::WakeTint => "kt",
            Self::Warn => "wa",
            Self::Wake => "ka",
            Self::OnMark => "om",
            Self::Heat(0) => "h0",
            Self::Heat(1) => "h1",
            Self::Heat(2) => "h2",
            Self::Heat(3) => "h3",
            Self::Heat(_) => "h4",
        }
    }

    /// Returns its colour on a light and on a dark ground, as `0xRRGGBB`.
    pub(super) const fn colours(self) -> (u32, u32) {
        match self {
            Self::Background => (0xff_ff_ff, 0x1a_1d_21),
            Self::Text => (0x1d_1c_1d, 0xe8_e8_e8),
            Self::Muted => (0x5c_5b_5c, 0xb4_b4_b6),
            Self::Grid => (0xe2_e3_e5, 0x3a_3d_42),
            Self::Delivered => (0x2b_6c_b0, 0x5b_9b_df),
            Self::Sent => (0xa9_c7_e6, 0x33_55_78),
            Self::Unknown => (0x9b_a3_ac, 0x6c_73_7b),
            Self::Usual => (0xd3_dc_e5, 0x36_3e_47),
            Self::Bounced => (0xb4_5f_06, 0xf0_9a_4a),
            Self::WarnTint => (0xfc_f0_d2, 0x40_35_18),
            Self::WakeTint => (0xfb_dd_dc, 0x4a_22_22),
            Self::Warn => (0xc9_86_00, 0xe0_a8_30),
            Self::Wake => (0xc6_1a_1a, 0xf0_5a_5a),
            Self::OnMark => (0xff_ff_ff, 0x1a_1d_21),
            Self::Heat(0) => (0xee_f1_f4, 0x26_2a_30),
            Self::Heat(1) => (0xc6_da_ee, 0x2b_44_5e),
            Self::Heat(2) => (0x8f_b8_de, 0x35_62_8f),
            Self::Heat(3) => (0x4f_8b_c6, 0x45_7f_ba),
            Self::Heat(_) => (0x1f_5b_9a, 0x74_b0_ec),
        }
    }
}

/// The colour of a hatch's lines on a light and on a dark ground.
pub(super) const HATCH_COLOURS: (u32, u32) = (0xa0_a2_a6, 0x6b_6e_74);
/// The distance between two lines of a hatch, along an axis.
pub(super) const HATCH_PERIOD: f32 = 5.0;
/// The width of its lines, likewise.
pub(super) const HATCH_WIDTH: f32 = 1.3;

/// How large a text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TextSize {
    /// 11 units.
    Label,
    /// 14 units, bold.
    Title,
}

impl TextSize {
    /// Returns the height of the font.
    pub(super) const fn units(self) -> f32 {
        match self {
            Self::Label => 11.0,
            Self::Title => 14.0,
        }
    }
}

/// Which end of a text stands at its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TextAnchor {
    Start,
    Middle,
    End,
}

/// A rectangle, from its upper left corner.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Area {
    pub(super) x: f32,
    pub(super) y: f32,
    pub(super) width: f32,
    pub(super) height: f32,
}

impl Area {
    pub(super) const fn new(x: f32, y: f32, width: f32, height: f32) -> Self {
        Self {
            x,
            y,
            width,
            height,
        }
    }
}

/// One thing that is drawn; later ones cover earlier ones.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Shape {
    Rect(Area, Ink),
    Hatch(Area),
    Text {
        /// The place of its anchor on the base line.
        x: f32,
        y: f32,
        size: TextSize,
        anchor: TextAnchor,
        ink: Ink,
        text: String,
    },
}

/// A picture that is laid out, in units of which about 360 are as wide as a phone.
#[derive(Clone, Debug, PartialEq)]
pub struct Drawing {
    pub(super) width: f32,
    pub(super) height: f32,
    /// What it shows, in a line.
    pub(super) title: String,
    /// What is to be seen in it, in words.
    pub(super) description: String,
    pub(super) shapes: Vec<Shape>,
}

impl Drawing {
    /// Returns an empty picture with its ground.
    pub(super) fn new(width: f32, height: f32, title: &str, description: String) -> Self {
        let ground = Area::new(0.0, 0.0, width, height);
        Self {
            width,
            height,
            title: title.to_owned(),
            description,
            shapes: vec![Shape::Rect(ground, Ink::Background)],
        }
    }

    /// Returns what it shows, in a line.
    #[cfg(feature = "charts")]
    pub fn title(&self) -> &str {
        &self.title
    }

    /// Returns what is to be seen in it, in words: the text for who does not see it.
    pub fn alt_text(&self) -> String {
        format!("{}. {}", self.title, self.description)
    }

    pub(super) fn rect(&mut self, area: Area, ink: Ink) {
        if area.width > 0.0 && area.height > 0.0 {
            self.shapes.push(Shape::Rect(area, ink));
        }
    }

    pub(super) fn hatch(&mut self, area: Area) {
        self.shapes.push(Shape::Hatch(area));
    }

    pub(super) fn label(&mut self, (x, y): (f32, f32), anchor: TextAnchor, ink: Ink, text: &str) {
        self.text((x, y), TextSize::Label, anchor, ink, text);
    }

    pub(super) fn text(
        &mut self,
        (x, y): (f32, f32),
        size: TextSize,
        anchor: TextAnchor,
        ink: Ink,
        text: &str,
    ) {
        let text = text.to_owned();
        self.shapes.push(Shape::Text {
            x,
            y,
            size,
            anchor,
            ink,
            text,
        });
    }
}

/// Returns about how wide a label is: the fonts of its readers differ.
pub(super) fn label_width(text: &str) -> f32 {
    let units = |c: char| match c {
        'i' | 'j' | 'l' | 't' | 'f' | 'r' | ' ' | '.' | ',' | ':' => 3.6,
        'm' | 'w' | 'M' | 'W' => 9.5,
        c if c.is_uppercase() => 7.8,
        _ => 6.4,
    };
    text.chars().map(units).sum()
}
