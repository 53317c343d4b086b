//! Files whose contents lie elsewhere: a whole file is fetched when it is opened or run for the first time, and stays.
//!
//! Whoever needs such contents gets the error [`ABSENT`], and the fetch is noted for the host ([`Fetches::take`]). A system call that fails with it
//! waits and is made again when something has arrived; no program sees it. Knows nothing of where contents come from.

use core::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::{Rc, Weak};

use super::mem::MemNode;
use crate::errno::ABSENT;
use crate::file::{Key, Wakes};

/// Rings when any contents have arrived.
pub const ARRIVED: Key = Key::Futex(u64::MAX - 2, 0);

/// What is fetched.
pub struct Fetches {
    wakes: Wakes,
    wanted: RefCell<Vec<u32>>,
    asked: RefCell<BTreeMap<u32, Weak<MemNode>>>,
}

impl Fetches {
    /// Nothing yet.
    pub fn new(wakes: &Wakes) -> Rc<Fetches> {
        Rc::new(Fetches {
            wakes: wakes.clone(),
            wanted: RefCell::default(),
            asked: RefCell::default(),
        })
    }

    /// A node's contents are needed: the error of whoever needs them.
    pub fn want(&self, id: u32, node: &Weak<MemNode>) -> crate::errno::Errno {
        if self.asked.borrow_mut().insert(id, node.clone()).is_none() {
            self.wanted.borrow_mut().push(id);
        }
        ABSENT
    }

    /// The numbers of files that are wanted since the last call.
    pub fn take(&self) -> Vec<u32> {
        self.wanted.take()
    }

    /// Whether something was asked for and has not arrived.
    pub fn any(&self) -> bool {
        !self.asked.borrow().is_empty()
    }

    /// The contents of a file have arrived; `None`: they cannot be had, and reading it is an error.
    pub fn arrived(&self, id: u32, contents: Option<Vec<u8>>) {
        let node = self.asked.borrow_mut().remove(&id);
        if let Some(node) = node.and_then(|n| n.upgrade()) {
            node.arrived(contents);
        }
        self.wakes.ring(ARRIVED);
    }
}
