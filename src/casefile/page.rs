//! A case as one file that needs nothing else.
use super::Case;
/// The page.
pub fn page(_case: &Case) -> Result<String, minijinja::Error> {
    Ok(String::new())
}
