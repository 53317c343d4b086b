//! Options of the PC alone: `-boot`, `-device`.

use tinamou_control::qmp::cards;

use super::Options;
use super::chardev::Chardev;
use super::keyval::{self, on_off, unknown};

/// `-boot`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Boot {
    /// Devices in order as the firmware numbers them: 1 floppy, 2 hard disk, 3 CD, 4 network; 0 ends.
    pub order: [u8; 3],
    /// The firmware shows its menu.
    pub menu: bool,
    /// For so many milliseconds it waits for the key that shows it.
    pub wait_ms: Option<u16>,
}

/// Reads `-boot`'s list.
///
/// # Errors
/// A sentence for the user.
pub fn boot(text: &str) -> Result<Boot, String> {
    let mut boot = Boot {
        order: [2, 1, 3],
        menu: false,
        wait_ms: None,
    };
    for pair in keyval::parse(text, Some("order"))? {
        match pair.key.as_str() {
            // What is booted once is what is booted: the order does not come back with a reset.
            "order" | "once" => boot.order = order(&pair.value)?,
            "menu" => boot.menu = on_off(&pair)?,
            "splash-time" => {
                let ms = pair.value.parse();
                let bad = || format!("splash-time '{}': 0 to 65535 milliseconds", pair.value);
                boot.wait_ms = Some(ms.map_err(|_| bad())?);
            }
            "strict" => {
                on_off(&pair)?;
            }
            _ => return Err(unknown(&pair)),
        }
    }
    Ok(boot)
}

/// The order as letters.
pub fn letters(boot: &Boot) -> String {
    let letter = |n: &u8| " acdn".chars().nth((*n).into()).filter(|_| *n != 0);
    boot.order.iter().filter_map(letter).collect()
}

fn order(letters: &str) -> Result<[u8; 3], String> {
    let mut order = [0; 3];
    if letters.len() > order.len() {
        return Err("at most three boot devices".into());
    }
    for (place, letter) in order.iter_mut().zip(letters.chars()) {
        *place = match letter {
            'a' => 1,
            'c' => 2,
            'd' => 3,
            'n' => 4,
            _ => return Err(format!("no boot device '{letter}' (a, c, d, n)")),
        };
    }
    Ok(order)
}

/// The list that `-device help` or `-device MODEL,help` asks for.
pub fn device_help(text: &str) -> Option<String> {
    let pairs = keyval::parse(text, Some("driver")).ok()?;
    let asks = |word: &str| matches!(word, "help" | "?");
    let first = pairs.first().filter(|p| p.key == "driver")?;
    if asks(&first.value) {
        return Some(cards::list());
    }
    let model = cards::model(&first.value)?;
    let further = |p: &keyval::Pair| asks(&p.key) || asks(&p.value);
    pairs[1..]
        .iter()
        .any(further)
        .then(|| cards::properties(model))
}

/// Adds the device of `-device`.
///
/// # Errors
/// A sentence for the user.
pub fn device(options: &mut Options, text: &str) -> Result<(), String> {
    if text.trim_start().starts_with('{') {
        let args = super::qom::arguments(text, "driver")?;
        options.devices.push(args.into());
        return Ok(());
    }
    let pairs = keyval::parse(text, Some("driver"))?;
    let driver = pairs.iter().find(|p| p.key == "driver");
    let driver = driver.map(|p| p.value.clone()).unwrap_or_default();
    let number = |p: &keyval::Pair| {
        let digits = p.value.strip_prefix("0x");
        let n = match digits {
            Some(hex) => u16::from_str_radix(hex, 16),
            None => p.value.parse(),
        };
        n.map_err(|_| format!("'{}' expects a number, not '{}'", p.key, p.value))
    };
    match driver.as_str() {
        "isa-debug-exit" => {
            let mut port = 0x501;
            for p in &pairs {
                match p.key.as_str() {
                    "driver" | "id" => {}
                    "iobase" => port = number(p)?,
                    "iosize" => {
                        number(p)?;
                    }
                    _ => return Err(unknown(p)),
                }
            }
            if ![0x501, 0xf4].contains(&port) {
                return Err("iobase must be 0x501 or 0xf4".into());
            }
            options.debug_exit = Some(port);
        }
        "isa-debugcon" => {
            for p in &pairs {
                match p.key.as_str() {
                    "driver" | "id" => {}
                    // The board has it at both addresses.
                    "iobase" if [0xe9, 0x402].contains(&number(p)?) => {}
                    "iobase" => return Err("iobase must be 0xe9 or 0x402".into()),
                    "chardev" => options.debug_console = Some(Chardev::Named(p.value.clone())),
                    _ => return Err(unknown(p)),
                }
            }
        }
        // Whether there is such a card is found when it is plugged.
        _ => {
            let args = super::qom::arguments(text, "driver")?;
            options.devices.push(args.into());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boot_orders() {
        let of = |text| boot(text).map(|b| (b.order, b.menu));
        assert_eq!(of("d"), Ok(([3, 0, 0], false)));
        assert_eq!(of("order=adn,menu=on"), Ok(([1, 3, 4], true)));
        assert_eq!(of("once=d"), Ok(([3, 0, 0], false)));
        assert_eq!(
            boot("menu=on,splash-time=7000").unwrap().wait_ms,
            Some(7000)
        );
        for wrong in ["splash-time=65536", "x", "acdn", "menu=perhaps", "frob=1"] {
            assert!(boot(wrong).is_err(), "{wrong}");
        }
    }
}
