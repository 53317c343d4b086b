//! Drives. Names are QEMU's: `ide0-hd0`, `ide1-cd0`, `floppy0`, `virtio0`.

use serde_json::{Map, Value, json};

use super::done;
use crate::cx::{Args, Cx};
use crate::driven::{Drive, Host, Medium, Open};
use crate::error::Error;

/// A drive's name.
pub(crate) fn name(d: &Drive) -> String {
    // As the boards number their slots.
    match d.slot {
        4 | 5 => return format!("floppy{}", d.slot - 4),
        6 | 7 => return format!("virtio{}", d.slot - 6),
        _ => {}
    }
    let kind = if d.removable { "cd" } else { "hd" };
    format!("ide{}-{kind}{}", d.slot / 2, d.slot % 2)
}

/// The name of what is in a drive.
pub(crate) fn node_name(d: &Drive) -> String {
    format!("#block{}", d.slot)
}

fn qdev(d: &Drive) -> String {
    format!("/machine/unattached/{}", name(d))
}

fn inserted(d: &Drive, m: &Medium) -> Value {
    json!({
        "file": m.file, "node-name": node_name(d), "ro": m.read_only, "drv": m.format, "backing_file_depth": 0,
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
    let open = &cx.ctl.open_trays;
    let one = |d: &Drive| {
        let mut v = json!({
            "device": name(d), "qdev": qdev(d), "type": "unknown", "removable": d.removable, "locked": false,
            "io-status": "ok",
        });
        if d.removable {
            v["tray_open"] = open.contains(&d.slot).into();
        }
        if let Some(m) = &d.medium {
            v["inserted"] = with_snapshots(cx.host, d, inserted(d, m));
        }
        v
    };
    Ok(cx.host.drives().iter().map(one).collect())
}

/// `query-named-block-nodes`
pub fn nodes(cx: &mut Cx<'_>, _: &Args<'_>) -> Result<Value, Error> {
    let drives = cx.host.drives();
    let media = drives.iter().filter_map(|d| {
        let m = d.medium.as_ref()?;
        Some(with_snapshots(cx.host, d, inserted(d, m)))
    });
    Ok(media.collect())
}

/// `query-blockstats`
pub fn stats(cx: &mut Cx<'_>, _: &Args<'_>) -> Result<Value, Error> {
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
        let mut v = json!({"device": name(d), "qdev": qdev(d), "stats": stats});
        if d.medium.is_some() {
            v["node-name"] = node_name(d).into();
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
        .find(|d| name(d) == wanted || qdev(d) == wanted);
    found.ok_or_else(|| Error::no_device(wanted))
}

fn removable(cx: &Cx<'_>, args: &Args<'_>) -> Result<Drive, Error> {
    let d = find(cx, args)?;
    if d.removable {
        return Ok(d);
    }
    Err(Error::generic(format!(
        "Device '{}' is not removable",
        name(&d)
    )))
}

fn move_tray(cx: &mut Cx<'_>, d: &Drive, open: bool) {
    if cx.ctl.open_trays.contains(&d.slot) == open {
        return;
    }
    cx.ctl.open_trays.retain(|slot| *slot != d.slot);
    if open {
        cx.ctl.open_trays.push(d.slot);
    }
    let mut data = Map::new();
    data.insert("device".into(), name(d).into());
    data.insert("id".into(), qdev(d).into());
    data.insert("tray-open".into(), open.into());
    cx.ctl.event(cx.host, "DEVICE_TRAY_MOVED", data);
}

/// `eject`
pub fn eject(cx: &mut Cx<'_>, args: &Args<'_>) -> Result<Value, Error> {
    let d = removable(cx, args)?;
    if d.medium.is_some() {
        cx.host.remove(d.slot).map_err(Error::generic)?;
    }
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
    if d.medium.is_some() {
        cx.host.remove(d.slot).map_err(Error::generic)?;
    }
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
    move_tray(cx, &d, false);
    done()
}
