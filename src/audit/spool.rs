//! A file beside the store that takes the records of answers while the store cannot be written. Its room is reserved at the
//! start, so that a full disk does not keep it from being written.
//!
//! ```text
//! copyrail spool 1 <id of the filling>
//! <first 16 digits of the rest's BLAKE3> {"serve": <the record's line>, "text": …, "unless": …}
//! ```
//!
//! Whoever puts its records into the store says in the same transaction up to where they are in there: a process may be
//! killed at any point, and no record is chained twice. Once all are, the file is emptied and gets another id.

use std::collections::HashSet;
use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::PathBuf;
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::append::{self, MOST_LINES, ServeLine};
use super::queue::Gap;
use crate::store::log::Head;

/// What the first line begins with.
const TITLE: &str = "copyrail spool 1 ";
/// How long the first line is, its end included.
const HEADER: u64 = TITLE.len() as u64 + 17;
/// Room that is left for the last line, which says what could not be kept.
const LAST_WORDS: u64 = 512;
/// What a record takes at least, about.
const USUAL: u64 = 1024;
/// How much is read at once. No line is longer.
const READ: usize = 4 * 1024 * 1024;

/// Where the records of a filling stand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Position {
    /// Which filling of the file.
    pub(super) id: i64,
    /// Up to which byte its records are in the store.
    pub(super) read: u64,
    /// Up to which byte a gap counts what cannot be read, or was lost.
    pub(super) counted: u64,
}

/// The next records for the store.
#[derive(Default)]
pub(super) struct Chunk {
    /// In order; those with an entry are in the log already if the chain holds that.
    pub(super) serves: Vec<(ServeLine, Option<Head>)>,
    /// What cannot be read.
    pub(super) gap: Option<Gap>,
    /// Where they end; `None` when there was nothing to read.
    pub(super) end: Option<Position>,
    /// Whether there is more behind them.
    pub(super) more: bool,
}

/// One line.
#[derive(Serialize, Deserialize)]
struct Line<'l> {
    /// The record, its bytes as they are to be chained but for the user's name.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    serve: Option<&'l RawValue>,
    /// The text that stands beside it, unless an earlier line has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    text: Option<Arc<str>>,
    /// The number and hash of an entry: if the chain holds it, the record is in there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    unless: Option<(i64, String)>,
    /// Instead of a record: since when records are missing, and how many. The last line of a service that ended in order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    lost: Option<(Timestamp, u64)>,
}

/// The file.
pub(super) struct Spool {
    path: PathBuf,
    limit: u64,
    /// None while it cannot be used.
    file: Option<File>,
    position: Position,
    /// Where the next line goes.
    end: u64,
    /// How many records wait in it.
    waiting: u64,
    /// The texts that stand in this filling, as far as this process wrote them.
    texts: HashSet<String>,
    /// Whether the last line says that the service ended in order.
    ended: bool,
    /// Whether it was told that no room could be reserved.
    told: bool,
}

impl Spool {
    /// A file of at most so many bytes. What an earlier process left in it stays for the store.
    ///
    /// # Errors
    ///
    /// What is wrong with the file; it is tried again with every write.
    pub(super) fn open(path: PathBuf, limit: u64) -> (Self, io::Result<()>) {
        let (file, texts) = Default::default();
        let (end, waiting, ended, told) = Default::default();
        let position = Position::default();
        let mut spool = Self { path, limit, file, position, end, waiting, texts, ended, told };
        let ready = spool.ready();
        (spool, ready)
    }

    /// How many records wait in it.
    pub(super) fn waiting(&self) -> u64 {
        self.waiting
    }

    /// How many bytes it takes, of how many.
    pub(super) fn fullness(&self) -> (u64, u64) {
        (self.end, self.limit)
    }

    /// Whether there is room for another record of the usual size.
    pub(super) fn has_room(&self) -> bool {
        self.end + LAST_WORDS + USUAL <= self.limit
    }

    /// Whether it could be opened.
    pub(super) fn is_open(&self) -> bool {
        self.file.is_some()
    }

    /// Whether the service that wrote last ended in order, although the store could not be written.
    pub(super) fn ended_in_order(&self) -> bool {
        self.ended
    }

    /// Opens the file, when it is not.
    fn ready(&mut self) -> io::Result<()> {
        if self.file.is_some() {
            return Ok(());
        }
        let mut options = OpenOptions::new();
        let file =
            options.create(true).read(true).write(true).truncate(false).mode(0o600).open(&self.path)?;
        if let Err(TryLockError::WouldBlock) = file.try_lock() {
            return Err(io::Error::other("another service uses it; give each a `[data] dir` of its own"));
        }
        let length = file.metadata()?.len();
        let mut header = [0; HEADER as usize];
        let read = file.read_exact_at(&mut header, 0);
        self.file = Some(file);
        match read.ok().and_then(|()| id_of(&header)) {
            Some(id) => {
                if self.position.id != id {
                    self.position = Position { id, read: HEADER, counted: HEADER };
                }
                self.end = length;
                self.close_torn_line()?;
                self.reserve();
                self.survey()?;
                self.ended = self.has_ended()?;
                Ok(())
            }
            // Whose lines they are cannot be told, so neither whether the store has them.
            None => {
                let lines = if length > 0 { self.count_lines(length) } else { 0 };
                if lines > 0 {
                    tracing::error!(lines, "the spool cannot be read: its records are lost");
                }
                self.empty()?;
                match lines {
                    0 => Ok(()),
                    // As if the one before had said so itself.
                    lines => self.write_line(&Line::lost(Gap { from: Timestamp::MAX, count: lines })),
                }
            }
        }
    }

    /// Ends the line that somebody was killed in the middle of.
    fn close_torn_line(&mut self) -> io::Result<()> {
        let Some(file) = &self.file else { return Ok(()) };
        let mut last = [0];
        file.read_exact_at(&mut last, self.end.saturating_sub(1))?;
        if last != *b"\n" {
            file.write_all_at(b"\n", self.end)?;
            self.end += 1;
        }
        Ok(())
    }

    /// Whether the last line says so.
    fn has_ended(&self) -> io::Result<bool> {
        let Some(file) = &self.file else { return Ok(false) };
        let begins = self.end.saturating_sub(LAST_WORDS);
        let mut tail = vec![0; usize::try_from(self.end - begins).unwrap_or_default()];
        file.read_exact_at(&mut tail, begins)?;
        let last = tail.strip_suffix(b"\n").and_then(|tail| tail.rsplit(|byte| *byte == b'\n').next());
        Ok(matches!(last.and_then(decode), Some(Read::Lost(_))))
    }

    fn count_lines(&self, length: u64) -> u64 {
        let Some(file) = &self.file else { return 0 };
        let (mut at, mut lines, mut buffer) = (0, 0, vec![0; READ]);
        while at < length {
            let Ok(read @ 1..) = file.read_at(&mut buffer, at) else { break };
            lines += buffer.iter().take(read).filter(|byte| **byte == b'\n').count() as u64;
            at += read as u64;
        }
        lines.max(1)
    }

    /// Reserves the room that is not taken yet.
    fn reserve(&mut self) {
        let Some(file) = &self.file else { return };
        #[cfg(target_os = "linux")]
        let reserved = rustix::fs::fallocate(file, rustix::fs::FallocateFlags::KEEP_SIZE, 0, self.limit);
        #[cfg(not(target_os = "linux"))]
        let reserved = { Err::<(), _>(rustix::io::Errno::OPNOTSUPP).inspect_err(|_| drop(file.metadata())) };
        match reserved {
            Ok(()) => self.told = false,
            Err(error) if !self.told => {
                self.told = true;
                tracing::warn!(
                    %error,
                    bytes = self.limit,
                    "no room could be reserved for the spool: a full disk may keep it from being written"
                );
            }
            Err(_) => {}
        }
    }

    /// Begins a new filling.
    fn empty(&mut self) -> io::Result<()> {
        self.texts.clear();
        self.waiting = 0;
        let id = i64::try_from(rand::random::<u64>() >> 1).unwrap_or_default();
        let Some(file) = &self.file else { return Ok(()) };
        file.set_len(0)?;
        self.reserve();
        let Some(file) = &self.file else { return Ok(()) };
        file.write_all_at(format!("{TITLE}{id:016x}\n").as_bytes(), 0)?;
        file.sync_data()?;
        self.end = HEADER;
        self.position = Position { id, read: HEADER, counted: HEADER };
        Ok(())
    }

    /// Goes on where the store says it stopped; answers what is to be counted as missing.
    ///
    /// # Errors
    ///
    /// When the file cannot be read.
    pub(super) fn resume(&mut self, stored: Position) -> io::Result<Option<Gap>> {
        if stored.id == self.position.id {
            let within = |at: u64| at.clamp(HEADER, self.end.max(HEADER));
            self.position.read = within(stored.read);
            self.position.counted = within(stored.counted).max(self.position.read);
        }
        let gap = self.survey()?;
        self.position.counted = self.position.counted.max(self.end);
        Ok(gap)
    }

    /// Counts what is to be put into the store, and what cannot be.
    fn survey(&mut self) -> io::Result<Option<Gap>> {
        self.waiting = 0;
        let (mut gap, mut at) = (None, self.position);
        loop {
            let chunk = self.read(at)?;
            let Some(end) = chunk.end else { return Ok(gap) };
            self.waiting += chunk.serves.len() as u64;
            gap = Gap::merged(gap, chunk.gap);
            at = end;
        }
    }

    /// Where the store may say that it stopped.
    pub(super) fn position(&self) -> Position {
        self.position
    }

    /// Writes records, as many as fit, in one go, and has them durable; answers how many. The first `in_doubt` are in the log
    /// already if the chain holds that entry.
    ///
    /// # Errors
    ///
    /// When the file cannot be written: then none of them are in it.
    pub(super) fn append(
        &mut self,
        serves: &[ServeLine],
        in_doubt: Option<(usize, &Head)>,
    ) -> io::Result<usize> {
        self.ready()?;
        let room = self.limit.saturating_sub(LAST_WORDS).saturating_sub(self.end) as usize;
        let (mut bytes, mut count, mut texts) = (Vec::new(), 0, HashSet::new());
        for (n, serve) in serves.iter().enumerate() {
            let text =
                serve.text.as_ref().filter(|(hash, _)| !self.texts.contains(hash) && !texts.contains(hash));
            let unless = in_doubt.filter(|(doubtful, _)| n < *doubtful);
            let line = Line {
                serve: Some(serde_json::from_slice(serve.line())?),
                text: text.map(|(_, text)| Arc::clone(text)),
                unless: unless.map(|(_, head)| (head.seq, head.hash.clone())),
                lost: None,
            };
            let line = line.encode()?;
            if bytes.len() + line.len() > room {
                break;
            }
            bytes.extend_from_slice(&line);
            texts.extend(text.map(|(hash, _)| hash.clone()));
            count += 1;
        }
        if count > 0 {
            self.write(&bytes)?;
            self.waiting += count as u64;
            self.texts.extend(texts);
        }
        Ok(count)
    }

    /// Says at the end of the service what could not be kept, for the one that starts next.
    ///
    /// # Errors
    ///
    /// When the file cannot be written.
    pub(super) fn end(&mut self, gap: Gap) -> io::Result<()> {
        self.ready()?;
        self.write_line(&Line::lost(gap))
    }

    fn write_line(&mut self, line: &Line<'_>) -> io::Result<()> {
        let line = line.encode()?;
        self.write(&line)
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let Some(file) = &self.file else { return Ok(()) };
        let written = file.write_all_at(bytes, self.end).and_then(|()| file.sync_data());
        match written {
            Ok(()) => self.end += bytes.len() as u64,
            // What was written of it must not stand before what is written next.
            Err(_) => drop(file.set_len(self.end)),
        }
        written
    }

    /// The next records for the store, at most as many as one block holds.
    ///
    /// # Errors
    ///
    /// When the file cannot be read.
    pub(super) fn chunk(&mut self) -> io::Result<Chunk> {
        if self.file.is_none() {
            return Ok(Chunk::default());
        }
        let mut chunk = self.read(self.position)?;
        if let Some(end) = &mut chunk.end {
            end.counted = end.read.max(self.position.counted);
        }
        Ok(chunk)
    }

    /// These are in the store now. After the last ones the file is empty again.
    ///
    /// # Errors
    ///
    /// When it cannot be emptied; that is tried again with the next use.
    pub(super) fn advance(&mut self, to: Position, serves: usize) -> io::Result<()> {
        if to.id != self.position.id {
            return Ok(());
        }
        self.position = to;
        self.waiting = self.waiting.saturating_sub(serves as u64);
        if to.read < self.end {
            return Ok(());
        }
        let emptied = self.empty();
        if emptied.is_err() {
            // Opened anew it says for itself how it stands.
            self.file = None;
        }
        emptied
    }

    fn read(&mut self, from: Position) -> io::Result<Chunk> {
        let mut chunk = Chunk::default();
        let Some(file) = self.file.as_ref().filter(|_| from.read < self.end) else { return Ok(chunk) };
        let left = usize::try_from(self.end - from.read).unwrap_or(READ);
        let mut buffer = vec![0; left.min(READ)];
        file.read_exact_at(&mut buffer, from.read)?;
        // Of what is no whole line yet more may come with the next read, unless it is longer than any line.
        let whole = buffer.iter().rposition(|byte| *byte == b'\n').map_or(buffer.len(), |last| last + 1);
        buffer.truncate(whole);
        let mut at = from.read;
        let mut seen = None;
        for line in buffer.split_inclusive(|byte| *byte == b'\n') {
            if chunk.serves.len() == MOST_LINES {
                break;
            }
            let is_counted = at < from.counted;
            at += line.len() as u64;
            match decode(line.strip_suffix(b"\n").unwrap_or(line)) {
                Some(Read::Serve(serve, unless)) => {
                    seen = Some(serve.at);
                    chunk.serves.push((serve, unless));
                }
                Some(Read::Lost(gap)) => {
                    let gap = Some(gap).filter(|_| !is_counted);
                    chunk.gap = Gap::merged(chunk.gap, gap);
                }
                None if is_counted => {}
                None => {
                    let from = seen.unwrap_or(Timestamp::MAX);
                    chunk.gap = Gap::merged(chunk.gap, Some(Gap { from, count: 1 }));
                }
            }
        }
        chunk.more = at < self.end;
        chunk.end = Some(Position { read: at, ..from });
        Ok(chunk)
    }
}

/// What a line says.
enum Read {
    Serve(ServeLine, Option<Head>),
    Lost(Gap),
}

impl Line<'_> {
    fn lost(gap: Gap) -> Self {
        Self { serve: None, text: None, unless: None, lost: Some((gap.from, gap.count)) }
    }

    fn encode(&self) -> io::Result<Vec<u8>> {
        let json = serde_json::to_vec(self)?;
        let mut line = Vec::with_capacity(json.len() + 18);
        line.extend_from_slice(&checksum(&json));
        line.push(b' ');
        line.extend_from_slice(&json);
        line.push(b'\n');
        Ok(line)
    }
}

fn checksum(json: &[u8]) -> Vec<u8> {
    blake3::hash(json).to_hex().as_bytes().iter().copied().take(16).collect()
}

fn decode(line: &[u8]) -> Option<Read> {
    let (sum, json) = line.split_at_checked(16)?;
    let json = json.strip_prefix(b" ").filter(|json| checksum(json) == sum)?;
    let Line { serve, text, unless, lost } = serde_json::from_slice(json).ok()?;
    let unless = unless.map(|(seq, hash)| Head { seq, hash });
    match (serve, lost) {
        (Some(serve), _) => Some(Read::Serve(append::spooled(serve.get(), text).ok()?, unless)),
        (None, Some((from, count))) => Some(Read::Lost(Gap { from, count })),
        (None, None) => None,
    }
}

/// The id that a first line names.
fn id_of(header: &[u8]) -> Option<i64> {
    let header = std::str::from_utf8(header).ok()?;
    i64::from_str_radix(header.strip_prefix(TITLE)?.strip_suffix('\n')?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::super::testing::serve;
    use super::*;
    use crate::store::testing::at;

    fn lines(numbers: std::ops::RangeInclusive<u64>) -> Vec<ServeLine> {
        numbers.map(|n| append::serve(serve(n), Some(format!("Text {}.", n % 2).into())).unwrap()).collect()
    }

    /// A copy of what is there, as the next process finds it: the file itself is held by the one that has it open.
    fn open(dir: &tempfile::TempDir) -> Spool {
        let (path, copy) = (dir.path().join("spool"), dir.path().join("copy"));
        let path = if path.exists() {
            let _ = std::fs::remove_file(&copy);
            std::fs::copy(path, &copy).unwrap();
            copy
        } else {
            path
        };
        let (spool, opened) = Spool::open(path, 64 * 1024);
        opened.unwrap();
        spool
    }

    fn times(chunk: &Chunk) -> Vec<i64> {
        chunk.serves.iter().map(|(serve, _)| serve.at.as_second() - at(0).as_second()).collect()
    }

    #[test]
    fn what_was_written_is_read_again_byte_for_byte() {
        let dir = tempfile::tempdir().unwrap();
        let mut spool = open(&dir);
        let (written, entry) = (lines(1..=4), Head { seq: 7, hash: "aa".into() });
        assert_eq!(spool.append(&written, Some((2, &entry))).unwrap(), 4);
        let (mut again, chunk) = (open(&dir), spool.chunk().unwrap());
        assert_eq!(times(&again.chunk().unwrap()), [1, 2, 3, 4]);
        assert_eq!((again.waiting(), chunk.more, chunk.gap), (4, false, None));
        let same =
            chunk.serves.iter().zip(&written).all(|((read, _), written)| read.line() == written.line());
        assert!(same);
        let doubts: Vec<bool> = chunk.serves.iter().map(|(_, unless)| unless.is_some()).collect();
        assert_eq!(doubts, [true, true, false, false]);
        let texts: Vec<bool> = chunk.serves.iter().map(|(serve, _)| serve.text.is_some()).collect();
        assert_eq!(texts, [true, true, false, false], "each text once");
    }

    #[test]
    fn it_goes_on_where_the_store_says_and_begins_anew_when_all_is_there() {
        let dir = tempfile::tempdir().unwrap();
        let mut spool = open(&dir);
        spool.append(&lines(1..=2), None).unwrap();
        let end = spool.chunk().unwrap().end.unwrap();
        spool.append(&lines(3..=3), None).unwrap();
        let mut killed = open(&dir);
        assert_eq!(killed.resume(end).unwrap(), None);
        assert_eq!((killed.waiting(), times(&killed.chunk().unwrap())), (1, vec![3]));
        // Another filling's position is none of this one's.
        let mut other = open(&dir);
        other.resume(Position { id: end.id ^ 1, ..end }).unwrap();
        assert_eq!(times(&other.chunk().unwrap()), [1, 2, 3]);

        spool.advance(end, 2).unwrap();
        assert_eq!(times(&spool.chunk().unwrap()), [3]);
        let end = spool.chunk().unwrap().end.unwrap();
        spool.advance(end, 1).unwrap();
        assert_eq!((spool.waiting(), spool.fullness().0), (0, HEADER));
        assert_ne!(spool.position().id, end.id);
        assert_eq!(open(&dir).waiting(), 0);
    }

    #[test]
    fn lines_that_cannot_be_read_are_counted_and_the_others_are_not_lost() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("spool");
        let mut spool = open(&dir);
        spool.append(&lines(1..=4), None).unwrap();
        let mut bytes = std::fs::read(&path).unwrap();
        // Of the second line one letter is another, of the last one the end is missing.
        let second =
            HEADER as usize + bytes[HEADER as usize..].iter().position(|b| *b == b'\n').unwrap() + 40;
        bytes[second] ^= 1;
        bytes.truncate(bytes.len() - 5);
        std::fs::write(&path, &bytes).unwrap();

        let mut spool = open(&dir);
        spool.append(&lines(5..=5), None).unwrap();
        let gap = spool.resume(Position::default()).unwrap();
        assert_eq!(gap, Some(Gap { from: serve(1).at, count: 2 }));
        let chunk = spool.chunk().unwrap();
        assert_eq!((times(&chunk), chunk.gap), (vec![1, 3, 5], None), "counted once");

        // Without a first line nothing can be told but how much there is.
        for broken in ["x", "copyrail spool 2 0000000000000000\nx\ny\n"] {
            std::fs::write(&path, broken).unwrap();
            let mut spool = open(&dir);
            let lost = broken.lines().count() as u64;
            assert_eq!(
                spool.resume(Position::default()).unwrap().map(|gap| gap.count),
                Some(lost),
                "{broken}"
            );
            assert_eq!((spool.waiting(), spool.append(&lines(1..=1), None).unwrap()), (0, 1));
        }
    }

    #[test]
    fn it_takes_what_fits_and_keeps_room_for_its_last_words() {
        let dir = tempfile::tempdir().unwrap();
        let mut spool = open(&dir);
        let many = lines(1..=1_000);
        let fitted = spool.append(&many, None).unwrap();
        assert!((50..300).contains(&fitted), "{fitted}");
        assert_eq!((spool.has_room(), spool.append(&many, None).unwrap()), (false, 0));
        let (_, second) = Spool::open(dir.path().join("spool"), 64 * 1024);
        assert!(second.unwrap_err().to_string().starts_with("another service uses it"));
        assert!(!open(&dir).ended_in_order());
        spool.end(Gap { from: at(9), count: 3 }).unwrap();
        let length = std::fs::metadata(dir.path().join("spool")).unwrap().len();
        assert!(length <= 64 * 1024);
        let mut next = open(&dir);
        assert!(next.ended_in_order());
        assert_eq!(next.resume(Position::default()).unwrap(), Some(Gap { from: at(9), count: 3 }));
        assert_eq!(next.chunk().unwrap().serves.len(), fitted);
    }

    #[test]
    fn only_the_owner_may_read_it_and_its_room_is_its_own() {
        use std::os::unix::fs::MetadataExt;
        let dir = tempfile::tempdir().unwrap();
        let mut spool = open(&dir);
        let reserved = || std::fs::metadata(dir.path().join("spool")).unwrap();
        assert_eq!(reserved().mode() & 0o777, 0o600);
        if cfg!(target_os = "linux") {
            assert!(reserved().blocks() * 512 >= 64 * 1024);
            spool.append(&lines(1..=3), None).unwrap();
            let end = spool.chunk().unwrap().end.unwrap();
            spool.advance(end, 3).unwrap();
            assert!(reserved().blocks() * 512 >= 64 * 1024, "after it was emptied too");
        }
    }
}
