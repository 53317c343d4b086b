//! `-x-stats`: one line of JSON at exit.

use serde_json::json;
use tinamou_machine::Machine;

/// The figures of a finished run.
pub fn line(machine: &mut Machine, with_hash: bool, wall_seconds: f64, end: &str) -> String {
    let s = machine.stats();
    let (cpu_seconds, peak_rss_bytes) = usage();
    let mut v = json!({
        "end": end,
        "icount": machine.icount(),
        "wall_seconds": wall_seconds,
        "cpu_seconds": cpu_seconds,
        "peak_rss_bytes": peak_rss_bytes,
        "virtual_ns": s.virtual_ns,
        "insns": s.insns,
        "interpreted": s.interpreted,
        "lifted": s.lifted,
        "calls": s.calls,
        "exceptions": s.exceptions,
        "resumes": s.resumes,
        "slow_accesses": s.slow_accesses,
        "blocks": s.blocks,
        "regions": s.regions,
        "modules": s.modules,
        "module_bytes": s.module_bytes,
        "flushes": s.flushes,
        "arena_bytes": s.arena_bytes,
    });
    if with_hash {
        // As text: 64 bits are too many for a JSON number.
        v["state_hash"] = json!(format!("{:016x}", machine.state_hash()));
    }
    v.to_string()
}

/// CPU seconds of all threads, and the most memory that was resident.
fn usage() -> (f64, u64) {
    // SAFETY: rusage is plain data that getrusage fills.
    let u = unsafe {
        let mut u: libc::rusage = std::mem::zeroed();
        libc::getrusage(libc::RUSAGE_SELF, &raw mut u);
        u
    };
    let seconds = |t: libc::timeval| t.tv_sec as f64 + t.tv_usec as f64 / 1e6;
    // KiB on Linux, bytes on macOS.
    let unit = if cfg!(target_os = "macos") { 1 } else { 1024 };
    (
        seconds(u.ru_utime) + seconds(u.ru_stime),
        (u.ru_maxrss as u64).saturating_mul(unit),
    )
}
