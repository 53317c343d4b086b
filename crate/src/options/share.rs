//! `-fsdev` and `-virtfs`: folders of this host for guests.

use serde_json::json;

use super::Options;
use super::keyval::{self, on_off, unknown};

/// A folder.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Share {
    /// Its name here.
    pub id: String,
    /// Where it is.
    pub path: String,
    /// Guests may not write.
    pub read_only: bool,
}

/// Reads `-fsdev`; `-virtfs` (`card`) plugs a card for it as well.
///
/// # Errors
/// A sentence for the user.
pub fn add(options: &mut Options, text: &str, card: bool) -> Result<(), String> {
    let mut share = Share::default();
    let mut tag = None;
    for p in keyval::parse(text, Some("fsdriver"))? {
        match p.key.as_str() {
            "fsdriver" if p.value == "local" => {}
            "fsdriver" => return Err(format!("no file system driver '{}' (local)", p.value)),
            "id" => share.id.clone_from(&p.value),
            "path" => share.path.clone_from(&p.value),
            "mount_tag" if card => tag = Some(p.value.clone()),
            "readonly" => share.read_only = on_off(&p)?,
            // Files belong to whom they belong here.
            "security_model" if ["none", "passthrough"].contains(&p.value.as_str()) => {}
            "security_model" => {
                return Err(format!(
                    "security_model {} is not there (none, passthrough)",
                    p.value
                ));
            }
            "writeout" | "multidevs" => {}
            _ => return Err(unknown(&p)),
        }
    }
    if share.path.is_empty() {
        return Err("needs path=".into());
    }
    if card {
        let tag = tag.ok_or("needs mount_tag=")?;
        if share.id.is_empty() {
            share.id.clone_from(&tag);
        }
        options.devices.push(json!({
            "driver": "virtio-9p-pci", "fsdev": share.id, "mount_tag": tag,
        }));
    }
    if share.id.is_empty() {
        return Err("needs id=".into());
    }
    if options.shares.iter().any(|s| s.id == share.id) {
        return Err(format!(
            "there is a folder with the id '{}' already",
            share.id
        ));
    }
    options.shares.push(share);
    Ok(())
}
