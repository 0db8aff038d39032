//! Folders as values: the text of every file that people edit, at one moment.

use std::io;
use std::path::Path;

use crate::config::PolicySettings;
use crate::diagnostic::{Diagnostic, Span};
use crate::document::{Files, MAX_FILE};

/// The most files that one folder may hold.
const MAX_FILES: usize = 5_000;
/// The deepest folders that are looked into.
const MAX_DEPTH: usize = 8;
/// The endings of files that people edit; editors' own files have others.
const ENDINGS: [&str; 4] = [".yml", ".yaml", ".prompty", ".txt"];

/// The files of one set, or a diagnostic for each file or folder of it that cannot be read.
pub type Read = Result<Files, Vec<Diagnostic>>;

/// The files of a policy as they are right now. Each set is read by itself, so that neither holds back the other.
#[derive(Clone, Debug)]
pub struct Sources {
    /// The guardrails' files.
    pub guardrails: Read,
    /// The segments' file and the prompts' files.
    pub copy: Read,
}

impl Sources {
    /// Reads them all.
    pub fn read(settings: &PolicySettings) -> Self {
        let whole =
            |files: Files, faults: Vec<Diagnostic>| if faults.is_empty() { Ok(files) } else { Err(faults) };
        let (mut guardrails, mut copy) = ((Files::new(), Vec::new()), (Files::new(), Vec::new()));
        read_dir(&settings.guardrails, &mut guardrails.0, &mut guardrails.1);
        read_dir(&settings.prompts, &mut copy.0, &mut copy.1);
        read_file(&settings.segments, &mut copy.0, &mut copy.1);
        Self { guardrails: whole(guardrails.0, guardrails.1), copy: whole(copy.0, copy.1) }
    }
}

/// Reads one file under the path that a person would type.
pub fn read_file(path: &Path, into: &mut Files, faults: &mut Vec<Diagnostic>) {
    let name = shown(path);
    let fault = |message: String, help: &str| Diagnostic::error(&name, Span::START, message).with_help(help);
    match std::fs::metadata(path) {
        Ok(metadata) if metadata.len() > MAX_FILE as u64 => {
            return faults
                .push(fault("the file is too large".into(), "split it, or take out what is not needed"));
        }
        Ok(_) => {}
        Err(error) => {
            return faults
                .push(fault(format!("cannot be read: {error}"), "check that it is there and may be read"));
        }
    }
    match std::fs::read(path).map(String::from_utf8) {
        Ok(Ok(text)) => {
            into.insert(name, text);
        }
        Ok(Err(_)) => faults.push(fault("the file is no UTF-8 text".into(), "save it as UTF-8")),
        Err(error) => faults.push(fault(format!("cannot be read: {error}"), "check that it may be read")),
    }
}

/// Reads every file below a folder that people edit. Names that begin with a dot are passed over: editors and
/// ConfigMaps keep their own things there. Links are followed.
pub fn read_dir(dir: &Path, into: &mut Files, faults: &mut Vec<Diagnostic>) {
    if let Err(error) = walk(dir, 0, into, faults) {
        faults.push(
            Diagnostic::error(shown(dir), Span::START, format!("the folder cannot be read: {error}"))
                .with_help("check that it is there and may be read"),
        );
    }
}

fn walk(dir: &Path, depth: usize, into: &mut Files, faults: &mut Vec<Diagnostic>) -> io::Result<()> {
    let mut entries: Vec<_> = std::fs::read_dir(dir)?.collect::<io::Result<_>>()?;
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        let (name, path) = (entry.file_name().to_string_lossy().into_owned(), entry.path());
        if name.starts_with('.') {
            continue;
        }
        // A link that leads nowhere is named by itself, when it is read.
        if std::fs::metadata(&path).is_ok_and(|metadata| metadata.is_dir()) {
            if depth < MAX_DEPTH {
                walk(&path, depth + 1, into, faults)?;
            }
        } else if ENDINGS.iter().any(|ending| name.to_lowercase().ends_with(ending)) {
            if into.len() >= MAX_FILES {
                return Err(io::Error::other(format!("it holds more than {MAX_FILES} files")));
            }
            read_file(&path, into, faults);
        }
    }
    Ok(())
}

/// A path with forward slashes and without `./` before it.
pub(crate) fn shown(path: &Path) -> String {
    let text = path.to_string_lossy().replace('\\', "/");
    text.strip_prefix("./").map_or_else(|| text.clone(), str::to_owned)
}
