//! How entries are chained. Anyone can check it with `sha256sum`.

use std::fmt::Write;

use sha2::{Digest, Sha256};

/// What stands for the previous hash before the first entry.
pub(super) const GENESIS: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// The hash of an entry: SHA-256 over the previous entry's hash in hex, a line feed, and the exact bytes stored.
/// Lowercase hex.
pub(super) fn hash(prev: &str, bytes: &[u8]) -> String {
    hex(&Sha256::new().chain_update(prev).chain_update("\n").chain_update(bytes).finalize())
}

/// The hash that an entry keeps of what stands beside it: SHA-256 over salt and payload. Without the salt, nothing
/// can be told from it once both are erased. Lowercase hex.
pub(super) fn payload_hash(salt: &[u8], payload: &[u8]) -> String {
    hex(&Sha256::new().chain_update(salt).chain_update(payload).finalize())
}

/// The hash under which a text is kept: its SHA-256. Lowercase hex.
pub(super) fn text_hash(text: &str) -> String {
    hex(&Sha256::digest(text))
}

/// Bytes in lowercase hex.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut out, byte| {
        // Writing to a string cannot fail.
        let _ = write!(out, "{byte:02x}");
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_those_of_sha256sum() {
        // printf 'abc' | sha256sum
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(text_hash("abc"), abc);
        assert_eq!(payload_hash(b"a", b"bc"), abc);
        assert_eq!(hash("a", b"c"), text_hash("a\nc"));
        assert_eq!(GENESIS.len(), abc.len());
    }
}
