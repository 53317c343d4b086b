//! Networks for guests' cards: what is at the other end of a network port's cable.
//!
//! * [`user`]: a network of its own with a gateway that translates addresses: ARP, DHCP, ICMP echo, TCP and UDP for IPv4
//!   (RFC 826, 2131, 2132, 792, 793, 768, 791), with QEMU's addresses and options;
//! * [`framing`]: frames in a byte stream, as QEMU's socket networks have them;
//! * [`Cable`]: the way to the guest, on which frames take time.
//!
//! Invariants: nothing here blocks or knows a host; what connects to the world does so through [`Outside`]. Time is virtual, and
//! without news from outside all that the guest hears depends on what it sent, and when. Whatever a guest or a peer sends, memory stays
//! bounded and nothing panics.
//!
//! Missing: IPv6, echo requests beyond the gateway, TFTP, SMB, guest forwarding. TCP's state machine is smoltcp's.

mod cable;
pub mod framing;
mod outside;
mod packet;
pub mod user;

pub use cable::Cable;
pub use outside::{Datagrams, Nowhere, Outside, Progress, Received, Stream};
