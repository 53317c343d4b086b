//! Drives. Names are QEMU's: `ide0-hd0`, `ide1-cd0`, `floppy0`, `virtio0`.

use serde_json::{Map, Value, json};
use tinamou_machine::input::HostInput;

use super::done;

use crate::controller::Controller;
use crate::cx::{Args, Cx};
use crate::driven::{Drive, Host, Medium, Open};
use crate::error::Error;

/// A drive's name.
pub(crate) fn name(d: &Drive) -> String {
    // As the boards number their slots.
    match d.slot {
        4 | 5 => return format!("floppy{}", d.slot - 4),
        6 | 7 => return format!("virtio{}", d.slot - 6),
        // Of a card, which has a name itself.
        8.. => return String::new(),
        _ => {}
    }
    let kind = if d.removable { "cd" } else { "hd" };
    format!("ide{}-{kind}{}", d.slot / 2, d.slot % 2)
}

/// The name of what is in a drive.
pub(crate) fn node_name(ctl: &Controller, d: &Drive) -> String {
    match ctl.nodes.iter().find(|n| n.slot == Some(d.slot)) {
        Some(node) => node.name.clone(),
        None => own_node(d),
    }
}

/// The name that it has without one of `blockdev-add`'s.
pub(crate) fn own_node(d: &Drive) -> String {
    format!("#block{}", d.slot)
}

/// The device that has a drive.
fn qdev(ctl: &Controller, d: &Drive) -> String {
    match ctl.cards.iter().find(|c| c.disk == Some(d.slot)) {
        Some(card) => format!("{}/virtio-backend", card.path),
        None => format!("/machine/unattached/{}", name(d)),
    }
}

/// No such drive and no such node.
pub(crate) fn no_node(device: &str, node: &str) -> Error {
    Error::generic(format!(
        "Cannot find device='{device}' nor node-name='{node}'"
    ))
}

/// An image, as drives and nodes show it.
pub(crate) fn inserted(node_name: &str, m: &Medium) -> Value {
    json!({
        "file": m.file, "node-name": node_name, "ro": m.read_only, "drv": m.format, "backing_file_depth": 0,
        "encrypted": false, "detect_zeroes": "off", "bps": 0, "bps_rd": 0, "bps_wr": 0, "iops": 0, "iops_rd": 0,
        "iops_wr": 0, "write_threshold": 0, "cache": {"writeback": true, "direct": false, "no-flush": false},
        "image": {
            "filename": m.file, "format": m.format, "virtual-size": m.virtual_size, "actual-size": m.actual_size,
            "dirty-flag": false,
        },
    })
}

/// The same with the snapshots inside the image, if there are any.
fn with_snapshots(host: &dyn Host, d: &Drive, mut inserted: Value) -> Value {
    let snapshots = host.image_snapshots(d.slot).unwrap_or_default();
    if !snapshots.is_empty() {
        inserted["image"]["snapshots"] = crate::snapshots::infos(&snapshots);
    }
    inserted
}

/// `query-block`
pub fn query(cx: &mut Cx<'_>, _: &Args<'_>) -> Result<Value, Error> {
    let (ctl, host) = (&*cx.ctl, &*cx.host);
    let open = &ctl.open_trays;
    let one = |d: &Drive| {
        let status = ctl.io_status.get(&d.slot).unwrap_or(&"ok");
        let mut v = json!({
            "device": name(d), "qdev": qdev(ctl, d), "type": "unknown", "removable": d.removable, "locked": false,
            "io-status": status,
        });
        if d.removable {
            v["tray_open"] = open.contains(&d.slot).into();
        }
        if let Some(m) = &d.medium {
            let shown = inserted(&node_name(ctl, d), m);
            v["inserted"] = with_snapshots(host, d, shown);
        }
        v
    };
    Ok(host.drives().iter().map(one).collect())
}

/// `query-named-block-nodes`
pub fn nodes(cx: &mut Cx<'_>, _: &Args<'_>) -> Result<Value, Error> {
    let drives = cx.host.drives();
    let (ctl, host) = (&*cx.ctl, &*cx.host);
    let media = drives.iter().filter_map(|d| {
        let m = d.medium.as_ref()?;
        Some(with_snapshots(host, d, inserted(&node_name(ctl, d), m)))
    });
    let mut all: Vec<Value> = media.collect();
    all.extend(super::nodes::idle(cx));
    Ok(all.into())
}

/// `query-blockstats`
pub fn stats(cx: &mut Cx<'_>, _: &Args<'_>) -> Result<Value, Error> {
    let ctl = &*cx.ctl;
    let one = |d: &Drive| {
        let s = &d.stats;
        let stats = json!({
            "rd_bytes": s.bytes[0], "wr_bytes": s.bytes[1], "unmap_bytes": 0, "rd_operations": s.operations[0],
            "wr_operations": s.operations[1], "flush_operations": s.flushes, "unmap_operations": 0,
            "rd_total_time_ns": 0, "wr_total_time_ns": 0, "flush_total_time_ns": 0, "unmap_total_time_ns": 0,
            "wr_highest_offset": s.highest, "rd_merged": 0, "wr_merged": 0, "unmap_merged": 0,
            "failed_rd_operations": s.failed[0], "failed_wr_operations": s.failed[1], "failed_flush_operations": 0,
            "failed_unmap_operations": 0, "invalid_rd_operations": 0, "invalid_wr_operations": 0,
            "invalid_flush_operations": 0, "invalid_unmap_operations": 0, "account_invalid": true,
            "account_failed": true, "timed_stats": [],
        });
        let mut v = json!({"device": name(d), "qdev": qdev(ctl, d), "stats": stats});
        if d.medium.is_some() {
            v["node-name"] = node_name(ctl, d).into();
        }
        v
    };
    Ok(cx.host.drives().iter().map(one).collect())
}

/// The drive that `device` or `id` names.
fn find(cx: &Cx<'_>, args: &Args<'_>) -> Result<Drive, Error> {
    let wanted = match (args.str("device"), args.str("id")) {
        (Some(wanted), None) | (None, Some(wanted)) => wanted,
        _ => {
            return Err(Error::generic("Need exactly one of 'device' and 'id'"));
        }
    };
    let drives = cx.host.drives();
    let found = drives
        .into_iter()
        .find(|d| name(d) == wanted && !wanted.is_empty() || qdev(cx.ctl, d) == wanted);
    found.ok_or_else(|| Error::no_device(wanted))
}

pub(crate) fn removable(cx: &Cx<'_>, args: &Args<'_>) -> Result<Drive, Error> {
    let d = find(cx, args)?;
    if d.removable {
        return Ok(d);
    }
    Err(Error::generic(format!(
        "Device '{}' is not removable",
        name(&d)
    )))
}

/// Moves a tray from outside: the guest's drive hears of it.
fn move_tray(cx: &mut Cx<'_>, d: &Drive, open: bool) {
    let (slot, moved) = (d.slot, cx.ctl.open_trays.contains(&d.slot) != open);
    if let Some(machine) = cx.host.machine().filter(|_| moved) {
        machine.input(HostInput::Tray { slot, open });
    }
    tray_moved(cx.ctl, cx.host, d, open);
}

/// A tray has moved.
pub(crate) fn tray_moved(ctl: &mut Controller, host: &dyn Host, d: &Drive, open: bool) {
    if ctl.open_trays.contains(&d.slot) == open {
        return;
    }
    ctl.open_trays.retain(|slot| *slot != d.slot);
    if open {
        ctl.open_trays.push(d.slot);
    }
    let mut data = Map::new();
    data.insert("device".into(), name(d).into());
    data.insert("id".into(), qdev(ctl, d).into());
    data.insert("tray-open".into(), open.into());
    ctl.event(host, "DEVICE_TRAY_MOVED", data);
}

/// Takes out what is in a drive.
fn take_out(cx: &mut Cx<'_>, d: &Drive) -> Result<(), Error> {
    if d.medium.is_some() {
        cx.host.remove(d.slot).map_err(Error::generic)?;
        super::nodes::released(cx, d.slot);
    }
    Ok(())
}

/// `eject`
pub fn eject(cx: &mut Cx<'_>, args: &Args<'_>) -> Result<Value, Error> {
    let d = removable(cx, args)?;
    take_out(cx, &d)?;
    move_tray(cx, &d, true);
    done()
}

/// `blockdev-open-tray`
pub fn open_tray(cx: &mut Cx<'_>, args: &Args<'_>) -> Result<Value, Error> {
    let d = removable(cx, args)?;
    move_tray(cx, &d, true);
    done()
}

/// `blockdev-close-tray`
pub fn close_tray(cx: &mut Cx<'_>, args: &Args<'_>) -> Result<Value, Error> {
    let d = removable(cx, args)?;
    move_tray(cx, &d, false);
    done()
}

/// `blockdev-remove-medium`
pub fn remove_medium(cx: &mut Cx<'_>, args: &Args<'_>) -> Result<Value, Error> {
    let d = removable(cx, args)?;
    if !cx.ctl.open_trays.contains(&d.slot) {
        return Err(Error::generic(format!(
            "Tray of device '{}' is not open",
            args.text("id")
        )));
    }
    take_out(cx, &d)?;
    done()
}

/// `blockdev-change-medium`
pub fn change(cx: &mut Cx<'_>, args: &Args<'_>) -> Result<Value, Error> {
    let d = removable(cx, args)?;
    let read_only = match args.str("read-only-mode") {
        Some("read-write") => {
            return Err(Error::generic(format!(
                "Device '{}' is read-only",
                name(&d)
            )));
        }
        // A CD is never written.
        _ => true,
    };
    let open = Open {
        file: args.text("filename"),
        format: args.str("format"),
        read_only,
    };
    cx.host.insert(d.slot, open).map_err(Error::generic)?;
    super::nodes::released(cx, d.slot);
    move_tray(cx, &d, false);
    done()
}
