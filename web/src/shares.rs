//! Folders that the page shares with a guest by 9P: trees in memory, which the page fills, lists and reads. A folder's name is the guest's mount tag.

use js_sys::{Array, Object, Reflect, Uint8Array};
use serde_json::{Value, json};
use tinamou_hw::virtio::p9::mem::MemTree;
use tinamou_hw::virtio::p9::tree::{Attr, Change, Errno, FileTree, Shared, is_name};
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast, JsValue};

use crate::machine::{Machine, object};

/// What a folder holds at most: a tab has little more.
const MOST_BYTES: u64 = 512 << 20;
/// Longest name, in bytes, as the card has it.
const LONGEST_TAG: usize = 31;
const FOLDER: u32 = 0o040_000;
const FILE: u32 = 0o100_000;
const KIND: u32 = 0o170_000;

/// The folders, by name.
#[derive(Default)]
pub struct Shares {
    all: Vec<(String, Shared)>,
    /// Files have dates.
    dated: bool,
}

fn now_ns() -> u64 {
    (js_sys::Date::now() * 1e6) as u64
}

/// A path of names, without a slash at its beginning.
fn checked(path: &str) -> Result<&str, String> {
    let path = path.trim_start_matches('/');
    match path.split('/').all(is_name) {
        true => Ok(path),
        false => Err(format!("'{path}' is no path of a file")),
    }
}

impl Shares {
    /// None so far. In counted time files have no dates, so that runs are the same.
    pub fn new(counted: bool) -> Shares {
        Shares {
            all: Vec::new(),
            dated: !counted,
        }
    }

    /// Adds a folder; nothing if it is there.
    ///
    /// # Errors
    /// A sentence for the user.
    pub fn add(&mut self, tag: &str) -> Result<Option<&Shared>, String> {
        if tag.is_empty() || tag.len() > LONGEST_TAG {
            return Err(format!(
                "a shared folder's name has 1 to {LONGEST_TAG} bytes"
            ));
        }
        if self.all.iter().any(|(t, _)| t == tag) {
            return Ok(None);
        }
        let clock = if self.dated { now_ns } else { || 0 };
        let tree = Shared::new(Box::new(MemTree::new(clock, MOST_BYTES)));
        self.all.push((tag.to_owned(), tree));
        Ok(self.all.last().map(|(_, tree)| tree))
    }

    /// What `device_add` is told of a card for each.
    #[inline(never)]
    pub fn cards(&self) -> Value {
        let card = |tag: &str| json!({"driver": "virtio-9p-pci", "fsdev": tag, "mount_tag": tag});
        self.all.iter().map(|(tag, _)| card(tag)).collect()
    }

    /// Their names and trees.
    pub fn all(&self) -> &[(String, Shared)] {
        &self.all
    }

    fn tree(&mut self, tag: &str) -> Result<&mut Shared, String> {
        let found = self.all.iter_mut().find(|(t, _)| t == tag);
        let (_, tree) = found.ok_or_else(|| format!("there is no shared folder '{tag}'"))?;
        Ok(tree)
    }

    /// Puts a file there, with the folders on its way.
    ///
    /// # Errors
    /// A sentence for the user.
    pub fn put(&mut self, tag: &str, path: &str, data: &[u8]) -> Result<(), String> {
        let path = checked(path)?;
        let tree = self.tree(tag)?;
        let said = |e: Errno| match e {
            Errno::ENOSPC => format!("the shared folder is full: '{path}' has no place there"),
            _ => format!("'{path}' cannot be put into the shared folder"),
        };
        for (end, _) in path.match_indices('/') {
            if tree.attr(&path[..end]).is_err() {
                tree.make(&path[..end], FOLDER | 0o755).map_err(said)?;
            }
        }
        match tree.attr(path) {
            Ok(_) => {
                let empty = Change {
                    size: Some(0),
                    ..Change::default()
                };
                tree.change(path, empty).map_err(said)?;
            }
            Err(_) => tree.make(path, FILE | 0o755).map_err(said)?,
        }
        tree.write(path, 0, data).map_err(said)?;
        Ok(())
    }

    /// The plain files of a folder and below.
    fn list(&mut self, tag: &str) -> Result<Vec<(String, Attr)>, String> {
        let tree = self.tree(tag)?;
        let mut found = Vec::new();
        let mut folders = vec![String::new()];
        while let Some(folder) = folders.pop() {
            for name in tree.list(&folder).unwrap_or_default() {
                let path = match folder.as_str() {
                    "" => name,
                    _ => format!("{folder}/{name}"),
                };
                match tree.attr(&path) {
                    Ok(a) if a.mode & KIND == FOLDER => folders.push(path),
                    Ok(a) if a.mode & KIND == FILE => found.push((path, a)),
                    _ => {}
                }
            }
        }
        Ok(found)
    }

    fn read(&mut self, tag: &str, path: &str) -> Result<Option<Vec<u8>>, String> {
        let path = checked(path)?;
        let tree = self.tree(tag)?;
        let Ok(attr) = tree.attr(path) else {
            return Ok(None);
        };
        let mut data = vec![0; usize::try_from(attr.size).unwrap_or(usize::MAX)];
        let read = tree.read(path, 0, &mut data);
        Ok(read.ok().map(|_| data))
    }

    fn remove(&mut self, tag: &str, path: &str) -> Result<bool, String> {
        let path = checked(path)?;
        match self.tree(tag)?.remove(path) {
            Ok(()) => Ok(true),
            Err(Errno::ENOENT) => Ok(false),
            Err(Errno::ENOTEMPTY) => Err(format!("'{path}' is a folder with files in it")),
            Err(_) => Err(format!("'{path}' cannot be removed")),
        }
    }

    /// The option `shares`: objects with a `tag` and `files`, each a buffer under its path.
    ///
    /// # Errors
    /// A sentence for the user.
    // Most machines share nothing: it is in a bundle's second part.
    #[inline(never)]
    pub fn take(&mut self, option: &JsValue) -> Result<(), String> {
        let list: &Array = option.dyn_ref().ok_or("it must be an array")?;
        for share in list.iter() {
            let field = |name: &str| Reflect::get(&share, &name.into()).unwrap_or_default();
            let tag = field("tag").as_string().ok_or("each has a tag")?;
            self.add(&tag)?;
            let files = field("files");
            let Some(files) = files.dyn_ref::<Object>() else {
                continue;
            };
            for entry in Object::entries(files).iter() {
                let entry = Array::from(&entry);
                let path = entry.get(0).as_string().unwrap_or_default();
                let data = buffer(&entry.get(1))
                    .ok_or_else(|| format!("'{path}' must be an ArrayBuffer or a Uint8Array"))?;
                self.put(&tag, &path, &data)?;
            }
        }
        Ok(())
    }
}

fn buffer(value: &JsValue) -> Option<Vec<u8>> {
    match value.dyn_ref::<Uint8Array>() {
        Some(bytes) => Some(bytes.to_vec()),
        None => {
            let buffer: &js_sys::ArrayBuffer = value.dyn_ref()?;
            Some(Uint8Array::new(buffer).to_vec())
        }
    }
}

fn failed(why: String) -> JsValue {
    js_sys::Error::new(&why).into()
}

#[wasm_bindgen]
impl Machine {
    /// A folder that cards can share (`device_add` of `virtio-9p-pci` with its name as `fsdev`); nothing if it is there.
    ///
    /// # Errors
    /// A JS `Error` with a sentence for the user.
    #[wasm_bindgen(js_name = addShare)]
    pub fn add_share(&mut self, tag: &str) -> Result<(), JsValue> {
        let host = &mut self.host;
        let added = host.shares.add(tag).map_err(failed)?;
        if let (Some(tree), Some(machine)) = (added, &mut host.machine) {
            machine.bus_mut().add_share(tag, Box::new(tree.clone()));
        }
        Ok(())
    }

    /// Puts a file into a shared folder, with the folders on its way; one of that name is replaced.
    ///
    /// # Errors
    /// A JS `Error` with a sentence for the user.
    #[wasm_bindgen(js_name = putShared)]
    pub fn put_shared(&mut self, tag: &str, path: &str, data: &[u8]) -> Result<(), JsValue> {
        self.host.shares.put(tag, path, data).map_err(failed)
    }

    /// The files in a shared folder: `{ path, bytes, modifiedMs }` each, in any order.
    ///
    /// # Errors
    /// A JS `Error` with a sentence for the user.
    #[wasm_bindgen(js_name = listShared)]
    pub fn list_shared(&mut self, tag: &str) -> Result<Array, JsValue> {
        let all = self.host.shares.list(tag).map_err(failed)?;
        let one = |(path, attr): (String, Attr)| {
            object(&[
                ("path", path.into()),
                ("bytes", (attr.size as f64).into()),
                ("modifiedMs", ((attr.mtime_ns / 1_000_000) as f64).into()),
            ])
        };
        Ok(all.into_iter().map(one).collect())
    }

    /// A file of a shared folder; nothing if it is not there.
    ///
    /// # Errors
    /// A JS `Error` with a sentence for the user.
    #[wasm_bindgen(js_name = readShared)]
    pub fn read_shared(&mut self, tag: &str, path: &str) -> Result<Option<Uint8Array>, JsValue> {
        let data = self.host.shares.read(tag, path).map_err(failed)?;
        Ok(data.map(|bytes| Uint8Array::from(bytes.as_slice())))
    }

    /// Removes a file or an empty folder of a shared folder; tells whether it was there.
    ///
    /// # Errors
    /// A JS `Error` with a sentence for the user.
    #[wasm_bindgen(js_name = removeShared)]
    pub fn remove_shared(&mut self, tag: &str, path: &str) -> Result<bool, JsValue> {
        self.host.shares.remove(tag, path).map_err(failed)
    }
}
