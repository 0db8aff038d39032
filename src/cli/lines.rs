//! JSON Lines: one object a line, bounded, with a progress bar where somebody watches. Answered on all cores, in the order
//! of the lines.

use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Read, Write};
use std::path::Path;

use indicatif::ProgressBar;
use rayon::prelude::*;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{Failure, Shell};

/// The longest line that is read, in bytes.
const MAX_LINE: u64 = 1024 * 1024;

/// How much is read at once, in bytes.
const READ_AHEAD: usize = 256 * 1024;
/// The most lines that are answered together, for each core.
pub(super) const TOGETHER: usize = 64;

/// The lines of a file, or of standard input.
pub(super) struct Lines {
    reader: BufReader<Box<dyn Read>>,
    bar: ProgressBar,
    number: u64,
}

/// One line that is not blank.
pub(super) struct Line {
    /// Its number, from 1.
    pub(super) number: u64,
    /// Its bytes, or `None` when it is too long.
    bytes: Option<Vec<u8>>,
}

impl Lines {
    /// Opens a file; `-` is standard input.
    pub(super) fn open(path: &Path, shell: &Shell) -> Result<Self, Failure> {
        let (input, size): (Box<dyn Read>, u64) = if path.as_os_str() == "-" {
            (Box::new(std::io::stdin().lock()), 0)
        } else {
            let opened = File::open(path).and_then(|file| match file.metadata()? {
                metadata if metadata.is_dir() => Err(std::io::ErrorKind::IsADirectory.into()),
                metadata => Ok((file, metadata.len())),
            });
            let (file, size) = opened
                .map_err(|error| Failure::Usage(format!("{} cannot be read: {error}", path.display())))?;
            (Box::new(file), size)
        };
        let bar = super::catalog::progress(size, shell.out.watched && size > 0 && !shell.out.colour);
        Ok(Self { reader: BufReader::with_capacity(READ_AHEAD, input), bar, number: 0 })
    }

    /// The next line that is not blank; `None` at the end.
    pub(super) fn next(&mut self) -> std::io::Result<Option<Line>> {
        loop {
            let mut line = Vec::new();
            let read = self.reader.by_ref().take(MAX_LINE + 1).read_until(b'\n', &mut line)?;
            if read == 0 {
                return Ok(None);
            }
            self.number += 1;
            self.bar.inc(read as u64);
            // One byte more was asked for than a line may have: its end.
            let ended = line.last() == Some(&b'\n');
            let whole = ended || read as u64 <= MAX_LINE;
            if !whole {
                self.skip_rest()?;
            }
            if !line.iter().all(u8::is_ascii_whitespace) {
                // Editors of some systems begin files with a byte order mark.
                if self.number == 1 && line.starts_with(b"\xef\xbb\xbf") {
                    line.drain(..3);
                }
                line.truncate(line.trim_ascii_end().len());
                return Ok(Some(Line { number: self.number, bytes: whole.then_some(line) }));
            }
        }
    }

    /// The next lines: one at least, for which it waits, and what has arrived behind it. None at the end.
    pub(super) fn next_together(&mut self, most: usize) -> std::io::Result<Vec<Line>> {
        let mut lines = Vec::new();
        while (lines.is_empty() || (lines.len() < most && self.has_line()))
            && let Some(line) = self.next()?
        {
            lines.push(line);
        }
        Ok(lines)
    }

    fn skip_rest(&mut self) -> std::io::Result<()> {
        loop {
            let buffer = self.reader.fill_buf()?;
            if buffer.is_empty() {
                return Ok(());
            }
            let (used, ended) = match buffer.iter().position(|byte| *byte == b'\n') {
                Some(at) => (at + 1, true),
                None => (buffer.len(), false),
            };
            self.reader.consume(used);
            if ended {
                return Ok(());
            }
        }
    }

    /// Whether another line has arrived as a whole.
    fn has_line(&self) -> bool {
        self.reader.buffer().contains(&b'\n')
    }
}

/// Answers a file line by line: one object in, one object out, in order, as soon as a program at the other end of a pipe
/// may wait for it. Lines that arrive together are answered on all cores; no more than those are held at once. `Err`
/// holds what is answered to a faulty line; the others are answered all the same.
///
/// # Errors
/// [`Failure::NotInOrder`] at the end, when a line was faulty.
pub(super) fn answer(
    path: &Path,
    shell: &Shell,
    answered: impl Fn(&Line) -> Result<Value, Value> + Sync,
) -> Result<(), Failure> {
    let mut lines = Lines::open(path, shell)?;
    let mut out = BufWriter::new(std::io::stdout().lock());
    let mut faulty = false;
    let written = |line: &Line| {
        let (answer, fault) = match answered(line) {
            Ok(answer) => (answer, false),
            Err(answer) => (answer, true),
        };
        serde_json::to_vec(&answer).map(|written| (written, fault)).map_err(std::io::Error::from)
    };
    let most = TOGETHER * rayon::current_num_threads();
    loop {
        let together = lines.next_together(most)?;
        let answers: Vec<_> = match &*together {
            [] => break,
            [line] => vec![written(line)],
            lines => lines.par_iter().map(written).collect(),
        };
        for answer in answers {
            let (answer, fault) = answer?;
            faulty |= fault;
            out.write_all(&answer)?;
            out.write_all(b"\n")?;
        }
        out.flush()?;
    }
    if faulty { Err(Failure::NotInOrder) } else { Ok(()) }
}

impl Drop for Lines {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

impl Line {
    /// The object of this line; `what` names it where it is none, as in "an object of `id` and `text`".
    pub(super) fn read<T: DeserializeOwned>(&self, what: &str) -> Result<T, String> {
        let bytes = self
            .bytes
            .as_deref()
            .ok_or_else(|| format!("the line is longer than {} KiB", MAX_LINE / 1024))?;
        // The reader would take a list of the fields' values too.
        if bytes.trim_ascii_start().first() != Some(&b'{') {
            return Err(format!("not {what}"));
        }
        serde_json::from_slice(bytes).map_err(|error| {
            let error = error.to_string().replace(" at line 1 column ", " at column ");
            format!("not {what}: {error}")
        })
    }
}
