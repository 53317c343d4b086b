//! The reference page of the documentation.
