//! argv[0] -> face -> exit code; nothing else.
fn main() {}
