//! The files that pages load. All of them are in the executable; their addresses change with their content, so that browsers
//! keep them for good.

use std::sync::LazyLock;

use axum::extract::Path;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

/// Where files are.
pub(super) const BELOW: &str = "/console/assets/";

/// A file: its name, what it is, its content.
struct Asset {
    name: &'static str,
    kind: &'static str,
    content: &'static [u8],
}

const ASSETS: &[Asset] = &[
    Asset {
        name: "console.css",
        kind: "text/css; charset=utf-8",
        content: include_bytes!("assets/console.css"),
    },
    Asset {
        name: "console.js",
        kind: "text/javascript; charset=utf-8",
        content: include_bytes!("assets/console.js"),
    },
    // Version 2.0.11, as its makers publish it; its licence stands beside it.
    Asset {
        name: "htmx.js",
        kind: "text/javascript; charset=utf-8",
        content: include_bytes!("assets/htmx.min.js"),
    },
    Asset { name: "icon.svg", kind: "image/svg+xml", content: include_bytes!("assets/icon.svg") },
];

/// Each file's name with a part of the hash of its content before it.
static NAMES: LazyLock<Vec<String>> = LazyLock::new(|| {
    let named = |asset: &Asset| {
        let hash: String = blake3::hash(asset.content).to_hex().chars().take(12).collect();
        format!("{hash}-{}", asset.name)
    };
    ASSETS.iter().map(named).collect()
});

/// The address of a file.
pub(super) fn address(name: &str) -> String {
    let at = ASSETS.iter().position(|asset| asset.name == name);
    let named = at.and_then(|at| NAMES.get(at)).map_or(name, String::as_str);
    format!("{BELOW}{named}")
}

/// A file. Nobody has to sign in for it: it says nothing of the shop.
pub(super) async fn file(Path(file): Path<String>) -> Response {
    let at = NAMES.iter().position(|named| *named == file);
    let Some(asset) = at.and_then(|at| ASSETS.get(at)) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let for_good = HeaderValue::from_static("public, max-age=31536000, immutable");
    let kind = HeaderValue::from_static(asset.kind);
    ([(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, for_good)], asset.content).into_response()
}
