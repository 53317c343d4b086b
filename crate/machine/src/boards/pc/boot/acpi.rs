//! What a BIOS tells an operating system about the board: ACPI tables (ACPI Specification 6.5, chapter 5) and Intel's MultiProcessor
//! Specification 1.4 for systems that do not know them. They lie in the firmware's last 64 KiB, seen below 1 MiB; what systems write
//! to, the FACS, lies in the memory that the map reserves below 640 KiB.

use super::aml::{self, Window};
use super::pci::{MEM_FIRST, PM_BASE, ROUTES};

/// Where the tables are seen.
pub(super) const BASE: u32 = 0xf_0000;
/// The firmware ACPI control structure, 64 bytes, in the extended BIOS data area.
pub(super) const FACS: u32 = 0x9_fc40;

const LOCAL_APIC: u32 = 0xfee0_0000;
const IO_APIC: u32 = 0xfec0_0000;
/// No CPU has this number.
const IO_APIC_ID: u8 = 8;
const HPET: u32 = 0xfed0_0000;
/// Last address that cards may have: firmware gives bases from the top.
const MEM_LAST: u32 = IO_APIC - 1;
const SCI: u8 = 9;
/// Slots for cards, as the board's table has them.
const FREE_SLOTS: [u8; 4] = [9, 10, 11, 12];
/// Ports of plugging and unplugging, and the events of these.
const HOTPLUG: u16 = 0xae00;
const EVENTS: u32 = 0xafe0;
/// Interrupts of PCI and SCI: levels, active high.
const LEVEL_HIGH: u16 = 0x000d;

/// The FACS's contents.
pub(super) fn facs() -> Vec<u8> {
    let mut f = b"FACS".to_vec();
    f.extend_from_slice(&64u32.to_le_bytes());
    f.resize(64, 0);
    f
}

/// What makes all bytes sum to zero.
pub(super) fn checksum(b: &[u8]) -> u8 {
    b.iter().fold(0u8, |s, v| s.wrapping_add(*v)).wrapping_neg()
}

/// A table with its header (section 5.2.6).
pub(super) fn table(signature: &[u8; 4], revision: u8, body: &[u8]) -> Vec<u8> {
    let mut t = signature.to_vec();
    t.extend_from_slice(&(36 + body.len() as u32).to_le_bytes());
    t.extend_from_slice(&[revision, 0]);
    t.extend_from_slice(b"TINAMOPC      ");
    t.extend_from_slice(&1u32.to_le_bytes());
    t.extend_from_slice(b"TINA");
    t.extend_from_slice(&1u32.to_le_bytes());
    t.extend_from_slice(body);
    t[9] = checksum(&t);
    t
}

/// The interrupt of a slot's pin (0 is INTA#).
fn route(slot: u32, pin: u32) -> u8 {
    match (slot, pin) {
        // Power management has a line of its own.
        (1, 0) => SCI,
        _ => ROUTES[((slot + 3 + pin) & 3) as usize],
    }
}

/// A chip on the ISA bus.
fn isa_device(name: &[u8; 4], id: &[u8; 7], uid: u32, resources: &[Vec<u8>]) -> Vec<u8> {
    let body = [
        aml::name(b"_HID", &aml::eisa_id(id)),
        aml::name(b"_UID", &aml::int(uid)),
        aml::name(b"_CRS", &aml::resources(resources)),
    ];
    aml::device(name, &body)
}

/// The name of a free slot.
fn slot_name(slot: u8) -> [u8; 4] {
    [b'S', b'L', b'0' + slot / 10, b'0' + slot % 10]
}

/// A slot whose card can be taken out: the guest ejects it by a port.
fn free_slot(slot: u8) -> Vec<u8> {
    let out = aml::store(&aml::int(1 << slot), &aml::on_bus(b"B0EJ"));
    let body = [
        aml::name(b"_ADR", &aml::int(u32::from(slot) << 16)),
        aml::name(b"_SUN", &aml::int(slot.into())),
        aml::method(b"_EJ0", 1, &[out]),
    ];
    aml::device(&slot_name(slot), &body)
}

/// The method of the event that cards came or are to go: `_E01`, an edge.
fn slots_changed() -> Vec<u8> {
    let mut body = vec![
        aml::store(&aml::on_bus(b"PCIU"), &aml::local(0)),
        aml::store(&aml::on_bus(b"PCID"), &aml::local(1)),
    ];
    for slot in FREE_SLOTS {
        let object = aml::on_bus(&slot_name(slot));
        // Device check, and eject request.
        body.push(aml::notify_if(&aml::local(0), 1 << slot, &object, 1));
        body.push(aml::notify_if(&aml::local(1), 1 << slot, &object, 3));
    }
    aml::method(b"_E01", 0, &body)
}

pub(super) fn dsdt() -> Vec<u8> {
    let prt: Vec<_> = (1..32)
        .flat_map(|slot| (0..4).map(move |pin| (slot, pin)))
        .map(|(slot, pin)| {
            let items = [slot << 16 | 0xffff, pin, 0, route(slot, pin).into()];
            aml::package(&items.map(aml::int))
        })
        .collect();
    let windows = [
        aml::word_window(Window::Bus, 0, 0xff),
        aml::io(0xcf8, 8),
        aml::word_window(Window::Io, 0, 0xcf7),
        aml::word_window(Window::Io, 0xd00, 0xffff),
        aml::memory_window(0xa_0000, 0xb_ffff),
        aml::memory_window(MEM_FIRST, MEM_LAST),
    ];
    let isa = [
        aml::name(b"_ADR", &aml::int(0x1_0000)),
        isa_device(b"RTC_", b"PNP0B00", 0, &[aml::io(0x70, 2), aml::irq(8)]),
        isa_device(
            b"KBD_",
            b"PNP0303",
            0,
            &[aml::io(0x60, 1), aml::io(0x64, 1), aml::irq(1)],
        ),
        isa_device(b"MOU_", b"PNP0F13", 0, &[aml::irq(12)]),
        isa_device(b"COM1", b"PNP0501", 1, &[aml::io(0x3f8, 8), aml::irq(4)]),
        isa_device(b"COM2", b"PNP0501", 2, &[aml::io(0x2f8, 8), aml::irq(3)]),
        isa_device(b"LPT1", b"PNP0400", 0, &[aml::io(0x378, 8), aml::irq(7)]),
    ];
    let slots: Vec<_> = FREE_SLOTS.map(free_slot).concat();
    let root = [
        aml::io_words(b"PCST", HOTPLUG, &[b"PCIU", b"PCID"]),
        aml::io_words(b"SEJ_", HOTPLUG + 8, &[b"B0EJ"]),
        slots,
        aml::name(b"_HID", &aml::eisa_id(b"PNP0A03")),
        aml::name(b"_ADR", &aml::int(0)),
        aml::name(b"_CRS", &aml::resources(&windows)),
        aml::name(b"_PRT", &aml::package(&prt)),
        aml::device(b"ISA_", &isa),
    ];
    // Soft-off is sleep type 0.
    let off = aml::package(&[0, 0, 0, 0].map(aml::int));
    let body = [
        aml::name(b"_S5_", &off),
        aml::scope(b"_SB_", &[aml::device(b"PCI0", &root)]),
        aml::scope(b"_GPE", &[slots_changed()]),
    ];
    table(b"DSDT", 1, &body.concat())
}

/// The fixed description, revision 3.
pub(super) fn fadt(facs: u32, dsdt: u32) -> Vec<u8> {
    let mut t = vec![0; 244 - 36];
    let mut put = |at: usize, v: u32, n: usize| {
        t[at - 36..at - 36 + n].copy_from_slice(&v.to_le_bytes()[..n]);
    };
    put(36, facs, 4);
    put(40, dsdt, 4);
    put(46, SCI.into(), 2);
    put(48, 0xb2, 4); // SMI_CMD: the APM port, with F1h and F0h
    put(52, 0xf1, 1);
    put(53, 0xf0, 1);
    put(56, PM_BASE, 4); // PM1a events
    put(64, PM_BASE + 4, 4); // PM1a control
    put(76, PM_BASE + 8, 4); // timer
    put(80, EVENTS, 4); // general purpose events
    for (at, n) in [(88, 4), (89, 2), (91, 4), (92, 4)] {
        put(at, n, 1);
    }
    // No C2, no C3.
    put(96, 0xfff, 2);
    put(98, 0xfff, 2);
    put(108, 0x32, 1); // century
    put(109, 3, 2); // devices on the ISA bus, an 8042
    // WBINVD, C1, no sleep button, the RTC wakes by no fixed bit.
    put(112, 1 << 0 | 1 << 2 | 1 << 5 | 1 << 6, 4);
    table(b"FACP", 3, &t)
}

pub(super) fn madt(cpus: u8) -> Vec<u8> {
    let mut t = LOCAL_APIC.to_le_bytes().to_vec();
    t.extend_from_slice(&1u32.to_le_bytes()); // there is a pair of 8259s
    for n in 0..cpus {
        t.extend_from_slice(&[0, 8, n, n, 1, 0, 0, 0]);
    }
    t.extend_from_slice(&[1, 12, IO_APIC_ID, 0]);
    t.extend_from_slice(&IO_APIC.to_le_bytes());
    t.extend_from_slice(&0u32.to_le_bytes());
    for (irq, gsi, flags) in [
        (0u8, 2u8, 0),
        (9, 9, LEVEL_HIGH),
        (10, 10, LEVEL_HIGH),
        (11, 11, LEVEL_HIGH),
    ] {
        let [a, b] = flags.to_le_bytes();
        t.extend_from_slice(&[2, 10, 0, irq, gsi, 0, 0, 0, a, b]);
    }
    // NMI at LINT1 of all CPUs.
    t.extend_from_slice(&[4, 6, 0xff, 0, 0, 1]);
    table(b"APIC", 1, &t)
}

pub(super) fn hpet() -> Vec<u8> {
    let mut t = 0x8086_a201u32.to_le_bytes().to_vec();
    t.extend_from_slice(&[0, 0, 0, 0]);
    t.extend_from_slice(&u64::from(HPET).to_le_bytes());
    t.extend_from_slice(&[0; 4]);
    table(b"HPET", 1, &t)
}

/// The MultiProcessor configuration table. `signature` and `features` are CPUID's EAX and EDX of leaf 1.
fn mp_config(cpus: u8, signature: u32, features: u32) -> Vec<u8> {
    let mut entries: Vec<Vec<u8>> = Vec::new();
    for n in 0..cpus {
        let mut e = vec![0, n, 0x14, 1 | u8::from(n == 0) << 1];
        e.extend_from_slice(&signature.to_le_bytes());
        e.extend_from_slice(&features.to_le_bytes());
        e.resize(20, 0);
        entries.push(e);
    }
    for (n, bus) in [(0, b"PCI   "), (1, b"ISA   ")] {
        entries.push([&[1, n][..], bus].concat());
    }
    let io_apic = [&[2, IO_APIC_ID, 0x11, 1][..], &IO_APIC.to_le_bytes()].concat();
    entries.push(io_apic);
    // Kind, flags, bus, its interrupt, controller, input.
    for slot in 1..32 {
        for pin in 0..4 {
            let line = route(slot, pin);
            entries.push(vec![
                3,
                0,
                0x0d,
                0,
                0,
                (slot << 2 | pin) as u8,
                IO_APIC_ID,
                line,
            ]);
        }
    }
    for irq in (0..16u8).filter(|n| !matches!(n, 2 | 9 | 10 | 11)) {
        let input = if irq == 0 { 2 } else { irq };
        entries.push(vec![3, 0, 0, 0, 1, irq, IO_APIC_ID, input]);
    }
    entries.push(vec![4, 3, 0, 0, 1, 0, 0, 0]);
    entries.push(vec![4, 1, 0, 0, 1, 0, 0xff, 1]);
    let body = entries.concat();
    let mut t = b"PCMP".to_vec();
    t.extend_from_slice(&(44 + body.len() as u16).to_le_bytes());
    t.extend_from_slice(&[4, 0]);
    t.extend_from_slice(b"TINAMOU PC          ");
    t.extend_from_slice(&[0; 6]);
    t.extend_from_slice(&(entries.len() as u16).to_le_bytes());
    t.extend_from_slice(&LOCAL_APIC.to_le_bytes());
    t.extend_from_slice(&[0; 4]);
    t.extend_from_slice(&body);
    t[7] = checksum(&t);
    t
}

/// All tables, to be seen at [`BASE`], where the root pointer comes first.
pub(super) fn tables(cpus: u8) -> Vec<u8> {
    // The root pointer (20 bytes) and the MultiProcessor pointer are filled in last.
    let mut out = vec![0; 48];
    let mut add = |t: Vec<u8>| {
        out.resize(out.len().next_multiple_of(16), 0);
        let at = BASE + out.len() as u32;
        out.extend_from_slice(&t);
        at
    };
    let dsdt = add(dsdt());
    let pointers = [add(fadt(FACS, dsdt)), add(madt(cpus)), add(hpet())];
    let rsdt = add(table(b"RSDT", 1, &pointers.map(u32::to_le_bytes).concat()));
    // A Pentium Pro's, as good as any: systems ask the CPU.
    let mp = add(mp_config(cpus, 0x0000_0600, 0x0000_0201));

    let mut root = b"RSD PTR \0TINAMO\0".to_vec();
    root.extend_from_slice(&rsdt.to_le_bytes());
    root[8] = checksum(&root);
    out[..20].copy_from_slice(&root);
    let mut pointer = b"_MP_".to_vec();
    pointer.extend_from_slice(&mp.to_le_bytes());
    pointer.extend_from_slice(&[1, 4, 0, 0, 0, 0, 0, 0]);
    pointer[10] = checksum(&pointer);
    out[32..48].copy_from_slice(&pointer);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn word(t: &[u8], at: usize) -> u32 {
        u32::from_le_bytes(t[at..at + 4].try_into().unwrap())
    }

    /// From the root pointer on, everything is found and sums to zero.
    #[test]
    fn tables_hang_together() {
        for cpus in [1, 8] {
            let t = tables(cpus);
            assert!(t.len() < 0xf000);
            assert_eq!(checksum(&t[..20]), 0);
            let at = |a: u32| (a - BASE) as usize;
            let check = |at: usize| {
                let n = word(&t, at + 4) as usize;
                assert_eq!(checksum(&t[at..at + n]), 0);
                String::from_utf8_lossy(&t[at..at + 4]).into_owned()
            };
            let rsdt = at(word(&t, 16));
            assert_eq!(check(rsdt), "RSDT");
            let names = [36, 40, 44].map(|o| check(at(word(&t, rsdt + o))));
            assert_eq!(names, ["FACP", "APIC", "HPET"]);
            assert_eq!(check(at(word(&t, at(word(&t, rsdt + 36)) + 40))), "DSDT");
            assert_eq!(checksum(&t[32..48]), 0);
            let mp = at(word(&t, 36));
            let n = word(&t, mp + 4) as usize & 0xffff;
            assert_eq!(
                (&t[mp..mp + 4], checksum(&t[mp..mp + n])),
                (&b"PCMP"[..], 0)
            );
        }
    }
}
