//! Snapshots that are not read at once: files of the user's computer, and addresses, out of which a machine gets its memory while it runs already.
//!
//! Bytes that a machine cannot go on without are had at once: of a file by a `FileReaderSync`, of an address by a request that waits and asks for a
//! part (`Range`). Meanwhile the worker may fetch the whole and hand over what comes ([`Received`]). Workers alone can wait.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use js_sys::{ArrayBuffer, Reflect, Uint8Array};
use tinamou_hw::block::raw::BlockFile;
use tinamou_machine::snapshot::Source;
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast, JsValue};

use crate::drives::{self, UserFile};

/// Least that is asked of an address: what lies together in memory is wanted together.
const PART_BYTES: u64 = 256 << 10;

#[wasm_bindgen]
extern "C" {
    type XMLHttpRequest;
    #[wasm_bindgen(constructor, catch)]
    fn new() -> Result<XMLHttpRequest, JsValue>;
    #[wasm_bindgen(method, catch)]
    fn open(this: &XMLHttpRequest, method: &str, url: &str, later: bool) -> Result<(), JsValue>;
    #[wasm_bindgen(method, catch, js_name = setRequestHeader)]
    fn header(this: &XMLHttpRequest, name: &str, value: &str) -> Result<(), JsValue>;
    #[wasm_bindgen(method, setter, js_name = responseType, catch)]
    fn set_type(this: &XMLHttpRequest, kind: &str) -> Result<(), JsValue>;
    #[wasm_bindgen(method, catch)]
    fn send(this: &XMLHttpRequest) -> Result<(), JsValue>;
    #[wasm_bindgen(method, getter)]
    fn status(this: &XMLHttpRequest) -> u32;
    #[wasm_bindgen(method, getter)]
    fn response(this: &XMLHttpRequest) -> JsValue;
}

/// The beginning of a file, as it comes.
pub type Received = Rc<RefCell<Vec<u8>>>;

/// Where a snapshot is.
#[derive(Clone)]
pub enum Incoming {
    /// A file.
    File(JsValue),
    /// An address, and what has come of it.
    Address(String, Received),
}

impl Incoming {
    /// A file, or an object with an address as `url`.
    pub fn from_js(value: &JsValue) -> Option<Incoming> {
        if drives::is_file(value) {
            return Some(Incoming::File(value.clone()));
        }
        let url = Reflect::get(value, &"url".into()).ok()?.as_string()?;
        Some(Incoming::Address(url, Received::default()))
    }

    /// To be read from.
    pub fn source(&self) -> Box<dyn Source> {
        match self {
            Incoming::File(file) => Box::new(File(UserFile::new(file.clone()))),
            Incoming::Address(url, received) => Box::new(Address {
                url: url.clone(),
                received: received.clone(),
                parts: BTreeMap::new(),
            }),
        }
    }

    /// Where to put what comes.
    pub fn received(&self) -> Option<Received> {
        match self {
            Incoming::File(_) => None,
            Incoming::Address(_, received) => Some(received.clone()),
        }
    }
}

struct File(UserFile);

impl Source for File {
    fn read(&mut self, at: u64, buf: &mut [u8]) -> Result<(), String> {
        self.0.read_at(at, buf).map_err(|e| e.to_string())
    }
}

struct Address {
    url: String,
    received: Received,
    /// Parts that were asked for, by where they begin.
    parts: BTreeMap<u64, Vec<u8>>,
}

impl Address {
    /// Copies what is there; true if that was all.
    fn copy(&self, at: u64, buf: &mut [u8]) -> bool {
        let found = |from: u64, part: &[u8], buf: &mut [u8]| {
            let begin = usize::try_from(at - from).unwrap_or(usize::MAX);
            let end = begin.checked_add(buf.len());
            match end.and_then(|end| part.get(begin..end)) {
                Some(bytes) => {
                    buf.copy_from_slice(bytes);
                    true
                }
                None => false,
            }
        };
        if found(0, &self.received.borrow(), buf) {
            return true;
        }
        let part = self.parts.range(..=at).next_back();
        part.is_some_and(|(from, part)| found(*from, part, buf))
    }

    fn ask(&mut self, at: u64, bytes: u64) -> Result<(), String> {
        let refused = |e: JsValue| match e.dyn_ref::<js_sys::Error>() {
            Some(e) => String::from(e.message()),
            None => "the request failed".into(),
        };
        let request = XMLHttpRequest::new().map_err(refused)?;
        request.open("GET", &self.url, false).map_err(refused)?;
        let last = at.saturating_add(bytes.max(PART_BYTES)) - 1;
        request
            .header("Range", &format!("bytes={at}-{last}"))
            .map_err(refused)?;
        request.set_type("arraybuffer").map_err(refused)?;
        request.send().map_err(refused)?;
        let status = request.status();
        let body = || match request.response().dyn_ref::<ArrayBuffer>() {
            Some(buffer) => Uint8Array::new(buffer).to_vec(),
            None => Vec::new(),
        };
        match status {
            206 => {
                self.parts.insert(at, body());
                Ok(())
            }
            // A server that knows no parts sends all.
            200 => {
                self.parts.insert(0, body());
                Ok(())
            }
            416 => Err("the file is cut short".into()),
            _ => Err(format!("the server answered {status}")),
        }
    }
}

impl Source for Address {
    fn read(&mut self, at: u64, buf: &mut [u8]) -> Result<(), String> {
        if self.copy(at, buf) {
            return Ok(());
        }
        self.ask(at, buf.len() as u64)?;
        if self.copy(at, buf) {
            return Ok(());
        }
        Err("the file is cut short".into())
    }
}
