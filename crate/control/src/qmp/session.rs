//! One monitor's state: what is being read, and how far the negotiation is.

use crate::json::Reader;

/// A session.
#[derive(Debug)]
pub struct Session {
    pub(super) reader: Reader,
    /// Messages over several lines.
    pub(crate) pretty: bool,
    ready: bool,
    oob: bool,
}

impl Session {
    /// A session that has not negotiated yet.
    pub fn new(pretty: bool) -> Session {
        Session {
            reader: Reader::default(),
            pretty,
            ready: false,
            oob: false,
        }
    }

    /// The negotiation is over: commands are taken and events are sent.
    pub fn is_ready(&self) -> bool {
        self.ready
    }

    /// Commands may come out of band.
    pub fn oob(&self) -> bool {
        self.oob
    }

    /// Ends the negotiation.
    pub fn negotiated(&mut self, oob: bool) {
        self.ready = true;
        self.oob = oob;
    }
}
