//! A drawing as PNG, on its own light ground, three pixels to the unit: sharp on a phone.
//!
//! There are only rectangles and text, so that no rasterizer is needed. The glyphs are pictures, drawn once from a font
//! (`font/OFL.txt`), in a grid of equal cells.

use std::borrow::Cow;
use std::sync::OnceLock;

use crate::chart::drawing::{
    Area, Drawing, HATCH_COLOURS, HATCH_PERIOD, HATCH_WIDTH, Ink, Shape, TextAnchor, TextSize,
};

/// Pixels per unit.
const SCALE: f32 = 3.0;
/// Glyphs in a row of the grid.
const COLUMNS: usize = 32;
/// Where a glyph begins in its cell, in pixels from the left.
const ORIGIN: i64 = 4;
/// The characters after the Latin ones, in the order of the grid; the last one stands for what is not in it.
const OTHER_CHARS: &str = "–—…·→≤≥−□";

/// Cyrillic letters, and those of ISO 9 in the same order.
const CYRILLIC: &str = "абвгдеёжзийклмнопрстуфхцчшщъыьэюяіїєґўј";
const CYRILLIC_IN_LATIN: &str = "abvgdeëžzijklmnoprstufhcčšŝ\"y'èûâìïêġŭĵ";

const REGULAR: &[u8] = include_bytes!("font/regular.png");
const REGULAR_ADVANCES: &[u8] = include_bytes!("font/regular.advances");
const BOLD: &[u8] = include_bytes!("font/bold.png");
const BOLD_ADVANCES: &[u8] = include_bytes!("font/bold.advances");

/// Returns the bytes of a PNG file.
///
/// # Errors
/// If it cannot be encoded: a drawing without any extent.
pub fn to_png(drawing: &Drawing) -> Result<Vec<u8>, String> {
    let mut canvas = Canvas::new(drawing);
    for shape in &drawing.shapes {
        match shape {
            Shape::Rect(area, ink) => canvas.fill(*area, ink.colours().0, |_, _| true),
            Shape::Hatch(area) => canvas.hatch(*area),
            Shape::Text { .. } => canvas.text(shape),
        }
    }
    canvas.frame();
    canvas.encode().map_err(|error| error.to_string())
}

/// Pixels, three bytes each.
struct Canvas {
    width: usize,
    height: usize,
    pixels: Vec<u8>,
}

impl Canvas {
    fn new(drawing: &Drawing) -> Self {
        let pixels = |units: f32| (units * SCALE).round() as usize;
        let (width, height) = (pixels(drawing.width), pixels(drawing.height));
        Self {
            width,
            height,
            pixels: vec![255; width * height * 3],
        }
    }

    /// Returns the pixels of an area, from and until; what has an extent has at least one.
    fn pixels(area: Area) -> [usize; 4] {
        let edges = |from: f32, length: f32| {
            let first = (from * SCALE).round().max(0.0);
            let last = ((from + length) * SCALE).round().max(first + 1.0);
            (first as usize, last as usize)
        };
        let (left, right) = edges(area.x, area.width);
        let (top, bottom) = edges(area.y, area.height);
        [left, top, right, bottom]
    }

    fn fill(&mut self, area: Area, colour: u32, is_filled: impl Fn(usize, usize) -> bool) {
        let [left, top, right, bottom] = Self::pixels(area);
        for y in top..bottom.min(self.height) {
            for x in left..right.min(self.width) {
                if is_filled(x, y) {
                    self.blend(x, y, colour, 255);
                }
            }
        }
    }

    fn hatch(&mut self, area: Area) {
        let period = (HATCH_PERIOD * SCALE) as usize;
        let width = (HATCH_WIDTH * SCALE).round() as usize;
        let is_line = |x: usize, y: usize| (x + y) % period < width;
        self.fill(area, HATCH_COLOURS.0, is_line);
    }

    /// Draws the edge of the picture, which has another ground around it.
    fn frame(&mut self) {
        let (width, height) = (self.width as f32 / SCALE, self.height as f32 / SCALE);
        let line = 1.0 / SCALE;
        for area in [
            Area::new(0.0, 0.0, width, line),
            Area::new(0.0, height - line, width, line),
            Area::new(0.0, 0.0, line, height),
            Area::new(width - line, 0.0, line, height),
        ] {
            self.fill(area, Ink::Grid.colours().0, |_, _| true);
        }
    }

    fn text(&mut self, shape: &Shape) {
        let Shape::Text {
            x,
            y,
            size,
            anchor,
            ink,
            text,
        } = shape
        else {
            return;
        };
        let Some(font) = Font::for_size(*size) else {
            return;
        };
        let text = spelled(text);
        let width: i64 = text.chars().map(|c| font.advance(glyph(c))).sum();
        let start = (x * SCALE).round() as i64;
        let mut pen = match anchor {
            TextAnchor::Start => start,
            TextAnchor::Middle => start - width / 2,
            TextAnchor::End => start - width,
        };
        let base = (y * SCALE).round() as i64;
        for c in text.chars() {
            self.glyph(font, glyph(c), (pen, base), ink.colours().0);
            pen += font.advance(glyph(c));
        }
    }

    fn glyph(&mut self, font: &Font, glyph: usize, (pen, base): (i64, i64), colour: u32) {
        let (column, row) = (glyph % COLUMNS, glyph / COLUMNS);
        for y in 0..font.cell.1 {
            for x in 0..font.cell.0 {
                let at = (row * font.cell.1 + y) * font.width + column * font.cell.0 + x;
                let alpha = font.greys.get(at).copied().unwrap_or(0);
                let to = |origin: i64, offset: usize| usize::try_from(origin + offset as i64);
                let place = (to(pen - ORIGIN, x), to(base - font.base, y));
                if alpha > 0
                    && let (Ok(x), Ok(y)) = place
                {
                    self.blend(x, y, colour, alpha);
                }
            }
        }
    }

    fn blend(&mut self, x: usize, y: usize, colour: u32, alpha: u8) {
        if x >= self.width || y >= self.height {
            return;
        }
        let at = (y * self.width + x) * 3;
        let alpha = u32::from(alpha);
        for (index, shift) in [16, 8, 0].into_iter().enumerate() {
            let over = (colour >> shift) & 0xff;
            if let Some(byte) = self.pixels.get_mut(at + index) {
                let mixed = (over * alpha + u32::from(*byte) * (255 - alpha)) / 255;
                *byte = u8::try_from(mixed).unwrap_or(u8::MAX);
            }
        }
    }

    fn encode(&self) -> Result<Vec<u8>, png::EncodingError> {
        let mut bytes = Vec::new();
        let side = |pixels: usize| u32::try_from(pixels).unwrap_or(u32::MAX);
        let mut encoder = png::Encoder::new(&mut bytes, side(self.width), side(self.height));
        encoder.set_color(png::ColorType::Rgb);
        encoder.set_depth(png::BitDepth::Eight);
        encoder.set_compression(png::Compression::High);
        let mut writer = encoder.write_header()?;
        writer.write_image_data(&self.pixels)?;
        writer.finish()?;
        Ok(bytes)
    }
}

/// Pictures of glyphs in one size.
struct Font {
    greys: Vec<u8>,
    /// The width of the whole grid.
    width: usize,
    /// The width and height of a cell.
    cell: (usize, usize),
    /// The base line, from the top of a cell.
    base: i64,
    advances: &'static [u8],
}

impl Font {
    fn for_size(size: TextSize) -> Option<&'static Self> {
        static REGULAR_FONT: OnceLock<Option<Font>> = OnceLock::new();
        static BOLD_FONT: OnceLock<Option<Font>> = OnceLock::new();
        let font = match size {
            TextSize::Label => {
                REGULAR_FONT.get_or_init(|| Self::read(REGULAR, REGULAR_ADVANCES, (39, 42), 33))
            }
            TextSize::Title => {
                BOLD_FONT.get_or_init(|| Self::read(BOLD, BOLD_ADVANCES, (50, 54), 42))
            }
        };
        font.as_ref()
    }

    fn read(
        picture: &'static [u8],
        advances: &'static [u8],
        cell: (usize, usize),
        base: i64,
    ) -> Option<Self> {
        let decoder = png::Decoder::new(std::io::Cursor::new(picture));
        let mut reader = decoder.read_info().ok()?;
        let mut greys = vec![0; reader.output_buffer_size()?];
        let info = reader.next_frame(&mut greys).ok()?;
        Some(Self {
            greys,
            width: info.width as usize,
            cell,
            base,
            advances,
        })
    }

    fn advance(&self, glyph: usize) -> i64 {
        self.advances.get(glyph).copied().map_or(0, i64::from)
    }
}

/// Returns a text in letters that there are, so that names are told apart: Cyrillic in the Latin letters of ISO 9, and any other as its
/// number behind a box, `□6f22`.
fn spelled(text: &str) -> Cow<'_, str> {
    if text.chars().all(is_drawn) {
        return Cow::Borrowed(text);
    }
    let mut spelled = String::new();
    for c in text.chars() {
        let lower = c.to_lowercase().next().unwrap_or(c);
        let mut letters = CYRILLIC.chars().zip(CYRILLIC_IN_LATIN.chars());
        match letters.find(|(cyrillic, _)| *cyrillic == lower) {
            _ if is_drawn(c) => spelled.push(c),
            Some((_, latin)) if c == lower => spelled.push(latin),
            Some((_, latin)) => spelled.extend(latin.to_uppercase()),
            None => spelled.push_str(&format!("□{:x}", u32::from(c))),
        }
    }
    Cow::Owned(spelled)
}

fn is_drawn(c: char) -> bool {
    c == '□' || glyph(c) != glyph('□')
}

/// Returns the place of a character in the grid: Latin first, then a few signs, the last of them for any other.
fn glyph(c: char) -> usize {
    let (ascii, latin) = (0x20..=0x7e, 0xa0..=0x17f);
    let code = c as usize;
    let before = 0x7f - 0x20;
    if ascii.contains(&code) {
        return code - 0x20;
    }
    if latin.contains(&code) {
        return code - 0xa0 + before;
    }
    // `·` is among the Latin ones.
    let others = OTHER_CHARS.chars().filter(|other| *other != '·');
    let index = others.clone().position(|other| other == c);
    before + (0x180 - 0xa0) + index.unwrap_or(others.count() - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_other_scripts_are_told_apart() {
        assert_eq!(spelled("shop/outbound · 3 Mar"), "shop/outbound · 3 Mar");
        assert_eq!(spelled("Почта/рассылка"), "Počta/rassylka");
        assert_eq!(spelled("Щука"), "Ŝuka");
        assert_eq!(spelled("漢字 □"), "□6f22□5b57 □");
        let letters = CYRILLIC.chars().count();
        assert_eq!(letters, CYRILLIC_IN_LATIN.chars().count());
        let latin: std::collections::BTreeSet<char> = CYRILLIC_IN_LATIN.chars().collect();
        assert_eq!(latin.len(), letters, "each has its own");
        assert!(latin.into_iter().all(is_drawn));
    }

    #[test]
    fn every_character_has_a_glyph_of_its_own_or_the_box() {
        let glyphs = REGULAR_ADVANCES.len();
        assert_eq!((glyphs, BOLD_ADVANCES.len()), (327, 327));
        assert_eq!((glyph(' '), glyph('~'), glyph('\u{a0}')), (0, 94, 95));
        assert_eq!(glyph('□'), glyphs - 1);
        for unknown in ['漢', '\u{1f600}', '\u{7f}', '\u{0}'] {
            assert_eq!(glyph(unknown), glyphs - 1, "{unknown:?}");
        }
        for size in [TextSize::Label, TextSize::Title] {
            let font = Font::for_size(size).expect("the picture is readable");
            assert!(font.advance(glyph('m')) > font.advance(glyph('i')));
            assert_eq!(font.width, COLUMNS * font.cell.0);
        }
    }
}
