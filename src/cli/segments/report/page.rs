//! The report as a page.

use super::Whole;
use crate::cli::Failure;

pub(super) fn html(_whole: &Whole) -> Result<String, Failure> {
    Ok(String::new())
}
