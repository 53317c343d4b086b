//! A machine's state on its way to or from a place of the host's. The host carries it by itself, a thread natively; control looks
//! from time to time ([`Controller::work`](crate::Controller::work)) and never waits.

use std::fmt;

/// How far state is on its way out.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Sending {
    /// The place does not answer yet.
    Connecting,
    /// The place is there: the state can come.
    Ready,
    /// This many bytes are there.
    Moved(u64),
    /// All are.
    Done,
    /// It cannot be: a sentence for the user.
    Failed(String),
}

/// State on its way out. Dropped, the way is closed, wherever it was.
pub trait Outgoing: fmt::Debug {
    /// How far it is.
    fn poll(&self) -> Sending;
    /// The state, once the place is ready.
    fn send(&mut self, state: Vec<u8>);
    /// Bytes per second from now on; 0 for as many as there can be.
    fn limit(&self, bytes_per_s: u64);
}

/// How far state is on its way in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Receiving {
    /// Nobody has come yet.
    Waiting,
    /// Somebody sends.
    Moving,
    /// All is here, and taken with this.
    Done(Vec<u8>),
    /// It cannot be: a sentence for the user.
    Failed(String),
}

/// State on its way in. Dropped, the way is closed, wherever it was.
pub trait Incoming: fmt::Debug {
    /// How far it is.
    fn poll(&mut self) -> Receiving;
    /// Where it listens, as QEMU's `SocketAddress`.
    fn address(&self) -> Option<serde_json::Value>;
}
