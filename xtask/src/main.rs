//! Placeholder until its code comes.

fn main() {}
