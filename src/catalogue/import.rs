//! Reading a catalogue of JSON Lines into the store: all of it or nothing, and every fault by its line.

use std::collections::HashMap;
use std::io::{self, BufRead, Read};

use super::{FactsError, checked};
use crate::store::{Store, StoreError, products};

/// The most bytes one line may have.
const MAX_LINE: usize = 1024 * 1024;
/// How many faults are reported; reading ends there.
const MAX_FAULTS: usize = 20;
/// How many products one transaction writes.
const BATCH: usize = 1_000;
const BOM: &[u8] = b"\xef\xbb\xbf";

/// What an import did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Imported {
    /// Products read from the file.
    pub products: u64,
    /// Products in the catalogue afterwards.
    pub total: u64,
}

/// What is wrong with one line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {message}")]
pub struct LineFault {
    /// The line, from 1.
    pub line: u64,
    /// What is wrong, and what to write instead.
    pub message: String,
}

/// Why nothing was imported.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// Lines that are not products: the first twenty of them.
    #[error("nothing was imported:{}", .0.iter().map(|fault| format!("\n  {fault}")).collect::<String>())]
    Faults(Vec<LineFault>),
    /// The file has no product at all, and would have replaced the catalogue.
    #[error("there is no product in the file; nothing was imported")]
    Empty,
    /// Another import finished while this one ran.
    #[error("another import ran at the same time; nothing of this one was imported, run it again")]
    Overtaken,
    /// The file could not be read.
    #[error("the file could not be read, nothing was imported: {0}")]
    Read(#[from] io::Error),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Imports JSON Lines, one product each: `id` or `product_id`, `name`, any other fields. The whole catalogue is
/// replaced at once, or with `upsert` added to; on any fault it stays as it was. `progress` is told the bytes read so
/// far. Reading blocks, so this is for commands, not for a service's request.
///
/// # Errors
///
/// When lines are faulty, the file or the store fails, or another import came between. See [`ImportError`].
pub async fn import(
    store: &Store,
    reader: impl BufRead,
    upsert: bool,
    mut progress: impl FnMut(u64),
) -> Result<Imported, ImportError> {
    let before = products::edition(store).await?;
    let edition = products::new_edition(store).await?;
    let imported = match stage(store, edition, reader, &mut progress).await {
        Ok(0) if !upsert => Err(ImportError::Empty),
        Ok(products) => put_in_force(store, before, edition, products, upsert).await,
        Err(error) => Err(error),
    };
    match imported {
        Ok(_) => products::discard_before(store, edition).await?,
        // The fault that ended the import is the one to tell; what was staged is out of sight, and the next import
        // deletes it if this cannot.
        Err(_) => drop(products::discard(store, edition).await),
    }
    imported
}

async fn put_in_force(
    store: &Store,
    before: i64,
    edition: i64,
    products: u64,
    upsert: bool,
) -> Result<Imported, ImportError> {
    let carried = if upsert { products::carry_over(store, before, edition).await? } else { 0 };
    let total = products + carried;
    if !products::put_in_force(store, before, edition, total).await? {
        return Err(ImportError::Overtaken);
    }
    Ok(Imported { products, total })
}

/// Reads every line and writes the products beside the catalogue in force. Answers how many they are.
async fn stage(
    store: &Store,
    edition: i64,
    mut reader: impl BufRead,
    progress: &mut impl FnMut(u64),
) -> Result<u64, ImportError> {
    let (mut line, mut number, mut bytes) = (Vec::new(), 0, 0);
    let mut seen: HashMap<String, u64> = HashMap::new();
    let mut batch = Vec::with_capacity(BATCH);
    let mut faults = Vec::new();
    while faults.len() < MAX_FAULTS {
        let read = next_line(&mut reader, &mut line)?;
        if read == 0 {
            break;
        }
        number += 1;
        bytes += read;
        match product(&line, number, &mut seen) {
            Ok(Some(product)) => batch.push(product),
            Ok(None) => {}
            Err(message) => faults.push(LineFault { line: number, message }),
        }
        if batch.len() == BATCH {
            if faults.is_empty() {
                products::stage(store, edition, &batch).await?;
            }
            batch.clear();
            progress(bytes);
        }
    }
    if !faults.is_empty() {
        return Err(ImportError::Faults(faults));
    }
    products::stage(store, edition, &batch).await?;
    progress(bytes);
    Ok(seen.len() as u64)
}

/// Reads a line without its end into `line`; of one that is too long, the first part only. Answers how many bytes
/// were read, 0 at the end.
fn next_line(reader: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<u64> {
    line.clear();
    let mut read = reader.by_ref().take(MAX_LINE as u64 + 1).read_until(b'\n', line)? as u64;
    if line.last() == Some(&b'\n') {
        line.pop();
    } else if line.len() > MAX_LINE {
        read += reader.skip_until(b'\n')? as u64;
    }
    Ok(read)
}

/// The id and facts on a line; `None` when it is empty.
fn product(
    line: &[u8],
    number: u64,
    seen: &mut HashMap<String, u64>,
) -> Result<Option<(String, String)>, String> {
    if line.len() > MAX_LINE {
        return Err("longer than 1 MiB; write one product a line, with fewer facts".to_owned());
    }
    let line = if number == 1 { line.strip_prefix(BOM).unwrap_or(line) } else { line };
    if line.trim_ascii().is_empty() {
        return Ok(None);
    }
    let facts = serde_json::from_slice(line).map_err(|error| {
        format!("not JSON at column {}; write one product a line, as a JSON object", error.column())
    })?;
    let (id, facts) = checked(facts).map_err(|error| error.to_string())?;
    let id = id.ok_or_else(|| FactsError::NoId.to_string())?;
    if let Some(first) = seen.insert(id.clone(), number) {
        return Err(format!("product `{id}` is on line {first} already; keep one of the two"));
    }
    Ok(Some((id, facts.to_string())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::{count, look_up};
    use crate::store::testing::test_store;

    async fn names(store: &Store, ids: &[&str]) -> Vec<Option<String>> {
        let mut names = Vec::new();
        for id in ids {
            let product = look_up(store, id).await.unwrap();
            names.push(product.map(|product| product.facts["name"].as_str().unwrap().to_owned()));
        }
        names
    }

    #[tokio::test]
    async fn an_import_replaces_and_an_upsert_adds() {
        let held = test_store().await;
        let store = &held.store;
        let first =
            "\u{feff}{\"id\": 1, \"name\": \"Kettle\"}\r\n\n{\"product_id\": \"2\", \"name\": \"Pan\"}";
        let mut read = 0;
        let imported = import(store, first.as_bytes(), false, |bytes| read = bytes).await.unwrap();
        assert_eq!((imported, read), (Imported { products: 2, total: 2 }, first.len() as u64));
        assert_eq!(look_up(store, "2").await.unwrap().unwrap().facts["id"], "2");

        let second = "{\"id\": 2, \"name\": \"Wok\"}\n{\"id\": 3, \"name\": \"Cup\"}\n";
        let upserted = import(store, second.as_bytes(), true, |_| ()).await.unwrap();
        assert_eq!(upserted, Imported { products: 2, total: 3 });
        let expected = [Some("Kettle".to_owned()), Some("Wok".to_owned()), Some("Cup".to_owned())];
        assert_eq!(names(store, &["1", "2", "3"]).await, expected);

        import(store, &b"{\"id\": 4, \"name\": \"Jug\"}"[..], false, |_| ()).await.unwrap();
        assert_eq!(names(store, &["1", "4"]).await, [None, Some("Jug".to_owned())]);
        assert_eq!(count(store).await.unwrap(), 1);
        assert_eq!(held.number("SELECT count(*) FROM catalogue").await, 1, "older editions are deleted");
    }

    #[tokio::test]
    async fn every_fault_is_told_and_nothing_is_imported() {
        let held = test_store().await;
        import(&held.store, &b"{\"id\": 1, \"name\": \"Kettle\"}"[..], false, |_| ()).await.unwrap();
        let long = format!("{{\"id\": 9, \"name\": \"{}\"}}", "x".repeat(MAX_LINE));
        let lines = [
            r#"{"id": 2, "name": "Pan"}"#,
            r#"{"id": 3, "name": }"#,
            r#"["id", 4]"#,
            r#"{"id": 5}"#,
            r#"{"name": "Nobody's"}"#,
            r#"{"id": true, "name": "Cup"}"#,
            &long,
            r#"{"product_id": "2", "name": "Wok"}"#,
        ];
        let mut text = lines.join("\n").into_bytes();
        text.extend_from_slice(b"\n{\"id\": 6, \"name\": \"\xff\"}\n");
        let fault = import(&held.store, text.as_slice(), true, |_| ()).await.unwrap_err();
        insta::assert_snapshot!(fault);
        assert_eq!(names(&held.store, &["1", "2"]).await, [Some("Kettle".to_owned()), None]);
        assert_eq!(held.number("SELECT count(*) FROM catalogue").await, 1, "what was staged is deleted");
    }

    #[tokio::test]
    async fn at_most_twenty_faults_are_told_and_an_empty_file_replaces_nothing() {
        let held = test_store().await;
        let Err(ImportError::Faults(faults)) =
            import(&held.store, "{}\n".repeat(50).as_bytes(), false, |_| ()).await
        else {
            panic!("fifty faulty lines were imported");
        };
        assert_eq!(faults.len(), MAX_FAULTS);
        let empty = import(&held.store, &b"\n"[..], false, |_| ()).await;
        assert!(matches!(empty, Err(ImportError::Empty)));
    }

    #[tokio::test]
    async fn an_import_that_was_overtaken_changes_nothing() {
        let held = test_store().await;
        let late = products::new_edition(&held.store).await.unwrap();
        import(&held.store, &b"{\"id\": 1, \"name\": \"Kettle\"}"[..], false, |_| ()).await.unwrap();
        let result = put_in_force(&held.store, 0, late, 0, false).await;
        assert!(matches!(result, Err(ImportError::Overtaken)));
        assert_eq!(names(&held.store, &["1"]).await, [Some("Kettle".to_owned())]);
    }

    #[tokio::test]
    async fn large_catalogues_are_written_in_several_transactions() {
        let held = test_store().await;
        let line = |n: usize| format!("{{\"id\": {n}, \"name\": \"Product {n}\"}}\n");
        let all: String = (0..6_500).map(line).collect();
        import(&held.store, all.as_bytes(), false, |_| ()).await.unwrap();
        let upserted = import(&held.store, line(0).as_bytes(), true, |_| ()).await.unwrap();
        assert_eq!(upserted, Imported { products: 1, total: 6_500 });
        assert_eq!(held.number("SELECT count(*) FROM catalogue").await, 6_500);
    }
}
