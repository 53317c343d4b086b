//! Kernel images: what `-kernel` may name besides a plain ELF file.
//!
//! Modelled: gzip members (RFC 1952) around an ELF file or a raw kernel, and U-Boot's legacy image ("uImage": a header of 64
//! big-endian bytes before the data, U-Boot manual, "Image formats"), uncompressed or gzipped, both checksums checked.
//! Missing: other compressions, multi-file and FIT images. Knows no board: where a raw kernel goes without a header, and for which
//! processors a header may be, its caller says.

use std::borrow::Cow;
use std::io::Read;

use flate2::read::DeflateDecoder;
use thiserror::Error;
use tinamou_core::crc32;

/// Processor numbers of legacy images.
pub mod arch {
    /// MIPS.
    pub const MIPS: u8 = 5;
    /// 64-bit MIPS.
    pub const MIPS64: u8 = 6;
}

const GZIP: [u8; 2] = [0x1f, 0x8b];
const LEGACY: u32 = 0x2705_1956;
const HEADER_BYTES: usize = 64;
const TYPE_KERNEL: u8 = 2;

/// Why an image cannot be opened.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum OpenError {
    /// The compressed data are damaged.
    #[error("the gzipped kernel is damaged: {0}")]
    Gzip(String),
    /// More data than fit.
    #[error("the unpacked kernel is larger than memory ({0} bytes)")]
    TooLarge(u64),
    /// A damaged legacy image.
    #[error("damaged uImage: {0}")]
    Damaged(&'static str),
    /// A legacy image of a kind that is not supported.
    #[error("the uImage's {what} is not supported ({value})")]
    Kind {
        /// Which header field.
        what: &'static str,
        /// Its value.
        value: u8,
    },
}

/// What is inside.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Content<'a> {
    /// To be read as a file of its own: an ELF file, or nothing known.
    File(Cow<'a, [u8]>),
    /// A raw kernel.
    Raw {
        /// Its bytes.
        data: Cow<'a, [u8]>,
        /// Load and entry address, if the image says them.
        at: Option<(u32, u32)>,
    },
}

/// Opens an image: unpacks at most `limit` bytes and takes headers away. `archs` are the processors that a legacy image may be for.
///
/// # Errors
/// [`OpenError`].
pub fn open<'a>(image: &'a [u8], archs: &[u8], limit: u64) -> Result<Content<'a>, OpenError> {
    if image.starts_with(&LEGACY.to_be_bytes()) {
        return legacy(image, archs, limit);
    }
    if !image.starts_with(&GZIP) {
        return Ok(Content::File(image.into()));
    }
    let data = Cow::from(gunzip(image, limit)?);
    Ok(if data.starts_with(b"\x7fELF") {
        Content::File(data)
    } else {
        Content::Raw { data, at: None }
    })
}

/// Flags of a gzip member's header: a checksum of it, further fields, a name and a comment.
const FHCRC: u8 = 2;
const FEXTRA: u8 = 4;
const FNAME: u8 = 8;
const FCOMMENT: u8 = 16;
/// Its fixed part, and what is behind the data.
const GZIP_HEAD: usize = 10;
const GZIP_TAIL: usize = 8;

/// The deflated data of a gzip member, and what is behind them.
fn deflated(member: &[u8]) -> Option<&[u8]> {
    let (head, mut rest) = member.split_at_checked(GZIP_HEAD)?;
    let flags = head[3];
    if flags & FEXTRA != 0 {
        let (length, after) = rest.split_first_chunk()?;
        rest = after.get(usize::from(u16::from_le_bytes(*length))..)?;
    }
    for text in [FNAME, FCOMMENT] {
        if flags & text != 0 {
            let end = rest.iter().position(|b| *b == 0)?;
            rest = &rest[end + 1..];
        }
    }
    if flags & FHCRC != 0 {
        rest = rest.get(2..)?;
    }
    Some(rest)
}

fn gunzip(data: &[u8], limit: u64) -> Result<Vec<u8>, OpenError> {
    let damaged = |why: &str| OpenError::Gzip(why.into());
    let rest = deflated(data).ok_or_else(|| damaged("its header is cut off"))?;
    let mut out = Vec::new();
    let mut inflate = DeflateDecoder::new(rest);
    (&mut inflate)
        .take(limit.saturating_add(1))
        .read_to_end(&mut out)
        .map_err(|e| OpenError::Gzip(e.to_string()))?;
    if out.len() as u64 > limit {
        return Err(OpenError::TooLarge(out.len() as u64));
    }
    let end = usize::try_from(inflate.total_in()).unwrap_or(usize::MAX);
    let tail = rest.get(end..).and_then(|t| t.get(..GZIP_TAIL));
    let tail = tail.ok_or_else(|| damaged("it is cut off"))?;
    let sums = [crc32(&[&out]), out.len() as u32].map(u32::to_le_bytes);
    if tail != sums.concat() {
        return Err(damaged("its checksum is wrong"));
    }
    Ok(out)
}

fn legacy<'a>(image: &'a [u8], archs: &[u8], limit: u64) -> Result<Content<'a>, OpenError> {
    let (header, rest) = image
        .split_at_checked(HEADER_BYTES)
        .ok_or(OpenError::Damaged("the header is cut off"))?;
    let word = |at: usize| {
        header[at..at + 4]
            .iter()
            .fold(0, |w: u32, b| w << 8 | u32::from(*b))
    };
    // The header's own checksum is zero while it is computed.
    if crc32(&[&header[..4], &[0; 4], &header[8..]]) != word(4) {
        return Err(OpenError::Damaged("the header's checksum is wrong"));
    }
    let kind = |what, value: u8, good: bool| {
        if good {
            Ok(())
        } else {
            Err(OpenError::Kind { what, value })
        }
    };
    kind("processor", header[29], archs.contains(&header[29]))?;
    kind("type", header[30], header[30] == TYPE_KERNEL)?;
    kind("compression", header[31], header[31] <= 1)?;
    let data = rest
        .get(..word(12) as usize)
        .ok_or(OpenError::Damaged("the data are cut off"))?;
    if crc32(&[data]) != word(24) {
        return Err(OpenError::Damaged("the data's checksum is wrong"));
    }
    let data = match header[31] {
        0 => Cow::from(data),
        _ => Cow::from(gunzip(data, limit)?),
    };
    if data.len() as u64 > limit {
        return Err(OpenError::TooLarge(data.len() as u64));
    }
    Ok(Content::Raw {
        data,
        at: Some((word(16), word(20))),
    })
}

#[cfg(test)]
pub(crate) mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    pub(crate) fn gzip(data: &[u8]) -> Vec<u8> {
        let mut z = GzEncoder::new(Vec::new(), Compression::fast());
        z.write_all(data).unwrap();
        z.finish().unwrap()
    }

    /// As `mkimage -A ARCH -O linux -T kernel -C COMPRESSION -a LOAD -e ENTRY` writes it.
    pub(crate) fn uimage(arch: u8, compression: u8, load: u32, entry: u32, data: &[u8]) -> Vec<u8> {
        let mut h = Vec::new();
        let mut put = |w: u32| h.extend_from_slice(&w.to_be_bytes());
        for w in [LEGACY, 0, 0, data.len() as u32, load, entry, crc32(&[data])] {
            put(w);
        }
        h.extend_from_slice(&[5, arch, TYPE_KERNEL, compression]);
        h.resize(HEADER_BYTES, 0);
        let sum = crc32(&[&h]);
        h[4..8].copy_from_slice(&sum.to_be_bytes());
        h.extend_from_slice(data);
        h
    }

    fn mips(image: &[u8]) -> Result<Content<'_>, OpenError> {
        open(image, &[arch::MIPS], 1 << 20)
    }

    #[test]
    fn all_kinds() {
        assert_eq!(mips(b"hello"), Ok(Content::File(b"hello"[..].into())));
        let elf = b"\x7fELF and so on";
        assert_eq!(mips(&gzip(elf)), Ok(Content::File(elf[..].into())));
        let raw = |data: &'static [u8], at| {
            Ok(Content::Raw {
                data: data.into(),
                at,
            })
        };
        assert_eq!(mips(&gzip(b"raw")), raw(b"raw", None));
        let at = Some((0x8010_0000, 0x8010_0400));
        for (compression, data) in [(0, b"raw".to_vec()), (1, gzip(b"raw"))] {
            let mut image = uimage(arch::MIPS, compression, 0x8010_0000, 0x8010_0400, &data);
            assert_eq!(mips(&image), raw(b"raw", at));
            // What lies behind the data does not count.
            image.push(7);
            assert_eq!(mips(&image), raw(b"raw", at));
        }
    }

    #[test]
    fn wrong_ones_are_refused_with_one_line() {
        let kind = |what, value| Err(OpenError::Kind { what, value });
        let make = |at: usize, value: u8| {
            let mut image = uimage(arch::MIPS, 0, 0, 0, b"raw");
            image[at] = value;
            image[4..8].fill(0);
            let sum = crc32(&[&image[..HEADER_BYTES]]);
            image[4..8].copy_from_slice(&sum.to_be_bytes());
            image
        };
        assert_eq!(mips(&make(29, 2)), kind("processor", 2));
        assert_eq!(mips(&make(30, 4)), kind("type", 4));
        assert_eq!(mips(&make(31, 3)), kind("compression", 3));
        assert!(matches!(mips(&make(12, 0xff)), Err(OpenError::Damaged(_))));
        let bomb = gzip(&vec![0; 3 << 20]);
        assert!(matches!(mips(&bomb), Err(OpenError::TooLarge(_))));
        let bomb = uimage(arch::MIPS, 1, 0, 0, &bomb);
        assert!(matches!(mips(&bomb), Err(OpenError::TooLarge(_))));
        for good in [
            uimage(arch::MIPS, 1, 0x8010_0000, 0x8010_0000, &gzip(b"raw")),
            gzip(b"some longer text, some longer text"),
        ] {
            for n in 0..good.len() {
                // Damage anywhere in an image with checksums is noticed, but for gzip's own free header bytes.
                let mut bad = good.clone();
                bad[n] ^= 0x55;
                for image in [&good[..n], &bad] {
                    if let Err(e) = mips(image) {
                        assert!(!e.to_string().contains('\n'));
                    }
                }
                assert!(good[0] == GZIP[0] || n < 4 || mips(&bad).is_err(), "{n}");
                assert!(n < 4 || mips(&good[..n]).is_err());
            }
        }
    }
}
