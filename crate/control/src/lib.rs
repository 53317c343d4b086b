//! Placeholder head; see DESIGN.md.
