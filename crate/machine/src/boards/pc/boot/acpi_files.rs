//! The ACPI tables as files for firmware, and the commands that say where they go and which addresses in them are to be filled in (QEMU's
//! interface of `etc/table-loader`, which SeaBIOS follows).

use super::acpi::{checksum, dsdt, facs, fadt, hpet, madt, table};

const TABLES: &str = "etc/acpi/tables";
const RSDP: &str = "etc/acpi/rsdp";

/// Where a file is put.
const HIGH: u8 = 1;
const BELOW_1_MIB: u8 = 2;

/// The commands, 128 bytes each.
#[derive(Default)]
struct Commands(Vec<u8>);

impl Commands {
    fn add(&mut self, kind: u32, files: &[&str], rest: &[u8]) {
        let end = self.0.len() + 128;
        self.0.extend_from_slice(&kind.to_le_bytes());
        for name in files {
            let mut field = [0; 56];
            field[..name.len()].copy_from_slice(name.as_bytes());
            self.0.extend_from_slice(&field);
        }
        self.0.extend_from_slice(rest);
        self.0.resize(end, 0);
    }

    fn allocate(&mut self, file: &str, align: u32, zone: u8) {
        self.add(1, &[file], &[&align.to_le_bytes()[..], &[zone]].concat());
    }

    /// The 4 bytes at `at` of `file` are an offset in the tables, to become an address.
    fn pointer(&mut self, file: &str, at: u32) {
        let rest = [&at.to_le_bytes()[..], &[4]].concat();
        self.add(2, &[file, TABLES], &rest);
    }

    /// The byte at `at` of `file` makes `bytes` bytes from `start` sum to zero.
    fn checksum(&mut self, file: &str, at: u32, start: u32, bytes: u32) {
        let words = [at, start, bytes].map(u32::to_le_bytes).concat();
        self.add(3, &[file], &words);
    }
}

/// Names and contents.
pub(in super::super) fn acpi_files(cpus: u8) -> [(&'static str, Vec<u8>); 3] {
    let mut blob = facs();
    let mut add = |t: Vec<u8>| {
        blob.resize(blob.len().next_multiple_of(16), 0);
        let at = blob.len() as u32;
        blob.extend_from_slice(&t);
        (at, t.len() as u32)
    };
    let (dsdt, _) = add(dsdt());
    let fadt = add(fadt(0, dsdt));
    let pointers = [fadt.0, add(madt(cpus)).0, add(hpet()).0];
    let rsdt = add(table(b"RSDT", 1, &pointers.map(u32::to_le_bytes).concat()));
    let mut rsdp = b"RSD PTR \0TINAMO\0".to_vec();
    rsdp.extend_from_slice(&rsdt.0.to_le_bytes());
    rsdp[8] = checksum(&rsdp);

    let mut c = Commands::default();
    c.allocate(RSDP, 16, BELOW_1_MIB);
    c.allocate(TABLES, 64, HIGH);
    for at in [36, 40] {
        c.pointer(TABLES, fadt.0 + at);
    }
    for n in 0..pointers.len() as u32 {
        c.pointer(TABLES, rsdt.0 + 36 + 4 * n);
    }
    for (at, bytes) in [fadt, rsdt] {
        c.checksum(TABLES, at + 9, at, bytes);
    }
    c.pointer(RSDP, 16);
    c.checksum(RSDP, 8, 0, 20);
    [(RSDP, rsdp), (TABLES, blob), ("etc/table-loader", c.0)]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn word(t: &[u8], at: usize) -> u32 {
        u32::from_le_bytes(t[at..at + 4].try_into().unwrap())
    }

    /// Firmware's part: what the commands say, for tables at this address.
    fn load(base: u32) -> (Vec<u8>, Vec<u8>) {
        let [(_, mut rsdp), (_, mut tables), (_, commands)] = acpi_files(2);
        for c in commands.chunks(128) {
            let name = |at: usize| {
                let field = &c[at..at + 56];
                let end = field.iter().position(|&b| b == 0).unwrap();
                std::str::from_utf8(&field[..end]).unwrap().to_owned()
            };
            let file = if name(4) == RSDP {
                &mut rsdp
            } else {
                &mut tables
            };
            match word(c, 0) {
                2 => {
                    assert_eq!((name(60).as_str(), c[120]), (TABLES, 4));
                    let at = word(c, 116) as usize;
                    let v = word(file, at) + base;
                    file[at..at + 4].copy_from_slice(&v.to_le_bytes());
                }
                3 => {
                    let [at, start, bytes] = [60, 64, 68].map(|n| word(c, n) as usize);
                    let sum = checksum(&file[start..start + bytes]);
                    file[at] = file[at].wrapping_add(sum);
                }
                n => assert_eq!(n, 1),
            }
        }
        (rsdp, tables)
    }

    #[test]
    fn tables_hang_together_wherever_they_are_put() {
        for base in [0x1000, 0x7ff_0000] {
            let (rsdp, t) = load(base);
            assert_eq!(checksum(&rsdp), 0);
            let check = |at: u32| {
                let at = (at - base) as usize;
                let n = word(&t, at + 4) as usize;
                assert_eq!(checksum(&t[at..at + n]), 0);
                (at, String::from_utf8_lossy(&t[at..at + 4]).into_owned())
            };
            let (rsdt, name) = check(word(&rsdp, 16));
            assert_eq!(name, "RSDT");
            let names = [36, 40, 44].map(|o| check(word(&t, rsdt + o)).1);
            assert_eq!(names, ["FACP", "APIC", "HPET"]);
            let fadt = check(word(&t, rsdt + 36)).0;
            assert_eq!(check(word(&t, fadt + 40)).1, "DSDT");
            assert_eq!(word(&t, fadt + 36), base);
            assert_eq!(&t[..4], b"FACS");
        }
    }
}
