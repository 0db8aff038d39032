//! What somebody should look at: pure, from values to alerts.
