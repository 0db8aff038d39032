//! JSON Lines: one object a line, bounded, with a progress bar where somebody watches.

use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Read, Write};
use std::path::Path;

use indicatif::ProgressBar;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{Failure, Shell};

/// The longest line that is read, in bytes.
const MAX_LINE: u64 = 1024 * 1024;

/// The lines of a file, or of standard input.
pub(super) struct Lines {
    reader: BufReader<Box<dyn Read>>,
    bar: ProgressBar,
    number: u64,
    line: Vec<u8>,
}

/// One line that is not blank.
pub(super) struct Line<'l> {
    /// Its number, from 1.
    pub(super) number: u64,
    /// Its bytes, or `None` when it is too long.
    bytes: Option<&'l [u8]>,
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
        Ok(Self { reader: BufReader::new(input), bar, number: 0, line: Vec::new() })
    }

    /// The next line that is not blank; `None` at the end.
    pub(super) fn next(&mut self) -> std::io::Result<Option<Line<'_>>> {
        loop {
            self.line.clear();
            let read = self.reader.by_ref().take(MAX_LINE + 1).read_until(b'\n', &mut self.line)?;
            if read == 0 {
                return Ok(None);
            }
            self.number += 1;
            self.bar.inc(read as u64);
            // One byte more was asked for than a line may have: its end.
            let ended = self.line.last() == Some(&b'\n');
            let whole = ended || read as u64 <= MAX_LINE;
            if !whole {
                self.skip_rest()?;
            }
            if !self.line.iter().all(u8::is_ascii_whitespace) {
                // Editors of some systems begin files with a byte order mark.
                let marked = self.line.strip_prefix(b"\xef\xbb\xbf").filter(|_| self.number == 1);
                let bytes = whole.then(|| marked.unwrap_or(&self.line).trim_ascii_end());
                return Ok(Some(Line { number: self.number, bytes }));
            }
        }
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

    /// Whether nothing more has arrived.
    fn is_drained(&self) -> bool {
        self.reader.buffer().is_empty()
    }
}

/// Answers a file line by line: one object in, one object out, in order, as soon as a program at the other end of a pipe
/// may wait for it. `Err` holds what is answered to a faulty line; the others are answered all the same.
///
/// # Errors
/// [`Failure::NotInOrder`] at the end, when a line was faulty.
pub(super) fn answer(
    path: &Path,
    shell: &Shell,
    answered: impl Fn(&Line<'_>) -> Result<Value, Value>,
) -> Result<(), Failure> {
    let mut lines = Lines::open(path, shell)?;
    let mut out = BufWriter::new(std::io::stdout().lock());
    let mut faulty = false;
    while let Some(line) = lines.next()? {
        let answer = answered(&line).unwrap_or_else(|fault| {
            faulty = true;
            fault
        });
        serde_json::to_writer(&mut out, &answer).map_err(std::io::Error::from)?;
        out.write_all(b"\n")?;
        if lines.is_drained() {
            out.flush()?;
        }
    }
    out.flush()?;
    if faulty { Err(Failure::NotInOrder) } else { Ok(()) }
}

impl Drop for Lines {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

impl Line<'_> {
    /// The object of this line; `what` names it where it is none, as in "an object of `id` and `text`".
    pub(super) fn read<T: DeserializeOwned>(&self, what: &str) -> Result<T, String> {
        let bytes = self.bytes.ok_or_else(|| format!("the line is longer than {} KiB", MAX_LINE / 1024))?;
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
