//! What snapshots say.
