//! Cards in snapshots: a machine that has none gets those of the snapshot, with their ids, images and networks, and loses what it had.

mod common;

use common::{Dialogue, TestHost};
use serde_json::{Value, json};

const TARGETS: [&str; 2] = ["i386", "mipsel"];

fn ask(d: &mut Dialogue, name: &str, args: Value) -> Value {
    d.run(name, args)
        .unwrap_or_else(|e| panic!("{name}: {e:?}"))
}

/// A machine with an image and a port of a hub that nothing uses.
fn bare(target: &str, options: &str) -> Dialogue {
    let mut d = Dialogue::on(TestHost::new(), target, options).ready();
    let image = json!({"driver": "null-co", "node-name": "n", "size": 4096});
    ask(&mut d, "blockdev-add", image);
    let hub = json!({"type": "hubport", "id": "h", "hubid": 3});
    ask(&mut d, "netdev_add", hub);
    d
}

fn plug(d: &mut Dialogue) {
    for card in [
        json!({"driver": "e1000", "id": "a", "netdev": "h"}),
        json!({"driver": "virtio-blk-pci", "id": "c", "drive": "n"}),
        json!({"driver": "virtio-rng-pci"}),
    ] {
        ask(d, "device_add", card);
    }
}

/// What a monitor sees of cards.
fn seen(d: &mut Dialogue) -> Vec<Value> {
    let mut all = vec![ask(d, "query-pci", json!({}))];
    for path in ["/machine/peripheral", "/machine/peripheral-anon"] {
        all.push(ask(d, "qom-list", json!({ "path": path })));
    }
    all.push(ask(d, "query-block", json!({})));
    all.push(ask(d, "query-named-block-nodes", json!({})));
    all
}

fn save(d: &mut Dialogue) -> Vec<u8> {
    ask(d, "x-snapshot-save", json!({"file": "f"}));
    d.host.state.clone().unwrap()
}

#[test]
fn cards_come_with_a_snapshot() {
    for target in TARGETS {
        let mut first = bare(target, "-S");
        let without = save(&mut first);
        let none = seen(&mut first);
        plug(&mut first);
        let file = save(&mut first);
        let all = seen(&mut first);
        assert_ne!(all, none);
        // Into one without, into one that has others, and into itself.
        let second = bare(target, "-S");
        let mut third = bare(target, "-S");
        ask(
            &mut third,
            "device_add",
            json!({"driver": "rtl8139", "id": "other", "netdev": "h"}),
        );
        for mut d in [second, third, first] {
            d.host.state = Some(file.clone());
            ask(&mut d, "x-snapshot-load", json!({"file": "f"}));
            assert_eq!(seen(&mut d), all, "{target}");
            assert!(save(&mut d) == file, "{target}");
            let taken = d.run("device_add", json!({"driver": "e1000", "id": "a"}));
            assert_eq!(taken.unwrap_err().1, "Duplicate device ID 'a'");
            let used = d.run("device_add", json!({"driver": "e1000", "netdev": "h"}));
            assert!(used.unwrap_err().1.contains("in use"));
            let used = d.run("blockdev-del", json!({"node-name": "n"}));
            assert_eq!(used.unwrap_err().1, "Node n is in use");
            // Without cards again: what they used is free.
            d.host.state = Some(without.clone());
            ask(&mut d, "x-snapshot-load", json!({"file": "f"}));
            assert_eq!(seen(&mut d), none, "{target}");
            ask(&mut d, "netdev_del", json!({"id": "h"}));
            ask(&mut d, "blockdev-del", json!({"node-name": "n"}));
        }
        // As -incoming.
        let mut d = bare(target, "-incoming defer");
        d.host.state = Some(file.clone());
        ask(&mut d, "migrate-incoming", json!({"uri": "file:f"}));
        let state = ask(&mut d, "query-migrate", json!({}));
        assert_eq!(state["status"], "completed", "{state}");
        assert_eq!(seen(&mut d), all, "{target}");
    }
}

#[test]
fn without_its_image_a_card_is_refused() {
    for target in TARGETS {
        let mut first = bare(target, "-S");
        plug(&mut first);
        let file = save(&mut first);
        let mut d = bare(target, "-S");
        ask(&mut d, "blockdev-del", json!({"node-name": "n"}));
        ask(
            &mut d,
            "device_add",
            json!({"driver": "virtio-balloon-pci", "id": "b"}),
        );
        let before = (seen(&mut d), save(&mut d));
        d.host.state = Some(file.clone());
        let refused = d.run("x-snapshot-load", json!({"file": "f"}));
        assert_eq!(
            refused.unwrap_err().1,
            "the snapshot's card 'c' uses drive 'n': this machine does not have it"
        );
        assert!((seen(&mut d), save(&mut d)) == before);
    }
}

/// Notes that say what is not so: whatever comes of them, the machine can be saved, and what it is made of is consistent.
#[test]
fn forged_notes_do_no_harm() {
    let mut first = bare("mipsel", "-S");
    plug(&mut first);
    let file = save(&mut first);
    let kind = b"\x05notes\x01\0\0\0";
    let at = file.windows(kind.len()).position(|w| w == kind).unwrap() + kind.len() + 8;
    let bytes = u32::from_le_bytes(file[at - 4..at].try_into().unwrap()) as usize;
    let head = u32::from_le_bytes(file[12..16].try_into().unwrap()) as usize;
    let mut seed = 0x2545_f491_4f6c_dd1d_u64;
    let mut below = |n: usize| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        (seed % n as u64) as usize
    };
    let mut d = bare("mipsel", "-S");
    let (mut loaded, mut refused) = (0, 0);
    for _ in 0..400 {
        let mut forged = file.clone();
        let letters = b"0123456789\"{}[],:abcnhtruefalse";
        for _ in 0..=below(3) {
            forged[at + below(bytes)] = letters[below(letters.len())];
        }
        let sum = twox_hash::XxHash3_64::oneshot(&forged[24..24 + head]);
        forged[16..24].copy_from_slice(&sum.to_le_bytes());
        let before = seen(&mut d);
        d.host.state = Some(forged);
        match d.run("x-snapshot-load", json!({"file": "f"})) {
            Ok(_) => loaded += 1,
            Err(_) => {
                refused += 1;
                assert_eq!(seen(&mut d), before);
            }
        }
        seen(&mut d);
        save(&mut d);
    }
    assert!(loaded > 0 && refused > 0, "{loaded} {refused}");
}
