//! Which of QEMU's programs is meant: the first word, or the name that this program was started under.

use std::path::Path;

use tinamou_machine::{TARGETS, Target};

/// What the command line is for.
#[derive(Debug)]
pub enum Program {
    /// A whole machine of this architecture.
    System(&'static Target),
    /// `-h` and the like before any program's name.
    Itself,
}

/// Finds the program; returns its name as errors and help show it, and the arguments that are its own.
///
/// # Errors
/// A sentence for the user.
pub fn find(args: &[String]) -> Result<(Program, String, &[String]), String> {
    let called = args.first().map(String::as_str).unwrap_or_default();
    let called = Path::new(called)
        .file_name()
        .map(|n| n.to_string_lossy().into_owned())
        .unwrap_or_default();
    if let Some(word) = called
        .strip_prefix("tinamou-")
        .or_else(|| called.strip_prefix("qemu-"))
    {
        return Ok((program(word)?, called.clone(), &args[1..]));
    }
    match args.get(1) {
        None => Err(format!("which program? {}", programs())),
        Some(word) if word.starts_with('-') => Ok((Program::Itself, "tinamou".into(), &args[1..])),
        Some(word) => {
            let bare = word.strip_prefix("qemu-").unwrap_or(word);
            Ok((program(bare)?, format!("tinamou {bare}"), &args[2..]))
        }
    }
}

fn program(word: &str) -> Result<Program, String> {
    let target = word
        .strip_prefix("system-")
        .and_then(|name| TARGETS.iter().find(|t| t.name == name));
    target
        .map(Program::System)
        .ok_or_else(|| format!("no program '{word}'; {}", programs()))
}

/// The sentence that lists the programs.
pub fn programs() -> String {
    let names: Vec<_> = TARGETS
        .iter()
        .map(|t| format!("system-{}", t.name))
        .collect();
    format!("programs: {}", names.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(args: &[&str]) -> Result<(String, String, usize), String> {
        let args: Vec<String> = args.iter().map(|s| s.to_string()).collect();
        let (program, name, rest) = find(&args)?;
        let program = match program {
            Program::System(t) => t.name.to_string(),
            Program::Itself => "itself".into(),
        };
        Ok((program, name, rest.len()))
    }

    #[test]
    fn names() {
        let ok = |p: &str, n: &str, r| Ok((p.to_string(), n.to_string(), r));
        assert_eq!(
            found(&["/bin/tinamou", "system-mipsel", "-m", "1"]),
            ok("mipsel", "tinamou system-mipsel", 2)
        );
        assert_eq!(
            found(&["tinamou", "qemu-system-mips64"]),
            ok("mips64", "tinamou system-mips64", 0)
        );
        assert_eq!(
            found(&["/x/tinamou-system-mips64el", "-h"]),
            ok("mips64el", "tinamou-system-mips64el", 1)
        );
        assert_eq!(
            found(&["qemu-system-mips", "-h"]),
            ok("mips", "qemu-system-mips", 1)
        );
        assert_eq!(found(&["tinamou", "-version"]), ok("itself", "tinamou", 1));
        assert!(found(&["tinamou"]).is_err());
        assert!(found(&["tinamou", "system-vax"]).is_err());
        assert!(found(&["tinamou", "mipsel"]).is_err());
        assert!(found(&["qemu-img", "info"]).is_err());
    }
}
