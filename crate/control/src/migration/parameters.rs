//! Settings of migrations: QEMU's names, bounds and sentences. `max-bandwidth` is honoured; the others are kept and told.

use serde_json::{Map, Value, json};

use crate::error::Error;
use crate::schema::check;

/// How a setting is bounded.
enum Bound {
    /// A number between two, and QEMU's words for them.
    Range(u64, u64, &'static str),
    /// Anything of its type.
    Free,
}

use Bound::{Free, Range};

const PER_CENT_99: &str = "an integer in the range of 1 to 99";
const PER_CENT: &str = "an integer in the range of 1 to 100";
const UP_TO_100_S: &str = "a value between 0 and 100000";

/// All numbers and truths, in the order in which the monitor shows them: name, value at first, bounds, unit.
const ALL: [(&str, u64, Bound, &str); 21] = [
    (
        "announce-initial",
        50,
        Range(0, 100_000, UP_TO_100_S),
        " ms",
    ),
    ("announce-max", 550, Range(0, 100_000, UP_TO_100_S), " ms"),
    (
        "announce-rounds",
        5,
        Range(0, 1000, "a value between 0 and 1000"),
        "",
    ),
    // QEMU takes no 0, whatever its sentence says.
    (
        "announce-step",
        100,
        Range(1, 10_000, "a value between 0 and 10000"),
        " ms",
    ),
    (
        "compress-level",
        1,
        Range(0, 9, "a value between 0 and 9"),
        "",
    ),
    (
        "compress-threads",
        8,
        Range(1, 255, "a value between 1 and 255"),
        "",
    ),
    (
        "decompress-threads",
        2,
        Range(1, 255, "a value between 1 and 255"),
        "",
    ),
    (
        "throttle-trigger-threshold",
        50,
        Range(1, 100, PER_CENT),
        "",
    ),
    ("cpu-throttle-initial", 20, Range(1, 99, PER_CENT_99), ""),
    ("cpu-throttle-increment", 10, Range(1, 99, PER_CENT_99), ""),
    (
        "max-cpu-throttle",
        99,
        Range(
            1,
            99,
            "an integer in the range of cpu_throttle_initial to 99",
        ),
        "",
    ),
    ("max-bandwidth", 128 << 20, Free, " bytes/second"),
    (
        "downtime-limit",
        300,
        Range(
            0,
            2_000_000,
            "an integer in the range of 0 to (2000 * 1000) ms",
        ),
        " ms",
    ),
    ("x-checkpoint-delay", 20_000, Free, " ms"),
    (
        "multifd-channels",
        2,
        Range(1, 255, "a value between 1 and 255"),
        "",
    ),
    ("xbzrle-cache-size", 64 << 20, Free, " bytes"),
    ("max-postcopy-bandwidth", 0, Free, ""),
    ("multifd-zlib-level", 1, Free, ""),
    ("multifd-zstd-level", 1, Free, ""),
    ("compress-wait-thread", 1, Free, ""),
    ("cpu-throttle-tailslow", 0, Free, ""),
];

/// Those that are true or false.
const TRUTHS: [&str; 2] = ["compress-wait-thread", "cpu-throttle-tailslow"];
/// Those that are texts, or nothing.
const TEXTS: [&str; 3] = ["tls-authz", "tls-creds", "tls-hostname"];

/// The settings.
#[derive(Debug)]
pub struct Parameters(Map<String, Value>);

impl Default for Parameters {
    fn default() -> Parameters {
        let mut all = Map::new();
        for (name, value, ..) in &ALL {
            let value = match TRUTHS.contains(name) {
                true => json!(*value != 0),
                false => json!(value),
            };
            all.insert((*name).into(), value);
        }
        for name in TEXTS {
            all.insert(name.into(), "".into());
        }
        all.insert("block-incremental".into(), false.into());
        all.insert("multifd-compression".into(), "none".into());
        Parameters(all)
    }
}

impl Parameters {
    /// As `query-migrate-parameters` has them.
    pub fn describe(&self) -> Value {
        self.0.clone().into()
    }

    fn number(&self, name: &str) -> u64 {
        self.0.get(name).and_then(Value::as_u64).unwrap_or(0)
    }

    /// Bytes per second; 0 for as many as there can be.
    pub fn bandwidth(&self) -> u64 {
        self.number("max-bandwidth")
    }

    /// How long so many bytes take at most, in milliseconds.
    pub fn time_ms(&self, bytes: u64) -> u64 {
        bytes.saturating_mul(1000) / self.bandwidth().max(1)
    }

    /// Sets some; types were checked.
    ///
    /// # Errors
    /// One is out of bounds: none is set then.
    pub fn set(&mut self, args: &Map<String, Value>) -> Result<(), Error> {
        let mut next = self.0.clone();
        for (name, value) in args {
            let value = match check::integer(value) {
                Some(n) => json!(n),
                None if value.is_null() => "".into(),
                None => value.clone(),
            };
            next.insert(name.clone(), value);
        }
        let wrong = |name: &str, what: &str| {
            let name = name.replace('-', "_");
            Err(Error::generic(format!("Parameter '{name}' expects {what}")))
        };
        let number = |name: &str| next.get(name).and_then(Value::as_u64).unwrap_or(0);
        for (name, _, bound, _) in &ALL {
            if let Range(least, most, what) = *bound {
                let least = match *name {
                    "max-cpu-throttle" => number("cpu-throttle-initial"),
                    _ => least,
                };
                if args.contains_key(*name) && !(least..=most).contains(&number(name)) {
                    return wrong(name, what);
                }
            }
        }
        let cache = number("xbzrle-cache-size");
        if args.contains_key("xbzrle-cache-size") && (cache < 4096 || !cache.is_power_of_two()) {
            let what = "a power of two no less than the target page size";
            return wrong("xbzrle-cache-size", what);
        }
        self.0 = next;
        Ok(())
    }

    /// As the monitor for people shows them.
    pub fn human(&self) -> String {
        let on = |name: &str| match self.0.get(name) == Some(&json!(true)) {
            true => "on",
            false => "off",
        };
        let mut out = String::new();
        for (name, _, _, unit) in &ALL {
            match *name {
                "compress-wait-thread" | "cpu-throttle-tailslow" => continue,
                "multifd-zlib-level" | "multifd-zstd-level" => continue,
                "max-bandwidth" => {
                    for text in ["tls-creds", "tls-hostname"] {
                        let value = self.0.get(text).and_then(Value::as_str).unwrap_or("");
                        out += &format!("{text}: '{value}'\n");
                    }
                }
                "decompress-threads" => {
                    let wait = on("compress-wait-thread");
                    out += &format!("compress-wait-thread: {wait}\n");
                }
                "max-cpu-throttle" => {
                    out += &format!("cpu-throttle-tailslow: {}\n", on("cpu-throttle-tailslow"));
                }
                "multifd-channels" => {
                    out += &format!("block-incremental: {}\n", on("block-incremental"));
                }
                "xbzrle-cache-size" => {
                    let how = self.0.get("multifd-compression").and_then(Value::as_str);
                    out += &format!("multifd-compression: {}\n", how.unwrap_or("none"));
                }
                _ => {}
            }
            out += &format!("{name}: {}{unit}\n", self.number(name));
        }
        let authz = self.0.get("tls-authz").and_then(Value::as_str);
        out += &format!("tls-authz: '{}'\n", authz.unwrap_or(""));
        out
    }
}
