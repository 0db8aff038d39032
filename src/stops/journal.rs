//! The journal: every stop, rejection and purge in a file beside the store, before it is anywhere else. A store that fails,
//! or is put back from a backup, loses none of them.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::register::Register;
use crate::audit::stops::Change;

/// The file in the data folder.
pub(super) const JOURNAL: &str = "stops.jsonl";
/// The format of its lines, as `v`.
const FORMAT: u32 = 1;

#[derive(Serialize, Deserialize)]
struct Line {
    v: u32,
    #[serde(flatten)]
    change: Change,
}

/// What a journal says.
#[derive(Debug, Default)]
pub(super) struct Journal {
    /// All that its lines come to.
    pub(super) register: Register,
    /// How many bytes there were.
    pub(super) bytes: u64,
    /// The numbers of the lines that cannot be read, from 1: torn by a crash, or of a later version.
    pub(super) unreadable: Vec<usize>,
}

/// Appends changes, durably. Processes that append at once take turns.
pub(super) fn append(path: &Path, changes: &[Change]) -> io::Result<()> {
    let mut text = Vec::new();
    for change in changes {
        serde_json::to_writer(&mut text, &Line { v: FORMAT, change: change.clone() })?;
        text.push(b'\n');
    }
    let is_new = !path.exists();
    let mut file = OpenOptions::new().read(true).append(true).create(true).open(path)?;
    file.lock()?;
    // A line that a crash tore must not swallow this one.
    if file.seek(SeekFrom::End(0))? > 0 {
        file.seek(SeekFrom::End(-1))?;
        let mut last = [0];
        file.read_exact(&mut last)?;
        if last != *b"\n" {
            text.insert(0, b'\n');
        }
    }
    file.write_all(&text)?;
    file.sync_all()?;
    if let Some(folder) = path.parent().filter(|_| is_new) {
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}

/// How many bytes a journal has; none where there is none.
pub(super) fn size(path: &Path) -> u64 {
    path.metadata().map_or(0, |found| found.len())
}

/// Reads a journal; an empty one where there is none.
pub(super) fn read(path: &Path) -> io::Result<Journal> {
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        Err(error) => return Err(error),
    };
    let mut read = Journal { bytes: bytes.len() as u64, ..Journal::default() };
    for (number, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
        if line.trim_ascii().is_empty() {
            continue;
        }
        match serde_json::from_slice::<Line>(line) {
            Ok(line) if line.v == FORMAT => read.register.follow(&line.change),
            _ => read.unreadable.push(number + 1),
        }
    }
    Ok(read)
}
