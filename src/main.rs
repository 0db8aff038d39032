//! The copyrail executable.

fn main() {}
