//! What is banned or dropped outside the files: stops, rejected and taken-down texts, purges. Knows no request and no rule of
//! the files.
