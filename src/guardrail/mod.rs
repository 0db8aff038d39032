//! Guardrails: the rules that copy must pass before anybody sees it.

mod fold;
mod text;
