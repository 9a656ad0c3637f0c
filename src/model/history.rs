//! What is known of one stream, for judging.
