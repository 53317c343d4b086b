//! Where firmware files are: named as such, or in one of the folders of `-L` and of the system's packages.

use std::path::{Path, PathBuf};

use crate::host::why;
use crate::options::Options;

/// Folders of Debian's packages, looked at after those of `-L`.
pub const FOLDERS: [&str; 2] = ["/usr/share/seabios", "/usr/share/qemu"];

/// The file that a firmware's name means: a path as it is, else the first of that name in a folder.
fn find(options: &Options, name: &str) -> Option<PathBuf> {
    let own = options.firmware_folders.iter().map(String::as_str);
    let folders = own
        .chain(FOLDERS)
        .map(|folder| Path::new(folder).join(name));
    std::iter::once(PathBuf::from(name))
        .chain(folders)
        .find(|path| path.exists())
}

/// Reads the firmware that the user named.
///
/// # Errors
/// A sentence for the user.
pub fn read(options: &Options, name: &str) -> Result<Vec<u8>, String> {
    let path = find(options, name).unwrap_or_else(|| name.into());
    std::fs::read(path).map_err(|e| format!("could not load firmware '{name}': {}", why(&e)))
}

/// Reads a board's own firmware, which a package of the system brings.
///
/// # Errors
/// A sentence for the user.
pub fn own(options: &Options, name: &str) -> Result<Vec<u8>, String> {
    if find(options, name).is_none() {
        return Err(format!(
            "no firmware '{name}': Debian's package seabios has it; -L names another folder"
        ));
    }
    read(options, name)
}
