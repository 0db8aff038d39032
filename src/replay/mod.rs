//! Texts that were written or could be served, judged again: what other rules would make of them, and what could be shown now.
//! Knows no request and no model.
