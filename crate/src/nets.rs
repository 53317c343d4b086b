//! Network back ends of this program: a user network whose way out are this host's sockets, and frames in sockets.

use std::cell::{Cell, RefCell};
use std::os::fd::AsFd;
use std::rc::{Rc, Weak};

use serde_json::{Map, Value};
use tinamou_control::net::pairs;
use tinamou_core::NetBackend;
use tinamou_net::user::{Config, User};

use crate::host::wait::Set;

mod frames;
mod world;

use world::World;

/// A descriptor, and what its user waits for.
struct Watched<T> {
    io: T,
    read: Cell<bool>,
    write: Cell<bool>,
}

trait Watch {
    fn watch(&self, set: &mut Set);
}

impl<T: AsFd> Watch for Watched<T> {
    fn watch(&self, set: &mut Set) {
        if self.read.get() {
            set.read(self.io.as_fd());
        }
        if self.write.get() {
            set.write(self.io.as_fd());
        }
    }
}

/// All descriptors of all back ends.
#[derive(Clone, Default)]
pub struct Nets(Rc<RefCell<Vec<Weak<dyn Watch>>>>);

impl Nets {
    /// Watches a descriptor until it is dropped.
    fn add<T: AsFd + 'static>(&self, io: T, read: bool, write: bool) -> Rc<Watched<T>> {
        let watched = Rc::new(Watched {
            io,
            read: Cell::new(read),
            write: Cell::new(write),
        });
        let weak: Weak<Watched<T>> = Rc::downgrade(&watched);
        self.0.borrow_mut().push(weak);
        watched
    }

    /// Wakes when there is news from outside. False if there cannot be any.
    pub fn watch(&self, set: &mut Set) -> bool {
        let mut all = self.0.borrow_mut();
        all.retain(|w| w.strong_count() > 0);
        for w in all.iter().filter_map(Weak::upgrade) {
            w.watch(set);
        }
        !all.is_empty()
    }

    /// Makes a back end of `netdev_add`'s arguments.
    ///
    /// # Errors
    /// A sentence for the user.
    pub fn open(
        &self,
        with: &Map<String, Value>,
        seed: u64,
    ) -> Result<Box<dyn NetBackend>, String> {
        match with["type"].as_str().unwrap_or_default() {
            "user" => {
                let words = pairs(with);
                let mut config = Config::new(words.iter().copied())?;
                config.seed = seed;
                let rules = words.iter().filter(|w| w.0 == "hostfwd").map(|w| w.1);
                let world = World::new(self.clone(), &config, rules)?;
                Ok(Box::new(User::new(config, world)))
            }
            "socket" | "stream" | "dgram" => frames::open(self, with),
            other => Err(format!("network backend '{other}' is not supported")),
        }
    }
}

#[cfg(test)]
mod tests;
