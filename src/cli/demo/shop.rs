//! The demo's shop: the files of the working directory or those built in, and a catalogue.

use std::io::Cursor;
use std::path::Path;

use include_dir::{Dir, include_dir};
use serde_json::Value;

use super::Failure;
use crate::catalogue::{self, ImportError};
use crate::cli::output::at;
use crate::config::Settings;
use crate::store::{Access, Store};

static PROMPTS: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/prompts");
static GUARDRAILS: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/guardrails");
const SEGMENTS: &str = include_str!("../../../config/segments.yml");
const CATALOGUE: &str = include_str!("../../../config/sample-catalogue.jsonl");

/// A catalogue as text, and the id and name of each product.
pub(super) struct Products {
    pub(super) text: String,
    pub(super) lines: Vec<(String, String)>,
}

/// Whether the working directory holds a shop.
pub(super) fn in_working_directory() -> bool {
    ["prompts", "guardrails", "config/segments.yml"].iter().all(|path| Path::new(path).exists())
}

/// Writes the built-in shop below a folder.
pub(super) fn unpack(folder: &Path) -> Result<(), Failure> {
    for (name, dir) in [("prompts", &PROMPTS), ("guardrails", &GUARDRAILS)] {
        std::fs::create_dir_all(folder.join(name))?;
        dir.extract(folder.join(name))?;
    }
    std::fs::create_dir_all(folder.join("config"))?;
    Ok(std::fs::write(folder.join("config/segments.yml"), SEGMENTS)?)
}

/// Reads a catalogue, or the built-in one.
pub(super) fn products(file: Option<&Path>) -> Result<Products, Failure> {
    let text = match file {
        None => CATALOGUE.to_owned(),
        Some(path) => std::fs::read_to_string(path)
            .map_err(|error| Failure::Usage(format!("{} cannot be read: {error}", path.display())))?,
    };
    let text_of = |value: &Value| match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => String::new(),
    };
    let lines = text
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line.trim_start_matches('\u{feff}')).ok())
        .map(|p| (text_of(p.get("id").unwrap_or(at(&p, "/product_id"))), text_of(at(&p, "/name"))))
        .collect();
    Ok(Products { text, lines })
}

/// Imports the catalogue into the demo's store; the importer says what is wrong with it.
pub(super) async fn import(settings: &Settings, products: &Products) -> Result<(), Failure> {
    let store = Store::open(&settings.store_url, Access::Beside).await?;
    let imported = catalogue::import(&store, Cursor::new(products.text.as_bytes()), false, |_| ()).await;
    store.close().await;
    match imported {
        Ok(_) => Ok(()),
        Err(ImportError::Faults(faults)) => {
            let faults: Vec<String> =
                faults.iter().map(|f| format!("line {}: {}", f.line, f.message)).collect();
            Err(anyhow::anyhow!("the catalogue is faulty:\n{}", faults.join("\n")).into())
        }
        Err(error) => Err(Failure::Failed(error.into())),
    }
}
