//! What sessions are signed with: a key that stays on the node, and the tokens made with it.

use std::io;
use std::path::Path;

use ring::hmac;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::audit::secret_file;

/// The longest token that is read, in bytes: what a cookie can hold.
const LONGEST: usize = 4_096;

/// The key of the console's sessions. Whoever has it can sign in as anybody, so only its owner can read the file.
#[derive(Clone)]
pub struct Seal(hmac::Key);

impl Seal {
    /// Reads the key from `console.key` in a data folder; on first use makes it. Without the file everybody signs in anew.
    ///
    /// # Errors
    ///
    /// When the file cannot be read or made, or is not 32 bytes long.
    pub fn open(dir: &Path) -> io::Result<Self> {
        Ok(Self(hmac::Key::new(hmac::HMAC_SHA256, &secret_file(dir, "console.key")?)))
    }

    /// A value as text that only the holder of the key can make: the value's JSON in hex, a full stop, the signature in hex.
    /// `purpose` keeps a token that was made for one thing from being taken for another.
    pub(super) fn seal<T: Serialize>(&self, purpose: &str, value: &T) -> String {
        let json = serde_json::to_vec(value).unwrap_or_default();
        format!("{}.{}", hex(&json), hex(self.sign(purpose, &json).as_ref()))
    }

    /// The value of a token, if it was made with this key for this purpose. Takes the same time wherever signatures differ.
    pub(super) fn open_token<T: DeserializeOwned>(&self, purpose: &str, token: &str) -> Option<T> {
        if token.len() > LONGEST {
            return None;
        }
        let (json, signature) = token.split_once('.')?;
        let (json, signature) = (unhex(json)?, unhex(signature)?);
        hmac::verify(&self.0, &signed(purpose, &json), &signature).ok()?;
        serde_json::from_slice(&json).ok()
    }

    /// A text that only the holder of the key can know: another one for each purpose and each value.
    pub(super) fn secret_for(&self, purpose: &str, value: &[u8]) -> String {
        hex(self.sign(purpose, value).as_ref())
    }

    fn sign(&self, purpose: &str, json: &[u8]) -> hmac::Tag {
        hmac::sign(&self.0, &signed(purpose, json))
    }
}

fn signed(purpose: &str, json: &[u8]) -> Vec<u8> {
    [purpose.as_bytes(), b"\n", json].concat()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> =
        text.chars().map(|c| c.to_digit(16).and_then(|d| u8::try_from(d).ok())).collect();
    let digits = digits.filter(|digits| digits.len().is_multiple_of(2))?;
    Some(digits.chunks(2).map(|pair| pair.iter().fold(0, |byte, digit| byte * 16 + digit)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_taken_only_as_it_was_made() {
        let dir = tempfile::tempdir().unwrap();
        let seal = Seal::open(dir.path()).unwrap();
        let token = seal.seal("session", &("anna", 7));
        assert_eq!(seal.open_token::<(String, i32)>("session", &token), Some(("anna".to_owned(), 7)));
        assert_eq!(seal.open_token::<(String, i32)>("csrf", &token), None, "made for something else");
        for at in 0..token.len() {
            let mut other = token.clone().into_bytes();
            other[at] = if other[at] == b'0' { b'1' } else { b'0' };
            let other = String::from_utf8(other).unwrap();
            assert_eq!(seal.open_token::<(String, i32)>("session", &other), None, "{other}");
        }
        for garbled in ["", ".", "zz.zz", "é.é", "00", &"0".repeat(5_000)] {
            assert_eq!(seal.open_token::<(String, i32)>("session", garbled), None, "{garbled}");
        }
        assert_eq!(Seal::open(dir.path()).unwrap().seal("session", &("anna", 7)), token, "the key is kept");
        let elsewhere = tempfile::tempdir().unwrap();
        let other = Seal::open(elsewhere.path()).unwrap();
        assert_eq!(other.open_token::<(String, i32)>("session", &token), None, "another key");
    }
}
