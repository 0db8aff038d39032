//! Folders as values: the text of every file that people edit, at one moment.

use std::io::{self, Read as _};
use std::path::Path;

use super::Set;
use crate::config::PolicySettings;
use crate::diagnostic::{Diagnostic, Span};
use crate::document::{Files, MAX_FILE};

/// The most files that one folder may hold.
const MAX_FILES: usize = 5_000;
/// The most bytes that the files of one folder may have in all.
const MAX_BYTES: u64 = 64 * 1024 * 1024;
/// The deepest folders that are looked into.
const MAX_DEPTH: usize = 8;
/// The endings of files that people edit; editors' own files have others.
const ENDINGS: [&str; 4] = [".yml", ".yaml", ".prompty", ".txt"];

/// The files of one set, or a diagnostic for each file or folder of it that cannot be read.
pub type Read = Result<Files, Vec<Diagnostic>>;

/// The files of a policy as they are right now. Each set is read by itself, so that neither holds back the other; one that is
/// being written is `None`, and looked at again.
#[derive(Clone, Debug)]
pub struct Sources {
    /// The guardrails' files.
    pub guardrails: Option<Read>,
    /// The segments' file and the prompts' files.
    pub copy: Option<Read>,
}

impl Sources {
    /// Reads them all.
    pub fn read(settings: &PolicySettings) -> Self {
        let whole =
            |files: Files, faults: Vec<Diagnostic>| if faults.is_empty() { Ok(files) } else { Err(faults) };
        let (mut guardrails, mut copy) = ((Files::new(), Vec::new()), (Files::new(), Vec::new()));
        read_folder(&settings.guardrails, &mut guardrails.0, &mut guardrails.1);
        read_folder(&settings.prompts, &mut copy.0, &mut copy.1);
        read_file(&settings.segments, &mut copy.0, &mut copy.1);
        Self { guardrails: Some(whole(guardrails.0, guardrails.1)), copy: Some(whole(copy.0, copy.1)) }
    }

    /// What two reads agree on, the later of which this is: files that differ are being written, or were swapped while they
    /// were read.
    pub fn at_rest(self, before: &Self) -> Self {
        let agreed =
            |read: Option<Read>, before: &Option<Read>| read.filter(|read| before.as_ref() == Some(read));
        Self {
            guardrails: agreed(self.guardrails, &before.guardrails),
            copy: agreed(self.copy, &before.copy),
        }
    }

    /// Whether all of it was read at rest.
    pub fn is_whole(&self) -> bool {
        self.guardrails.is_some() && self.copy.is_some()
    }
}

/// Reads one file under the path that a person would type.
pub fn read_file(path: &Path, into: &mut Files, faults: &mut Vec<Diagnostic>) {
    let name = shown(path);
    let mut fault = |message: String, help: &str| {
        faults.push(Diagnostic::error(&name, Span::START, message).with_help(help))
    };
    match read_text(path) {
        Ok(Content::Text(text)) => {
            into.insert(name, text);
        }
        Ok(Content::NoText) => fault("the file is no UTF-8 text".into(), "save it as UTF-8"),
        Ok(Content::TooLarge) => {
            fault("the file is too large".into(), "split it, or take out what is not needed")
        }
        Ok(Content::NoFile) => fault("it is no file".into(), "put a file in its place, or take it away"),
        Err(error) => fault(format!("cannot be read: {error}"), "check that it is there and may be read"),
    }
}

/// What stands at a path.
enum Content {
    Text(String),
    NoText,
    TooLarge,
    /// A pipe, a device, a folder: what never ends or never begins is not read.
    NoFile,
}

fn read_text(path: &Path) -> io::Result<Content> {
    if !std::fs::metadata(path)?.is_file() {
        return Ok(Content::NoFile);
    }
    let mut bytes = Vec::new();
    // It may grow while it is read.
    std::fs::File::open(path)?.take(MAX_FILE as u64 + 1).read_to_end(&mut bytes)?;
    if bytes.len() > MAX_FILE {
        return Ok(Content::TooLarge);
    }
    Ok(String::from_utf8(bytes).map_or(Content::NoText, Content::Text))
}

/// Reads every file below a folder of which a service needs at least one: an empty folder is a disk that was not mounted, and no
/// wish to do without rules or without copy.
pub(super) fn read_folder(dir: &Path, into: &mut Files, faults: &mut Vec<Diagnostic>) {
    let before = (into.len(), faults.len());
    read_dir(dir, into, faults);
    if (into.len(), faults.len()) == before {
        let fault = Diagnostic::error(shown(dir), Span::START, "this folder holds no file that is read");
        faults.push(fault.with_help("put the files back, or see whether the disk that they are on is there"));
    }
}

/// Reads every file below a folder that people edit. Names that begin with a dot are passed over: editors and
/// ConfigMaps keep their own things there. Links are followed.
pub fn read_dir(dir: &Path, into: &mut Files, faults: &mut Vec<Diagnostic>) {
    let mut room = MAX_BYTES;
    if let Err(error) = walk(dir, 0, &mut room, into, faults) {
        faults.push(
            Diagnostic::error(shown(dir), Span::START, format!("the folder cannot be read: {error}"))
                .with_help("check that it is there and may be read"),
        );
    }
}

fn walk(
    dir: &Path,
    depth: usize,
    room: &mut u64,
    into: &mut Files,
    faults: &mut Vec<Diagnostic>,
) -> io::Result<()> {
    let mut entries: Vec<_> = std::fs::read_dir(dir)?.collect::<io::Result<_>>()?;
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        let (name, path) = (entry.file_name().to_string_lossy().into_owned(), entry.path());
        if name.starts_with('.') {
            continue;
        }
        // A link that leads nowhere is named by itself, when it is read.
        if std::fs::metadata(&path).is_ok_and(|metadata| metadata.is_dir()) {
            // What is passed over in silence could be a rule.
            if depth >= MAX_DEPTH {
                let message = format!("its folders are more than {MAX_DEPTH} deep at {}", shown(&path));
                return Err(io::Error::other(message));
            }
            walk(&path, depth + 1, room, into, faults)?;
        } else if ENDINGS.iter().any(|ending| name.to_lowercase().ends_with(ending)) {
            if into.len() >= MAX_FILES {
                return Err(io::Error::other(format!("it holds more than {MAX_FILES} files")));
            }
            read_file(&path, into, faults);
            let length = into.get(&shown(&path)).map_or(0, |text| text.len() as u64);
            *room = room.checked_sub(length).ok_or_else(|| {
                io::Error::other(format!("its files have more than {} MiB", MAX_BYTES / (1024 * 1024)))
            })?;
        }
    }
    Ok(())
}

/// A path as people type it: with forward slashes and without `./` before it.
pub fn shown(path: &Path) -> String {
    let text = path.to_string_lossy().replace('\\', "/");
    text.strip_prefix("./").map_or_else(|| text.clone(), str::to_owned)
}

/// A set's files under the paths that the settings name: they may have stood elsewhere when they were kept.
pub fn at_home(set: Set, files: &Files, settings: &PolicySettings) -> Files {
    if set == Set::Guardrails {
        return moved(files, &shown(&settings.guardrails));
    }
    let segments = shown(&settings.segments);
    let name = segments.rsplit('/').next().unwrap_or(&segments);
    let is_segments =
        |path: &str| path == segments || path.rsplit('/').next() == Some(name) && !path.ends_with(".prompty");
    let (mut own, others): (Files, Files) =
        files.clone().into_iter().partition(|(path, _)| is_segments(path));
    let mut home = moved(&others, &shown(&settings.prompts));
    home.extend(own.pop_first().map(|(_, text)| (segments.clone(), text)));
    home
}

/// Files under another folder than the one in which all of them stand; as they are where they are under it.
fn moved(files: &Files, to: &str) -> Files {
    let mut folders = files.keys().map(|path| path.rsplit_once('/').map_or("", |(folder, _)| folder));
    let first = folders.next().unwrap_or_default();
    let common = folders.fold(first, |common, folder| {
        let mut at = common;
        while !(at.is_empty()
            || folder == at
            || folder.strip_prefix(at).is_some_and(|rest| rest.starts_with('/')))
        {
            at = at.rsplit_once('/').map_or("", |(above, _)| above);
        }
        at
    });
    if common.is_empty() || common == to {
        return files.clone();
    }
    let path = |path: &str| format!("{to}{}", path.strip_prefix(common).unwrap_or(path));
    files.iter().map(|(name, text)| (path(name), text.clone())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_that_stood_elsewhere_are_held_against_those_here() {
        let files = |paths: &[&str]| -> Files {
            paths.iter().map(|path| ((*path).to_owned(), String::new())).collect()
        };
        for (before, after) in [
            (
                &["/srv/old/rules/a.yml", "/srv/old/rules/cases/b.yml"][..],
                &["rules/a.yml", "rules/cases/b.yml"][..],
            ),
            (&["rules/a.yml", "rules/cases/b.yml"], &["rules/a.yml", "rules/cases/b.yml"]),
            (&["/srv/rules/a.yml"], &["rules/a.yml"]),
            (&["/srv/a/x.yml", "/srv/ab/y.yml"], &["rules/a/x.yml", "rules/ab/y.yml"]),
            (&[], &[]),
        ] {
            assert_eq!(moved(&files(before), "rules"), files(after));
        }
    }
}
