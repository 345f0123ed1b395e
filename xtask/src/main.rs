//! What developers run: `cargo xtask test`.
fn main() {}
