//! Pictures of mail over time. Pure: a description in, SVG or PNG out.
//!
//! A description says what is shown ([`VolumeChart`], [`HeatMap`]); it is laid out once, as a [`Drawing`] of rectangles and lines
//! of text, and each form draws the same. What was not seen is hatched and is never a zero; nothing is told by colour alone.

mod axis;
mod drawing;
mod heat_map;
#[cfg(feature = "charts")]
mod raster;
mod svg;
mod volume;

#[cfg(test)]
pub(crate) mod samples;
#[cfg(test)]
mod tests;

pub use axis::local_days;
pub use drawing::Drawing;
pub use heat_map::{HeatCell, HeatMap, HeatRow};
#[cfg(feature = "charts")]
pub use raster::to_png;
pub use svg::to_svg;
#[cfg(test)]
pub use svg::{INLINE_STYLE, to_inline_svg};
pub use volume::{ChartStep, ShadedSpan, VolumeBar, VolumeChart};
