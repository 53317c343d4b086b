//! The verdict.

use std::fmt::Write;

use serde::Serialize;

/// What came of a lab.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Report {
    /// The lab's name.
    pub title: String,
    /// All is well.
    pub passed: bool,
    /// The steps.
    pub steps: Vec<StepReport>,
}

/// What came of a step.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct StepReport {
    /// Its name.
    pub title: String,
    /// It came to its end, and all checks held.
    pub passed: bool,
    /// How it ended: `reached`, `limit`, `shutdown`, `reset`, `stuck`, `panic`, `not run`.
    pub ended: &'static str,
    /// Instructions.
    pub insns: u64,
    /// Virtual nanoseconds.
    pub virtual_ns: u64,
    /// What the first serial port sent.
    pub serial: String,
    /// The checks.
    pub checks: Vec<CheckReport>,
    /// What helps, if it failed.
    pub hint: Option<String>,
}

/// What came of a check.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct CheckReport {
    /// What was to be true.
    pub say: String,
    /// It was.
    pub passed: bool,
    /// What was there.
    pub found: String,
}

fn escape(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' | '\t' => out.push(c),
            // What XML 1.0 cannot hold.
            c if c < ' ' || c == '\u{fffe}' || c == '\u{ffff}' => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

impl StepReport {
    /// What is wrong, a line each; nothing if all is well.
    pub fn complaints(&self) -> Vec<String> {
        let mut out = Vec::new();
        if !matches!(self.ended, "reached") && !self.passed {
            out.push(match self.ended {
                "not run" => "not run: a step before it failed".into(),
                "limit" => format!("did not come to its end in {} instructions", self.insns),
                "stuck" => "the guest waits for an interrupt that never comes".to_owned(),
                other => format!("the machine ended: {other}"),
            });
        }
        for c in self.checks.iter().filter(|c| !c.passed) {
            out.push(format!("{}: found {}", c.say, c.found));
        }
        out
    }
}

impl Report {
    /// As text for a terminal.
    pub fn text(&self) -> String {
        let mut out = String::new();
        for (n, step) in self.steps.iter().enumerate() {
            let word = if step.passed { "ok    " } else { "FAILED" };
            // Writing to a String cannot fail.
            let _ = writeln!(
                out,
                "{word}  {}. {} ({} instructions)",
                n + 1,
                step.title,
                step.insns
            );
            for line in step.complaints() {
                let _ = writeln!(out, "        {line}");
            }
            if let (false, Some(hint)) = (step.passed, &step.hint) {
                let _ = writeln!(out, "        hint: {hint}");
            }
        }
        let passed = self.steps.iter().filter(|s| s.passed).count();
        let failed = self.steps.len() - passed;
        let _ = writeln!(out, "{passed} passed, {failed} failed");
        out
    }

    /// As JUnit XML: a test case per step; times are virtual.
    pub fn junit(&self) -> String {
        let failures = self.steps.iter().filter(|s| !s.passed).count();
        let seconds = |ns: u64| format!("{}.{:09}", ns / 1_000_000_000, ns % 1_000_000_000);
        let total = seconds(self.steps.iter().map(|s| s.virtual_ns).sum());
        let head = format!(
            "tests=\"{}\" failures=\"{failures}\" time=\"{total}\"",
            self.steps.len()
        );
        let title = escape(&self.title);
        let mut out = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites {head}>\n<testsuite name=\"{title}\" {head}>\n"
        );
        for (n, step) in self.steps.iter().enumerate() {
            let _ = writeln!(
                out,
                "<testcase classname=\"{title}\" name=\"{}. {}\" time=\"{}\">",
                n + 1,
                escape(&step.title),
                seconds(step.virtual_ns)
            );
            if !step.passed {
                let lines = step.complaints();
                let first = lines.first().map_or("failed", String::as_str);
                let _ = writeln!(
                    out,
                    "<failure message=\"{}\">{}</failure>",
                    escape(first),
                    escape(&lines.join("\n"))
                );
            }
            let _ = writeln!(
                out,
                "<system-out>{}</system-out>\n</testcase>",
                escape(&step.serial)
            );
        }
        out.push_str("</testsuite>\n</testsuites>\n");
        out
    }
}
