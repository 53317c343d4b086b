//! The one place where the host of helpers lies while generated code runs, so that imported functions, which get numbers only,
//! can reach it.

use core::cell::Cell;
use core::ptr::NonNull;

use super::HelperHost;

type Host = NonNull<dyn HelperHost>;

#[derive(Clone, Copy)]
enum Place {
    /// No generated code runs on this thread.
    Empty,
    /// Generated code runs, and this is its host.
    Parked(Host),
    /// A helper runs and has the host.
    Lent,
}

thread_local! {
    static PLACE: Cell<Place> = const { Cell::new(Place::Empty) };
}

/// Puts a place back when a scope ends, by a panic too.
struct Restore(Place);

impl Drop for Restore {
    fn drop(&mut self) {
        PLACE.set(self.0);
    }
}

/// Runs `f`, which runs generated code, with `host` parked.
///
/// # Panics
/// When generated code is running on this thread already: helpers may not enter it.
pub fn park<R>(host: &mut dyn HelperHost, f: impl FnOnce() -> R) -> R {
    assert!(
        matches!(PLACE.get(), Place::Empty),
        "generated code was entered from a helper"
    );
    // SAFETY: only the lifetime is erased. The pointer is gone from the cell before `host`'s borrow ends, because `Restore`
    // empties the cell when this function is left in any way.
    let host: Host =
        unsafe { core::mem::transmute::<NonNull<dyn HelperHost + '_>, Host>(NonNull::from(host)) };
    let _restore = Restore(Place::Empty);
    PLACE.set(Place::Parked(host));
    f()
}

/// Lends the parked host to an imported function.
///
/// # Panics
/// When no generated code is running, or a helper has the host already.
pub fn lend<R>(f: impl FnOnce(&mut dyn HelperHost) -> R) -> R {
    let Place::Parked(mut host) = PLACE.get() else {
        panic!("no host is parked")
    };
    let _restore = Restore(Place::Parked(host));
    PLACE.set(Place::Lent);
    // SAFETY: `park` holds the exclusive borrow that the pointer was made from, and uses it no further while it runs `f`; the
    // cell says `Lent` until this reference is dead, so there is no second one.
    f(unsafe { host.as_mut() })
}
