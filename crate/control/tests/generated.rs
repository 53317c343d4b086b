//! What is made from the list of commands is in the repository as it would be made now. `BLESS=1` writes it.

use tinamou_control::schema::{reference, typescript};

fn same(path: &str, text: &str) {
    let path = format!("{}/../../{path}", env!("CARGO_MANIFEST_DIR"));
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, text).unwrap();
    }
    let there = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        there == text,
        "{path} is not what the list says: BLESS=1 writes it"
    );
}

#[test]
fn reference_page() {
    same("www/docs/qmp.html", &reference::page());
}

#[test]
fn types() {
    same("www/qmp-types.d.ts", &typescript::declarations());
}
