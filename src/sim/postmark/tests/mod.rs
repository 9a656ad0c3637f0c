//! What must hold of the simulated Postmark.
