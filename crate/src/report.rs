//! `-x-stats`: one line of JSON at exit.

use std::sync::OnceLock;
use std::time::Instant;

use serde_json::json;
use tinamou_jit::Phase;
use tinamou_machine::Machine;

/// The stopwatch's clock (`-x-timing`).
pub fn clock_ns() -> u64 {
    static START: OnceLock<Instant> = OnceLock::new();
    let start = START.get_or_init(Instant::now);
    u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX)
}

/// Seconds per phase of the vCPU's thread, and of the engine's compilation on whatever thread.
fn timing(machine: &mut Machine) -> Option<serde_json::Value> {
    let t = *machine.vcpu_mut().timing()?;
    let seconds = |phase| t.ns(phase) as f64 / 1e9;
    let regions = machine.vcpu_mut().regions();
    let compile_ns = regions.map_or(0, |r| r.engine().stats().compile_ns);
    Some(json!({
        "lift_seconds": seconds(Phase::Lift),
        "interpret_seconds": seconds(Phase::Interpret),
        "build_seconds": seconds(Phase::Build),
        "run_seconds": seconds(Phase::Run),
        "other_seconds": seconds(Phase::Other),
        "compile_seconds": compile_ns as f64 / 1e9,
    }))
}

/// The figures of a finished run.
pub fn line(machine: &mut Machine, with_hash: bool, wall_seconds: f64, end: &str) -> String {
    let s = machine.stats();
    let run = machine.vcpu_mut().stats;
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
        "in_pieces": run.in_pieces,
        "lifted": s.lifted,
        "calls": s.calls,
        "exceptions": s.exceptions,
        "resumes": s.resumes,
        "exits": run.exits,
        "refused": run.refused,
        "uncached": run.uncached,
        "drained": run.drained,
        "slow_accesses": s.slow_accesses,
        "blocks": s.blocks,
        "regions": s.regions,
        "modules": s.modules,
        "module_bytes": s.module_bytes,
        "flushes": s.flushes,
        "evicted": s.evicted,
        "brief": s.brief,
        "arena_bytes": s.arena_bytes,
    });
    if let Some(timing) = timing(machine) {
        v["timing"] = timing;
    }
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
