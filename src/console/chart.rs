//! Figures drawn: small charts as inline SVG, from zero, labelled where they stand, each with its figures as a table under it.
