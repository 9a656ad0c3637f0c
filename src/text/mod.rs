//! How values become words: cleaned text, numbers, times, tables. Pure; what stands here is said alike in Slack and on a terminal.

pub mod elide;
pub mod format;
pub mod sanitize;
pub mod sparkline;
pub mod table;
