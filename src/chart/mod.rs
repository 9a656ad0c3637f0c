//! Pictures of mail over time. Pure: a description in, SVG or PNG out.
//!
//! A description says what is shown ([`VolumeChart`], [`HeatMap`]); it is laid out once, as a [`Drawing`] of rectangles and lines
//! of text, and each form draws the same. What was not seen is hatched and is never a zero; nothing is told by colour alone.

mod axis;
mod delivered;
mod drawing;
mod heat_map;
mod legend;
#[cfg(feature = "charts")]
mod raster;
mod svg;
mod volume;

#[cfg(test)]
pub(crate) mod samples;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

pub use axis::local_days;
pub use delivered::DeliveredTotal;
pub use drawing::Drawing;
pub use heat_map::{HeatCell, HeatMap, HeatRow};
#[cfg(feature = "charts")]
pub use raster::to_png;
pub use svg::{INLINE_STYLE, to_inline_svg, to_svg};
pub use volume::{ChartStep, ShadedSpan, VolumeBar, VolumeChart};

/// What a picture shows, in the form in which it is stored until it is drawn.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Picture {
    Volume(VolumeChart),
    HeatMap(HeatMap),
}

impl Picture {
    /// Returns the picture of it.
    pub fn draw(&self) -> Drawing {
        match self {
            Self::Volume(chart) => chart.draw(),
            Self::HeatMap(map) => map.draw(),
        }
    }
}

/// A time zone, stored by its name.
mod zone_name {
    use crate::model::Zone;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(zone: &Zone, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(zone.name())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Zone, D::Error> {
        let name = String::deserialize(from)?;
        Zone::named(&name).ok_or_else(|| serde::de::Error::custom("no such time zone"))
    }
}
