//! State that is declared once: [`crate::stored!`] makes both directions of save and load from one list of fields.
//!
//! A loader trusts nothing: counts grow a container only as fast as the data behind them is there, and ranges that the fields'
//! types do not express are checked by the `check` of the declaration.

use std::collections::VecDeque;

use crate::{LoadError, Loader, Ns, Saver};

/// A value with a saved form.
pub trait Stored {
    /// Writes it.
    fn store(&self, s: &mut Saver);
    /// Reads it.
    ///
    /// # Errors
    /// [`LoadError`]; the value is then in no particular state.
    fn restore(&mut self, l: &mut Loader<'_>) -> Result<(), LoadError>;
}

macro_rules! primitive {
    ($($t:ident)*) => {$(
        impl Stored for $t {
            fn store(&self, s: &mut Saver) {
                s.$t(*self);
            }
            fn restore(&mut self, l: &mut Loader<'_>) -> Result<(), LoadError> {
                *self = l.$t()?;
                Ok(())
            }
        }
    )*};
}
primitive!(u8 u16 u32 u64 bool);

impl Stored for i32 {
    fn store(&self, s: &mut Saver) {
        s.u32(*self as u32);
    }
    fn restore(&mut self, l: &mut Loader<'_>) -> Result<(), LoadError> {
        *self = l.u32()? as i32;
        Ok(())
    }
}

impl Stored for usize {
    fn store(&self, s: &mut Saver) {
        s.u64(*self as u64);
    }
    fn restore(&mut self, l: &mut Loader<'_>) -> Result<(), LoadError> {
        *self = usize::try_from(l.u64()?).map_err(|_| LoadError::Invalid("size"))?;
        Ok(())
    }
}

impl Stored for Ns {
    fn store(&self, s: &mut Saver) {
        s.u64(self.0);
    }
    fn restore(&mut self, l: &mut Loader<'_>) -> Result<(), LoadError> {
        *self = Ns(l.u64()?);
        Ok(())
    }
}

impl<T: Stored, const N: usize> Stored for [T; N] {
    fn store(&self, s: &mut Saver) {
        for v in self {
            v.store(s);
        }
    }
    fn restore(&mut self, l: &mut Loader<'_>) -> Result<(), LoadError> {
        self.iter_mut().try_for_each(|v| v.restore(l))
    }
}

impl<T: Stored + Default> Stored for Vec<T> {
    fn store(&self, s: &mut Saver) {
        s.u32(self.len() as u32);
        for v in self {
            v.store(s);
        }
    }
    fn restore(&mut self, l: &mut Loader<'_>) -> Result<(), LoadError> {
        self.clear();
        for _ in 0..l.u32()? {
            let before = l.remaining();
            let mut v = T::default();
            v.restore(l)?;
            if l.remaining() == before {
                return Err(LoadError::Invalid("list of nothing"));
            }
            self.push(v);
        }
        Ok(())
    }
}

impl<T: Stored + Default> Stored for VecDeque<T> {
    fn store(&self, s: &mut Saver) {
        s.u32(self.len() as u32);
        for v in self {
            v.store(s);
        }
    }
    fn restore(&mut self, l: &mut Loader<'_>) -> Result<(), LoadError> {
        let mut v = Vec::new();
        v.restore(l)?;
        *self = v.into();
        Ok(())
    }
}

impl<T: Stored + Default> Stored for Option<T> {
    fn store(&self, s: &mut Saver) {
        s.bool(self.is_some());
        if let Some(v) = self {
            v.store(s);
        }
    }
    fn restore(&mut self, l: &mut Loader<'_>) -> Result<(), LoadError> {
        *self = if l.bool()? {
            let mut v = T::default();
            v.restore(l)?;
            Some(v)
        } else {
            None
        };
        Ok(())
    }
}

impl Stored for String {
    fn store(&self, s: &mut Saver) {
        s.bytes(self.as_bytes());
    }
    fn restore(&mut self, l: &mut Loader<'_>) -> Result<(), LoadError> {
        let b = l.bytes()?.to_vec();
        *self = String::from_utf8(b).map_err(|_| LoadError::Invalid("text"))?;
        Ok(())
    }
}

impl<A: Stored, B: Stored> Stored for (A, B) {
    fn store(&self, s: &mut Saver) {
        self.0.store(s);
        self.1.store(s);
    }
    fn restore(&mut self, l: &mut Loader<'_>) -> Result<(), LoadError> {
        self.0.restore(l)?;
        self.1.restore(l)
    }
}

/// Declares the saved fields of a type, in order; `check` (optional) names what must hold after loading.
///
/// ```
/// #[derive(Default)]
/// struct Latch { on: bool, at: u8 }
/// tinamou_core::stored!(Latch { on, at } check |s| s.at < 4, "latch position");
/// ```
#[macro_export]
macro_rules! stored {
    ($t:ty { $($field:ident),* $(,)? } $(check |$s:ident| $ok:expr, $what:literal)?) => {
        impl $crate::Stored for $t {
            fn store(&self, s: &mut $crate::Saver) {
                $($crate::Stored::store(&self.$field, s);)*
            }
            fn restore(&mut self, l: &mut $crate::Loader<'_>) -> Result<(), $crate::LoadError> {
                $($crate::Stored::restore(&mut self.$field, l)?;)*
                $(
                    let $s = &*self;
                    if !$ok {
                        return Err($crate::LoadError::Invalid($what));
                    }
                )?
                Ok(())
            }
        }
    };
}

/// Declares the saved form of an enum without fields: a byte, its place in the list, which must name every variant.
#[macro_export]
macro_rules! stored_enum {
    ($t:ident { $($v:ident),* $(,)? }) => {
        impl $crate::Stored for $t {
            fn store(&self, s: &mut $crate::Saver) {
                match self { $($t::$v => {})* }
                const ALL: &[$t] = &[$($t::$v),*];
                s.u8(ALL.iter().position(|v| v == self).unwrap_or(0) as u8);
            }
            fn restore(&mut self, l: &mut $crate::Loader<'_>) -> Result<(), $crate::LoadError> {
                const ALL: &[$t] = &[$($t::$v),*];
                *self = *ALL
                    .get(usize::from(l.u8()?))
                    .ok_or($crate::LoadError::Invalid(stringify!($t)))?;
                Ok(())
            }
        }
    };
}

/// The `save` and `load` methods of [`crate::Device`] for a type that is [`Stored`].
#[macro_export]
macro_rules! stored_device {
    () => {
        fn save(&self, s: &mut $crate::Saver) {
            $crate::Stored::store(self, s);
        }
        fn load(
            &mut self,
            l: &mut $crate::Loader<'_>,
            _version: u32,
        ) -> Result<(), $crate::LoadError> {
            $crate::Stored::restore(self, l)
        }
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
    enum Phase {
        #[default]
        Idle,
        Busy,
    }
    stored_enum!(Phase { Idle, Busy });

    #[derive(Clone, Default, PartialEq, Debug)]
    struct All {
        phase: Phase,
        n: u16,
        list: Vec<(u8, bool)>,
        queue: VecDeque<u32>,
        maybe: Option<Ns>,
        name: String,
    }
    stored!(All { phase, n, list, queue, maybe, name } check |s| s.n < 100, "n");

    #[test]
    fn round_trip_and_refusal() {
        let a = All {
            phase: Phase::Busy,
            n: 7,
            list: vec![(1, true), (2, false)],
            queue: [3, 4].into(),
            maybe: Some(Ns(5)),
            name: "six".into(),
        };
        let mut s = Saver::new();
        a.store(&mut s);
        let b = s.finish();
        let mut c = All::default();
        c.restore(&mut Loader::new(&b)).unwrap();
        assert_eq!(a, c);
        for n in 0..b.len() {
            assert!(All::default().restore(&mut Loader::new(&b[..n])).is_err());
        }
        let mut bad = b.clone();
        bad[0] = 2;
        assert!(All::default().restore(&mut Loader::new(&bad)).is_err());
        bad = b;
        bad[1] = 100;
        assert!(All::default().restore(&mut Loader::new(&bad)).is_err());
    }
}
