//! /sys: what programs ask it about the computer they run on (its one CPU, its memory's pages), over a host's /sys where there is one.
//! The names and texts are those of linux/Documentation/ABI.

use std::any::Any;
use std::collections::BTreeSet;
use std::rc::Rc;

use super::{Dirent, Node, Stat, mode};
use crate::errno::{EINVAL, ENOENT, ENOTDIR, Res};
use crate::file::{FileOps, NodeFile};

/// Files by path.
const FILES: &[(&str, &str)] = &[
    ("devices/system/cpu/cpu0/topology/core_cpus", "1\n"),
    ("devices/system/cpu/cpu0/topology/core_cpus_list", "0\n"),
    ("devices/system/cpu/cpu0/topology/core_id", "0\n"),
    ("devices/system/cpu/cpu0/topology/core_siblings", "1\n"),
    ("devices/system/cpu/cpu0/topology/core_siblings_list", "0\n"),
    ("devices/system/cpu/cpu0/topology/package_cpus", "1\n"),
    ("devices/system/cpu/cpu0/topology/package_cpus_list", "0\n"),
    (
        "devices/system/cpu/cpu0/topology/physical_package_id",
        "0\n",
    ),
    ("devices/system/cpu/cpu0/topology/thread_siblings", "1\n"),
    (
        "devices/system/cpu/cpu0/topology/thread_siblings_list",
        "0\n",
    ),
    ("devices/system/cpu/isolated", "\n"),
    ("devices/system/cpu/kernel_max", "0\n"),
    ("devices/system/cpu/offline", "\n"),
    ("devices/system/cpu/online", "0\n"),
    ("devices/system/cpu/possible", "0\n"),
    ("devices/system/cpu/present", "0\n"),
    ("devices/system/node/has_cpu", "0\n"),
    ("devices/system/node/node0/cpulist", "0\n"),
    ("devices/system/node/node0/cpumap", "1\n"),
    ("devices/system/node/online", "0\n"),
    ("devices/system/node/possible", "0\n"),
    (
        "kernel/mm/transparent_hugepage/enabled",
        "always madvise [never]\n",
    ),
    ("kernel/mm/transparent_hugepage/hpage_pmd_size", "0\n"),
];
/// Directories whose host's contents are hidden.
const OURS: &[&str] = &["devices/system/cpu", "devices/system/node", "kernel/mm"];

/// A node of /sys that is ours, or leads to one.
#[derive(Clone)]
pub struct SysNode {
    path: String,
    text: Option<&'static str>,
    below: Option<Rc<dyn Node>>,
}

impl SysNode {
    /// The directory, over a host's.
    pub fn root(below: Option<Rc<dyn Node>>) -> Rc<SysNode> {
        Rc::new(SysNode {
            path: String::new(),
            text: None,
            below,
        })
    }

    /// What follows a directory's path in ours below it.
    fn inside(path: &str) -> impl Iterator<Item = (&'static str, &'static str)> {
        FILES.iter().filter_map(move |(p, text)| {
            let rest = p.strip_prefix(path)?;
            let rest = if path.is_empty() {
                rest
            } else {
                rest.strip_prefix('/')?
            };
            Some((rest, *text))
        })
    }
}

impl Node for SysNode {
    fn stat(&self) -> Res<Stat> {
        let file = self.text.is_some();
        let ino = self.path.bytes().fold(5u64, |h, b| {
            h.wrapping_mul(31).wrapping_add(b as u64) & 0xffff_ffff
        });
        Ok(Stat {
            dev: 21,
            ino: ino | 1,
            mode: if file {
                mode::REG | 0o444
            } else {
                mode::DIR | 0o555
            },
            nlink: if file { 1 } else { 2 },
            size: if file { 4096 } else { 0 },
            blksize: 4096,
            ..Stat::default()
        })
    }

    fn open(&self, flags: u32) -> Res<Rc<dyn FileOps>> {
        super::check_open(&self.stat()?, flags)?;
        Ok(Rc::new(NodeFile(Rc::new(self.clone()))))
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn lookup(&self, name: &[u8]) -> Res<Rc<dyn Node>> {
        if self.text.is_some() {
            return Err(ENOTDIR);
        }
        let name_text = std::str::from_utf8(name).map_err(|_| ENOENT)?;
        let path = match &self.path[..] {
            "" => name_text.to_owned(),
            dir => format!("{dir}/{name_text}"),
        };
        let below = match &self.below {
            Some(b) if !OURS.contains(&&path[..]) => b.lookup(name).ok(),
            _ => None,
        };
        let file = FILES.iter().find(|f| f.0 == path);
        if file.is_none() && SysNode::inside(&path).next().is_none() {
            return below.ok_or(ENOENT);
        }
        Ok(Rc::new(SysNode {
            path,
            text: file.map(|f| f.1),
            below,
        }))
    }

    fn entries(&self) -> Res<Vec<Dirent>> {
        if self.text.is_some() {
            return Err(ENOTDIR);
        }
        let mut list: Vec<Dirent> = Vec::new();
        if let Some(b) = &self.below {
            list = b.entries()?;
        }
        let mut seen: BTreeSet<Vec<u8>> = list.iter().map(|d| d.name.clone()).collect();
        for (rest, _) in SysNode::inside(&self.path) {
            let (name, dir) = rest
                .split_once('/')
                .map_or((rest, false), |(dir, _)| (dir, true));
            if seen.insert(name.as_bytes().to_vec()) {
                list.push(Dirent {
                    ino: 1,
                    kind: if dir { mode::DIR } else { mode::REG },
                    name: name.as_bytes().to_vec(),
                });
            }
        }
        Ok(list)
    }

    fn read_at(&self, at: u64, buf: &mut [u8]) -> Res<usize> {
        let text = self.text.ok_or(EINVAL)?.as_bytes();
        let from = text.get((at as usize).min(text.len())..).unwrap_or(&[]);
        let n = from.len().min(buf.len());
        buf[..n].copy_from_slice(&from[..n]);
        Ok(n)
    }
}
