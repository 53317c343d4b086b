//! `-display curses`: the text of the PC's screen in this terminal, with keys for its keyboard, and behind Alt-2 and further the consoles of the
//! monitor and the serial ports, as QEMU's curses display has them. [`keys`] knows what keys send, [`glyphs`] what characters look like.
//!
//! The display draws what differs from what it drew last. It waits for nothing: the run loop looks after the terminal.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, IsTerminal, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use tinamou_core::TextScreen;

use crate::host::terminal::{self, Raw};
use crate::host::{wait, why};

pub mod glyphs;
pub mod keys;

use keys::Typed;

/// How often it draws.
const FRAME: Duration = Duration::from_millis(33);
/// Grey on black, as attributes of a PC have it.
const GREY: u8 = 7;
/// Bright blue on black, which QEMU has for its notices.
const BLUE: u8 = 9;
/// Size of the notice in place of a picture, as QEMU's.
const NOTICE: (u16, u16) = (60, 3);

/// The screen that is put away afterwards, empty.
const ENTER: &str = "\x1b[?1049h\x1b[0m\x1b[2J\x1b[?25l";
const LEAVE: &str = "\x1b[0m\x1b[?25h\x1b[?1049l";
const CLEAR: &str = "\x1b[0m\x1b[2J";
const PLAIN: &str = "\x1b[0m";
const HIDE: &str = "\x1b[?25l";
const SHOW: &str = "\x1b[?25h";

/// One place of the screen: a character and a PC's attribute.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Cell {
    glyph: char,
    attr: u8,
}

const EMPTY: Cell = Cell {
    glyph: ' ',
    attr: GREY,
};

/// What is to be seen.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
struct Picture {
    columns: u16,
    rows: u16,
    cells: Vec<Cell>,
    /// Column and row.
    cursor: Option<(u16, u16)>,
}

impl Picture {
    /// What the display adapter shows.
    fn screen(screen: &TextScreen) -> Picture {
        match screen {
            TextScreen::Blank => Picture::notice("VGA Blank mode"),
            TextScreen::Graphics { width, height } => {
                Picture::notice(&format!("{width} x {height} Graphic mode"))
            }
            TextScreen::Text {
                columns,
                rows,
                cells,
                cursor,
            } => Picture {
                columns: *columns as u16,
                rows: *rows as u16,
                cells: cells
                    .iter()
                    .map(|&[code, attr]| Cell {
                        glyph: glyphs::CP437[usize::from(code)],
                        attr,
                    })
                    .collect(),
                cursor: cursor.map(|(x, y)| (x as u16, y as u16)),
            },
        }
    }

    /// A few words.
    fn notice(words: &str) -> Picture {
        let (columns, rows) = NOTICE;
        let mut cells = vec![EMPTY; usize::from(columns * rows)];
        let at = usize::from(columns) + (usize::from(columns) - words.len().min(60)) / 2;
        for (cell, glyph) in cells[at..].iter_mut().zip(words.chars()) {
            *cell = Cell { glyph, attr: BLUE };
        }
        Picture {
            columns,
            rows,
            cells,
            cursor: None,
        }
    }

    /// What a console shows.
    fn console(screen: &vt100::Screen) -> Picture {
        let (rows, columns) = screen.size();
        let (rows, columns) = (rows.get(), columns.get());
        let places = (0..rows).flat_map(|y| (0..columns).map(move |x| (y, x)));
        let (y, x) = screen.cursor_position();
        Picture {
            columns,
            rows,
            cells: places
                .map(|(y, x)| screen.cell(y, x).map_or(EMPTY, glyphs::of_console))
                .collect(),
            // A full line's cursor waits behind its end.
            cursor: (!screen.hide_cursor()).then_some((x.min(columns.saturating_sub(1)), y)),
        }
    }
}

/// The display.
pub struct Curses {
    /// Which console is seen: 0 is the screen.
    pub shown: usize,
    drawn: Picture,
    /// The terminal's columns and rows.
    size: (u16, u16),
    last: Option<Instant>,
    /// A duplicate, unbuffered; `None` once the terminal is gone.
    keys: Option<File>,
    _raw: Option<Raw>,
}

impl Curses {
    /// Takes this terminal.
    ///
    /// # Errors
    /// It is no terminal, or refuses.
    pub fn open() -> Result<Curses, String> {
        if !io::stdin().is_terminal() || !io::stdout().is_terminal() {
            return Err("-display curses: this is no terminal".into());
        }
        let failed = |e: io::Error| format!("-display curses: {}", why(&e));
        let keys = io::stdin().as_fd().try_clone_to_owned().map_err(failed)?;
        let raw = Raw::enter(false).map_err(failed)?;
        say(ENTER);
        Ok(Curses {
            shown: 0,
            drawn: Picture::default(),
            size: terminal::size(),
            last: None,
            keys: Some(keys.into()),
            _raw: raw,
        })
    }

    /// What to wait for.
    pub fn keys(&self) -> Option<BorrowedFd<'_>> {
        self.keys.as_ref().map(AsFd::as_fd)
    }

    /// What was typed since, if anything.
    pub fn typed(&mut self) -> Vec<Typed> {
        let Some(keys) = self.keys.as_mut().filter(|k| wait::readable(k.as_fd())) else {
            return Vec::new();
        };
        let mut bytes = [0; 256];
        match keys.read(&mut bytes) {
            Ok(n @ 1..) => keys::typed(&bytes[..n]),
            Err(e) if e.kind() == io::ErrorKind::Interrupted => Vec::new(),
            _ => {
                self.keys = None;
                Vec::new()
            }
        }
    }

    /// How long until it is time to draw again.
    pub fn due_in(&self) -> Duration {
        self.last
            .map_or(Duration::ZERO, |l| FRAME.saturating_sub(l.elapsed()))
    }

    /// Draws the screen.
    pub fn draw_screen(&mut self, screen: &TextScreen) {
        self.draw(Picture::screen(screen));
    }

    /// Draws a console.
    pub fn draw_console(&mut self, console: &vt100::Screen) {
        self.draw(Picture::console(console));
    }

    fn draw(&mut self, picture: Picture) {
        self.last = Some(Instant::now());
        let size = terminal::size();
        if size != self.size {
            self.size = size;
            self.drawn = Picture::default();
        }
        if picture != self.drawn {
            say(&self.paint(&picture));
            self.drawn = picture;
        }
    }

    /// What changes the terminal from what was drawn to a picture (ECMA-48).
    fn paint(&self, picture: &Picture) -> String {
        let mut out = String::from(HIDE);
        let afresh = (picture.columns, picture.rows) != (self.drawn.columns, self.drawn.rows);
        if afresh {
            out += CLEAR;
        }
        let (left, right) = (margin(self.size.0, picture.columns), self.size.0);
        let (top, bottom) = (margin(self.size.1, picture.rows), self.size.1);
        // Where a place of the picture is on the terminal, if it is there.
        let place = |x: u16, y: u16| {
            let x = u16::try_from(i32::from(x) + left).ok();
            let y = u16::try_from(i32::from(y) + top).ok();
            x.filter(|&x| x < right).zip(y.filter(|&y| y < bottom))
        };
        // Writing to memory does not fail.
        let go = |out: &mut String, (x, y)| {
            let _ = write!(out, "\x1b[{};{}H", y + 1, x + 1);
        };
        let (mut attr, mut at) = (None, None);
        let rows = picture.cells.chunks(usize::from(picture.columns).max(1));
        let mut old = self.drawn.cells.iter();
        for (y, row) in (0u16..).zip(rows) {
            for (x, cell) in (0u16..).zip(row) {
                let same = old.next() == Some(cell) && !afresh;
                let Some((x, y)) = place(x, y).filter(|_| !same) else {
                    continue;
                };
                if at != Some((x, y)) {
                    go(&mut out, (x, y));
                }
                if attr != Some(cell.attr) {
                    colours(&mut out, cell.attr);
                    attr = Some(cell.attr);
                }
                out.push(cell.glyph);
                at = Some((x + 1, y));
            }
        }
        out += PLAIN;
        if let Some(cursor) = picture.cursor.and_then(|(x, y)| place(x, y)) {
            go(&mut out, cursor);
            out += SHOW;
        }
        out
    }
}

impl Drop for Curses {
    fn drop(&mut self) {
        say(LEAVE);
    }
}

/// Writes to the terminal. One that fails is told by a signal.
fn say(text: &str) {
    let mut out = io::stdout();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// Where something begins that stands in the middle, or whose middle is seen.
fn margin(there: u16, wanted: u16) -> i32 {
    (i32::from(there) - i32::from(wanted)) / 2
}

/// A PC's attribute: three bits of the background, one that makes the foreground bright, three of the foreground. Blinking is not shown.
fn colours(out: &mut String, attr: u8) {
    // Red and blue are the other way round.
    let colour = |n: u8| n & 2 | (n & 1) << 2 | n >> 2 & 1;
    let weight = if attr & 8 != 0 { 1 } else { 22 };
    let (mut fore, back) = (colour(attr & 7), colour(attr >> 4 & 7));
    if (fore, back) == (0, 0) {
        // QEMU shows what is black on black.
        fore = 7;
    }
    let _ = write!(out, "\x1b[{weight};3{fore};4{back}m");
}
