//! Keyboard and mouse. The PC has both; whatever else there is has neither, and what is typed is lost.

use serde_json::{Value, json};
use tinamou_machine::Arch;
use tinamou_machine::input::HostInput;

use super::{done, keys};
use crate::cx::{Args, Cx};
use crate::error::Error;

/// Buttons of the mouse: bits as [`HostInput::Mouse`] has them.
const BUTTONS: [(&str, u8); 5] = [
    ("left", 1),
    ("right", 2),
    ("middle", 4),
    ("side", 8),
    ("extra", 16),
];

/// Number of the PS/2 mouse, as QEMU has it.
const MOUSE: i64 = 2;

/// The key of a `KeyValue`, if there is one.
fn key(value: &Value) -> Option<u8> {
    let data = &value["data"];
    match value["type"].as_str() {
        Some("number") => data.as_u64().and_then(|n| u8::try_from(n).ok()),
        _ => keys::code(data.as_str().unwrap_or_default()),
    }
}

fn send(cx: &mut Cx<'_>, input: HostInput) {
    if let Some(machine) = cx.host.machine() {
        machine.input(input);
    }
}

/// Presses keys and lets them go in the opposite order. Nobody waits in between: the keyboard's own queue keeps the order.
pub(crate) fn press(cx: &mut Cx<'_>, codes: &[u8]) {
    // As with QEMU, who does not run does not listen.
    if !cx.ctl.runs() {
        return;
    }
    for &code in codes {
        send(cx, HostInput::Key { code, down: true });
    }
    for &code in codes.iter().rev() {
        send(cx, HostInput::Key { code, down: false });
    }
}

/// `send-key`
pub fn send_key(cx: &mut Cx<'_>, args: &Args<'_>) -> Result<Value, Error> {
    let keys = args.get("keys").and_then(Value::as_array);
    let codes: Vec<u8> = keys.into_iter().flatten().filter_map(key).collect();
    press(cx, &codes);
    done()
}

/// A movement that is being put together.
#[derive(Default)]
struct Movement {
    dx: i32,
    dy: i32,
    dz: i32,
    any: bool,
}

fn near(value: &Value) -> i32 {
    let n = value.as_i64().unwrap_or(0).clamp(-0x1_0000, 0x1_0000);
    i32::try_from(n).unwrap_or(0)
}

/// `input-send-event`
pub fn send_event(cx: &mut Cx<'_>, args: &Args<'_>) -> Result<Value, Error> {
    if let Some(device) = args.str("device") {
        return Err(Error::no_device(device));
    }
    if !cx.ctl.runs() {
        return Err(Error::generic("VM not running"));
    }
    let events = args.get("events").and_then(Value::as_array);
    let mut moved = Movement::default();
    for event in events.into_iter().flatten() {
        let data = &event["data"];
        let down = data["down"] == true;
        match event["type"].as_str().unwrap_or_default() {
            "key" => {
                if let Some(code) = key(&data["key"]) {
                    send(cx, HostInput::Key { code, down });
                }
            }
            "btn" => {
                let name = data["button"].as_str().unwrap_or_default();
                match name {
                    "wheel-up" if down => moved.dz -= 1,
                    "wheel-down" if down => moved.dz += 1,
                    _ => {}
                }
                let bit = BUTTONS.iter().find(|b| b.0 == name).map_or(0, |b| b.1);
                let held = &mut cx.ctl.buttons;
                *held = if down { *held | bit } else { *held & !bit };
                moved.any = true;
            }
            "rel" => {
                let by = near(&data["value"]);
                let to = match data["axis"].as_str() {
                    Some("x") => &mut moved.dx,
                    _ => &mut moved.dy,
                };
                *to = to.saturating_add(by);
                moved.any = true;
            }
            // Nothing takes absolute places.
            _ => {}
        }
    }
    if moved.any {
        move_mouse(cx, moved.dx, moved.dy, moved.dz);
    }
    done()
}

/// Moves the mouse with the buttons as they are.
pub(crate) fn move_mouse(cx: &mut Cx<'_>, dx: i32, dy: i32, dz: i32) {
    if cx.ctl.runs() {
        let buttons = cx.ctl.buttons;
        send(
            cx,
            HostInput::Mouse {
                dx,
                dy,
                dz,
                buttons,
            },
        );
    }
}

/// `query-mice`
pub fn mice(cx: &mut Cx<'_>, _: &Args<'_>) -> Result<Value, Error> {
    Ok(if cx.ctl.setup.target().arch == Arch::X86 {
        json!([{"name": "QEMU PS/2 Mouse", "index": MOUSE, "current": true, "absolute": false}])
    } else {
        json!([])
    })
}

/// `query-display-options`
pub fn display(_: &mut Cx<'_>, _: &Args<'_>) -> Result<Value, Error> {
    Ok(json!({"type": "none"}))
}
