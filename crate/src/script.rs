//! `-x-input`: types lines when the console has said something. Each line of the file is `EXPECT<TAB>SEND`; SEND is typed with
//! the Enter key after it. Without a tab nothing is typed. Empty lines and lines that begin with `#` do not count.
//! Both sides know `\b \t \r \n \\` and `\xNN`.

/// One line of the file.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Step {
    expect: Vec<u8>,
    send: Option<Vec<u8>>,
}

/// A script at work.
#[derive(Debug)]
pub struct Script {
    steps: std::vec::IntoIter<Step>,
    now: Option<Step>,
    said: Vec<u8>,
}

impl Script {
    /// Reads the file's text.
    ///
    /// # Errors
    /// A sentence that names the line.
    pub fn parse(text: &str) -> Result<Script, String> {
        let mut steps = Vec::new();
        for (n, line) in text
            .lines()
            .enumerate()
            .filter(|(_, l)| !l.is_empty() && !l.starts_with('#'))
        {
            let (expect, send) = match line.split_once('\t') {
                Some((e, s)) => (e, Some(s)),
                None => (line, None),
            };
            let bytes = |s| {
                unescape(s).ok_or_else(|| {
                    format!(
                        "line {}: a backslash stands before b, t, r, n, \\ or xNN",
                        n + 1
                    )
                })
            };
            let send = match send {
                Some(s) => Some([bytes(s)?, b"\r".to_vec()].concat()),
                None => None,
            };
            steps.push(Step {
                expect: bytes(expect)?,
                send,
            });
        }
        let mut steps = steps.into_iter();
        let now = steps.next();
        Ok(Script {
            steps,
            now,
            said: Vec::new(),
        })
    }

    /// Takes what the console said, and returns what is to be typed.
    pub fn hear(&mut self, output: &[u8]) -> Vec<u8> {
        let mut typed = Vec::new();
        self.said.extend_from_slice(output);
        while let Some(step) = &self.now {
            let Some(at) = find(&self.said, &step.expect) else {
                // What is too far back to matter.
                let keep = step.expect.len().saturating_sub(1);
                let drop = self.said.len().saturating_sub(keep);
                self.said.drain(..drop);
                break;
            };
            self.said.drain(..at + step.expect.len());
            typed.extend_from_slice(step.send.as_deref().unwrap_or_default());
            self.now = self.steps.next();
        }
        if self.now.is_none() {
            self.said.clear();
        }
        typed
    }

    /// What it still waits for.
    pub fn waits_for(&self) -> Option<String> {
        self.now
            .as_ref()
            .map(|s| String::from_utf8_lossy(&s.expect).into_owned())
    }
}

/// Watches for a text that may come in pieces.
#[derive(Debug)]
pub struct Watch {
    text: Vec<u8>,
    tail: Vec<u8>,
}

impl Watch {
    /// Watches for `text`.
    pub fn new(text: &str) -> Watch {
        Watch {
            text: text.into(),
            tail: Vec::new(),
        }
    }

    /// Whether the text has come with these bytes.
    pub fn hear(&mut self, output: &[u8]) -> bool {
        self.tail.extend_from_slice(output);
        let found = find(&self.tail, &self.text).is_some();
        let keep = self.text.len().saturating_sub(1);
        self.tail.drain(..self.tail.len().saturating_sub(keep));
        found
    }
}

fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    if part.is_empty() {
        Some(0)
    } else {
        text.windows(part.len()).position(|w| w == part)
    }
}

fn unescape(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut it = text.bytes();
    while let Some(b) = it.next() {
        bytes.push(match b {
            b'\\' => match it.next()? {
                b'b' => 8,
                b't' => b'\t',
                b'r' => b'\r',
                b'n' => b'\n',
                b'\\' => b'\\',
                b'x' => {
                    let mut digit = || char::from(it.next()?).to_digit(16);
                    (digit()? * 16 + digit()?) as u8
                }
                _ => return None,
            },
            b => b,
        });
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_when_asked() {
        let mut s = Script::parse("# comment\n\nlab>\thelp\\b\nend\n$ \t\\x41\n").unwrap();
        assert_eq!(s.hear(b"la"), b"");
        assert_eq!(s.hear(b"b>"), b"help\x08\r");
        assert_eq!(s.waits_for().as_deref(), Some("end"));
        // Two at once; what came before a match is not matched again.
        assert_eq!(s.hear(b"$ the end $ "), b"A\r");
        assert_eq!(s.waits_for(), None);
        assert_eq!(s.hear(b"$ "), b"");
    }

    #[test]
    fn refuses_bad_escapes() {
        for text in ["a\t\\q", "\\x4\tz", "ok\ta\nb\\"] {
            assert!(Script::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn finds_text_in_pieces() {
        let mut w = Watch::new("PASS");
        assert!(!w.hear(b"xxPA"));
        assert!(w.hear(b"SS"));
    }
}
