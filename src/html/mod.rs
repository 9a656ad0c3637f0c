//! What a browser shows: an overview of everything watched, a server, an incident. Pure: views in, HTML out.
//!
//! There is no script and nothing from another host. On the page the style is at `/style.css`; in a file it is within. Every
//! state is told in a word and a shape, and every picture has its figures in a table below it.

mod health;
mod incident;
mod layout;
mod overview;
mod server;
#[cfg(test)]
mod tests;
mod view;

pub use health::Health;
pub use incident::incident_page;
pub use layout::STYLE;
pub use overview::overview_page;
pub use server::server_page;
pub use view::{
    DeliveryView, IncidentPageView, Medium, OverviewView, ServerPageView, ServerRow, StreamDetail,
    StreamRow,
};
