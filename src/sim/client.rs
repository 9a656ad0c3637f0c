//! A bare client.
