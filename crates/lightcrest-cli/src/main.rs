//! The program `lightcrest`.
fn main() {}
