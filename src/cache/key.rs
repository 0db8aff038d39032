//! The key of a question: two requests with the same key would get the same prompt, so they share the copy.

use std::time::Duration;

use jiff::Timestamp;
use moka::sync::Cache;
use serde_json::{Map, Value};

use crate::words::{Revision, TemplateId};

/// The hash of all that a prompt is made of. Never the user's id.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Key([u8; 32]);

/// What a key is the hash of.
#[derive(Clone, Copy, Debug)]
pub struct Question<'q> {
    /// The placement's id.
    pub placement: &'q str,
    /// The product's id; none for facts that came without.
    pub product: Option<&'q str>,
    /// The hash of the template's file: its body, parameters, copy and declarations.
    pub template: &'q blake3::Hash,
    /// The declared inputs, shaped; they hold the facts that the template reads.
    pub inputs: &'q Map<String, Value>,
    /// The locale that the copy will be in.
    pub locale: &'q str,
    /// The models that may answer, in their order.
    pub models: &'q str,
}

impl Key {
    /// The key of a question.
    pub fn of(question: &Question<'_>) -> Self {
        Self::made(question, question.template.as_bytes(), question.models)
    }

    /// The key of a question whose answer a person approves: it names the template by its id and leaves out what stands in
    /// it and which models may answer, so that an edit of a prompt takes no approval back.
    pub fn to_approve(question: &Question<'_>, template: &TemplateId) -> Self {
        // A hash is 32 bytes and this is longer, so that no key of the one kind is one of the other.
        let named = format!("a person approves what is written by {template}");
        Self::made(question, named.as_bytes(), "")
    }

    fn made(question: &Question<'_>, template: &[u8], models: &str) -> Self {
        let mut hasher = blake3::Hasher::new();
        let mut part = |bytes: &[u8]| {
            hasher.update(&(bytes.len() as u64).to_le_bytes());
            hasher.update(bytes);
        };
        part(question.placement.as_bytes());
        part(&[u8::from(question.product.is_some())]);
        part(question.product.unwrap_or_default().as_bytes());
        part(template);
        // A map of JSON values always serialises; should it not, the empty text would still be hashed as itself.
        part(&serde_json::to_vec(question.inputs).unwrap_or_default());
        part(question.locale.as_bytes());
        part(models.as_bytes());
        Self(*hasher.finalize().as_bytes())
    }
}

impl Key {
    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Reads a key as it is displayed: 64 hexadecimal digits.
    pub fn parse(text: &str) -> Option<Self> {
        blake3::Hash::from_hex(text).ok().map(|hash| Self(*hash.as_bytes()))
    }

    /// The key under which it is kept that a question's answer did not pass these guardrails on this ground: others may
    /// let it pass, and so may the same rules for another country.
    pub fn refusal(&self, guardrails: &Revision, ground: &[u8; 32]) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&self.0).update(ground).update(guardrails.as_str().as_bytes());
        Self(*hasher.finalize().as_bytes())
    }
}

impl Key {
    /// The key in one window of time: windows of that length follow one another from 1970 on.
    pub(super) fn within(&self, window: Duration, now: Timestamp) -> [u8; 32] {
        let number = i128::from(now.as_second()).div_euclid(i128::from(window.as_secs().max(1)));
        let mut hasher = blake3::Hasher::new();
        hasher.update(&self.0).update(&number.to_le_bytes());
        *hasher.finalize().as_bytes()
    }
}

/// Keys that were made already, for questions that read nothing but the product: shaping and hashing a product's facts
/// costs more than all the rest of a serve from memory.
#[derive(Clone)]
pub struct Keys(Cache<[u8; 32], Key>);

/// The most keys that are kept; each takes some two hundred bytes.
const MOST_KEYS: u64 = 50_000;

impl Default for Keys {
    fn default() -> Self {
        Self(Cache::new(MOST_KEYS))
    }
}

impl Keys {
    /// The key made of these parts, which must say all that `make` depends on.
    pub fn get_or_make<'p>(
        &self,
        parts: impl IntoIterator<Item = &'p [u8]>,
        make: impl FnOnce() -> Key,
    ) -> Key {
        let mut hasher = blake3::Hasher::new();
        for part in parts {
            hasher.update(&(part.len() as u64).to_le_bytes()).update(part);
        }
        self.0.get_with(*hasher.finalize().as_bytes(), make)
    }
}

impl std::fmt::Display for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&blake3::Hash::from_bytes(self.0).to_hex())
    }
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Key({self})")
    }
}
