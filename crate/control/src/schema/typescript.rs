//! The page's types.
