//! What a debugger's view is told of a machine.

mod common;

use common::{Dialogue, TestHost};
use serde_json::{Value, json};

/// The lab guest, at its entry.
fn lab(target: &str) -> Dialogue {
    let image = target.replace("64", "");
    let path = format!(
        "{}/../../tests/lab/images/lab-{image}.elf",
        env!("CARGO_MANIFEST_DIR")
    );
    let host = TestHost {
        kernel: Some(std::fs::read(path).unwrap()),
        ..TestHost::new()
    };
    let mut d = Dialogue::on(host, target, "-S").ready();
    d.host.machine.as_mut().unwrap().run_slice(200_000);
    d
}

fn register(d: &mut Dialogue, name: &str) -> Value {
    let all = d.run("x-registers", json!({})).unwrap();
    let list = all["registers"].as_array().unwrap();
    let found = list
        .iter()
        .find(|r| r["name"] == name || r["alias"] == name);
    found.unwrap_or_else(|| panic!("no {name}")).clone()
}

#[test]
fn registers_have_the_guests_names() {
    let mut d = lab("mipsel");
    assert_eq!(register(&mut d, "r0")["alias"], "zero");
    let sp = register(&mut d, "sp");
    assert_eq!(
        (&sp["name"], &sp["bits"], &sp["number"], &sp["group"]),
        (&json!("r29"), &json!(32), &json!(29), &json!("cpu"))
    );
    assert!(sp["value"].as_str().unwrap().starts_with("0x80"));
    // Device and CPU agree on the pc.
    let all = d.run("x-registers", json!({})).unwrap();
    assert_eq!(all["pc"], register(&mut d, "pc")["value"]);
    assert_eq!(all["address-digits"], 8);
    let mut d = lab("mips64");
    assert_eq!(register(&mut d, "epc")["bits"], 64);
}

#[test]
fn memory_is_read_and_written() {
    let mut d = lab("mipsel");
    let write = json!({"address": "0x80400000", "data": "01020304"});
    assert_eq!(d.run("x-memory-write", write).unwrap(), json!({}));
    let read = json!({"address": "0x80400000 + 2", "size": 2});
    assert_eq!(
        d.run("x-memory-read", read).unwrap(),
        json!({"address": "0x80400002", "data": "0304"})
    );
    let physical = json!({"address": "0x400000", "size": 4, "physical": true});
    assert_eq!(
        d.run("x-memory-read", physical).unwrap()["data"],
        "01020304"
    );
    // Where nothing is mapped there is nothing; devices are not asked.
    for at in ["0x10000000", "0xb80003f8"] {
        let got = d.run("x-memory-read", json!({"address": at, "size": 4}));
        assert_eq!(got.unwrap()["data"], "", "{at}");
    }
    for args in [
        json!({"address": "0x10000000", "data": "00"}),
        json!({"address": "0x80400000", "data": "0"}),
        json!({"address": "nowhere", "data": "00"}),
        json!({"address": "$nothing", "data": "00"}),
        json!({"address": "0x80400000+", "data": "00"}),
        json!({"address": "0x80400000)", "data": "00"}),
        json!({"address": "", "data": "00"}),
    ] {
        assert!(d.run("x-memory-write", args.clone()).is_err(), "{args}");
    }
    // Sums go on behind the end of the address space.
    let wrapped = json!({"address": "$r0-1", "size": 1});
    assert!(d.run("x-memory-read", wrapped).is_ok());
}

#[test]
fn code_is_disassembled() {
    let mut d = lab("mipsel");
    let code = d
        .run(
            "x-disassemble",
            json!({"address": "0x80100000", "count": 3}),
        )
        .unwrap();
    let code = code.as_array().unwrap();
    assert_eq!(code.len(), 3);
    assert_eq!(code[1]["address"], "0x80100004");
    assert_eq!(code[1]["data"].as_str().unwrap().len(), 8);
    // Across the end of a page, and where nothing is.
    let last = d.run(
        "x-disassemble",
        json!({"address": "0x80100ffc", "count": 2}),
    );
    let last = last.unwrap();
    assert_ne!(last[1]["text"], "(not mapped)");
    let none = d.run("x-disassemble", json!({"address": "0x10000000"}));
    assert_eq!(none.unwrap()[0]["text"], "(not mapped)");
}

#[test]
fn a_block_is_shown_in_all_its_forms() {
    let mut d = lab("mipsel");
    let block = d.run("x-block", json!({"address": "0x80100000"})).unwrap();
    assert!(
        block["ir"]
            .as_str()
            .unwrap()
            .starts_with("block 0x80100000")
    );
    assert!(
        block["optimised"]
            .as_str()
            .unwrap()
            .contains("insn 0x80100000")
    );
    assert!(block["module"].as_str().unwrap().starts_with("0061736d"));
    assert!(block["insns"].as_u64().unwrap() > 0);
    let hash = |d: &Dialogue| d.host.machine.as_ref().unwrap().state_hash();
    let before = hash(&d);
    assert!(d.run("x-block", json!({"address": "0x10000000"})).is_err());
    d.run("x-block", json!({})).unwrap();
    assert_eq!(hash(&d), before, "looking changes nothing");
}

fn steps(d: &mut Dialogue, at: &str) -> (Option<String>, Vec<(String, String)>) {
    let v = d.run("x-translate", json!({"address": at})).unwrap();
    let text = |v: &Value| v.as_str().unwrap().to_owned();
    let steps = v["steps"].as_array().unwrap();
    (
        v.get("physical").map(text),
        steps
            .iter()
            .map(|s| (text(&s["what"]), text(&s["found"])))
            .collect(),
    )
}

#[test]
fn translations_are_explained() {
    let mut d = lab("mipsel");
    let (physical, all) = steps(&mut d, "0x80123456");
    assert_eq!(physical.as_deref(), Some("0x123456"));
    assert_eq!(all[1].1, "0x80123456 is in kseg0");
    assert_eq!(all.last().unwrap().1, "0x00123456");
    let (physical, all) = steps(&mut d, "0x10000000");
    assert_eq!(physical, None);
    assert_eq!(
        all.last().unwrap(),
        &(
            "fault".into(),
            "TLB refill: none of 16 entries matches".into()
        )
    );
    let mut d = lab("mips64");
    let (_, all) = steps(&mut d, "0x9000000000000000");
    assert_eq!(all[1].1, "0x9000000000000000 is in xkphys");
}

#[test]
fn devices_say_where_and_how_they_are() {
    let mut d = lab("mipsel");
    let all = d.run("x-devices", json!({})).unwrap();
    let list = all.as_array().unwrap();
    assert!(list.len() > 5);
    let cbus = list.iter().find(|v| v["name"] == "serial2");
    let uart = cbus.unwrap_or_else(|| panic!("{all}"));
    assert_eq!(uart["ranges"][0]["first"], "0x1f000900");
    let state = |name: &str| {
        let found = list.iter().find(|v| v["name"] == name).unwrap();
        found["state"].as_str().unwrap().to_owned()
    };
    assert!(state("serial0").starts_with("IER="), "{}", state("serial0"));
    assert_eq!(state("pit").lines().count(), 3);
    assert!(state("rtc").contains(" D="), "{}", state("rtc"));
}

#[test]
fn a_pc_has_registers_and_translations_too() {
    let mut d = Dialogue::on(TestHost::new(), "i386", "-S").ready();
    assert_eq!(register(&mut d, "eip")["value"], "0x0000fff0");
    let (_, all) = steps(&mut d, "0x1234");
    assert_eq!(
        all.last().unwrap(),
        &("physical".into(), "0x00001234".into())
    );
    let block = d.run("x-devices", json!({})).unwrap();
    assert!(!block.as_array().unwrap().is_empty());
}
