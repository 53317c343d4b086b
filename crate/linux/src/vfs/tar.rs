//! Loads a tar archive (ustar, GNU long names, pax paths) into a tree in memory.

use super::mem::MemNode;
use super::mode;
use crate::errno::{EINVAL, Res};

const BLOCK: usize = 512;

fn octal(field: &[u8]) -> u64 {
    // GNU's base-256 for large numbers.
    if field.first().is_some_and(|b| b & 0x80 != 0) {
        return field.iter().skip(1).fold(0, |v, &b| v << 8 | b as u64);
    }
    field
        .iter()
        .filter(|b| (b'0'..=b'7').contains(b))
        .fold(0u64, |v, b| v.wrapping_mul(8) + (b - b'0') as u64)
}

fn text(field: &[u8]) -> &[u8] {
    &field[..field.iter().position(|&b| b == 0).unwrap_or(field.len())]
}

/// A value of a pax header.
fn pax(data: &[u8], key: &[u8]) -> Option<Vec<u8>> {
    let mut rest = data;
    while let Some(space) = rest.iter().position(|&b| b == b' ') {
        let len: usize = std::str::from_utf8(&rest[..space]).ok()?.parse().ok()?;
        let record = rest.get(space + 1..len.checked_sub(1)?)?;
        if let Some(v) = record.strip_prefix(key).and_then(|r| r.strip_prefix(b"=")) {
            return Some(v.to_vec());
        }
        rest = rest.get(len..)?;
    }
    None
}

/// Puts the archive's files below `root`. Names with `..` are left out.
///
/// # Errors
/// EINVAL if it is no archive or cut short.
pub fn load(root: &MemNode, archive: &[u8]) -> Res<()> {
    let mut at = 0;
    let (mut long_name, mut long_link) = (None, None);
    while let Some(head) = archive.get(at..at + BLOCK) {
        if head.iter().all(|&b| b == 0) {
            return Ok(());
        }
        if &head[257..262] != b"ustar" {
            return Err(EINVAL);
        }
        let size = octal(&head[124..136]) as usize;
        let data = archive
            .get(at + BLOCK..)
            .and_then(|r| r.get(..size))
            .ok_or(EINVAL)?;
        at += BLOCK + size.next_multiple_of(BLOCK);
        let kind = head[156];
        match kind {
            b'L' => {
                long_name = Some(text(data).to_vec());
                continue;
            }
            b'K' => {
                long_link = Some(text(data).to_vec());
                continue;
            }
            b'x' => {
                long_name = pax(data, b"path").or(long_name);
                long_link = pax(data, b"linkpath").or(long_link);
                continue;
            }
            b'g' => continue,
            _ => {}
        }
        let short = || {
            let (name, prefix) = (text(&head[..100]), text(&head[345..500]));
            if prefix.is_empty() || &head[257..263] != b"ustar\0" {
                name.to_vec()
            } else {
                [prefix, b"/", name].concat()
            }
        };
        let name = long_name.take().unwrap_or_else(short);
        let link = long_link
            .take()
            .unwrap_or_else(|| text(&head[157..257]).to_vec());
        let name = name.strip_suffix(b"/").unwrap_or(&name);
        if name.split(|&b| b == b'/').any(|n| n == b"..") || name.is_empty() || name == b"." {
            continue;
        }
        let bits = octal(&head[100..108]) as u32 & 0o7777;
        match kind {
            b'0' | 0 | b'7' => drop(root.put(name, mode::REG | bits, data)?),
            b'1' => root.put_link(name, &link)?,
            b'2' => drop(root.put(name, mode::LNK | 0o777, &link)?),
            b'5' => drop(root.put(name, mode::DIR | bits, &[])?),
            b'6' => drop(root.put(name, mode::FIFO | bits, &[])?),
            _ => {}
        }
    }
    Ok(())
}
