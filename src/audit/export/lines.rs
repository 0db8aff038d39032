//! JSON Lines: one entry of the chain a line.

use std::collections::{BTreeMap, HashMap};
use std::io::{self, BufWriter, Write};

use jiff::Timestamp;
use serde::Serialize;

use super::super::chain::hex;
use super::super::chained::{Chained, in_texts};

/// One line. Fields are only ever added.
#[derive(Serialize)]
struct Line<'a> {
    seq: i64,
    kind: &'a str,
    at: Timestamp,
    prev: &'a str,
    hash: &'a str,
    /// The exact bytes, as text; empty once retention deleted them.
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<&'a str>,
    /// The exact bytes in hex, where somebody changed them to what is no text.
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes_hex: Option<String>,
    #[serde(flatten)]
    beside: Option<Beside<'a>>,
    /// The texts beside serves, by their hash.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    texts: BTreeMap<String, &'a str>,
}

#[derive(Serialize)]
struct Beside<'a> {
    /// The exact bytes, as text; null once they were erased.
    payload: Option<&'a str>,
    salt: Option<String>,
}

pub(super) struct Lines<W: Write>(BufWriter<W>);

impl<W: Write> Lines<W> {
    pub(super) fn new(out: W) -> Self {
        Self(BufWriter::new(out))
    }

    pub(super) fn entry(
        &mut self,
        entry: &Chained,
        texts: &HashMap<String, Option<String>>,
        payload: bool,
    ) -> io::Result<()> {
        let bytes = std::str::from_utf8(&entry.bytes).ok();
        let beside = entry.beside.as_ref().filter(|_| payload).map(|beside| Beside {
            payload: beside.bytes.as_deref().and_then(|bytes| std::str::from_utf8(bytes).ok()),
            salt: beside.salt.as_deref().map(hex),
        });
        let shown = if payload && entry.kind == super::SERVES { in_texts(&entry.bytes) } else { Vec::new() };
        let shown = shown.into_iter().filter_map(|(hash, _)| {
            let hash = hash?;
            let text = texts.get(&hash)?.as_deref()?;
            Some((hash, text))
        });
        let line = Line {
            seq: entry.seq,
            kind: &entry.kind,
            at: entry.at,
            prev: &entry.prev,
            hash: &entry.hash,
            bytes,
            bytes_hex: bytes.is_none().then(|| hex(&entry.bytes)),
            beside,
            texts: shown.collect(),
        };
        serde_json::to_writer(&mut self.0, &line)?;
        self.0.write_all(b"\n")
    }

    pub(super) fn finish(mut self) -> io::Result<()> {
        self.0.flush()
    }
}
