//! What a script reads.

pub mod evidence;
