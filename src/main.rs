//! The `hushwatch` command.

fn main() {}
