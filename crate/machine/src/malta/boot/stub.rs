//! The boot ROM's program for `-kernel`: leaves reset state, moves the GT-64120's registers to 1be00000h, opens its PCI
//! windows where the board's manual has them, routes the PCI interrupts to ISA 10 and 11, and jumps to the kernel. At
//! bfc00500h lies YAMON's call vector; its console calls print to the first UART, the others return at once.

const ZERO: u32 = 0;
const V0: u32 = 2;
const A0: u32 = 4;
const A1: u32 = 5;
const A2: u32 = 6;
const T0: u32 = 8;
const T1: u32 = 9;
const T2: u32 = 10;
const SP: u32 = 29;
const RA: u32 = 31;

/// Where the kernel begins and what it gets.
pub(super) struct Start {
    pub entry: u32,
    pub args: [u32; 4],
    pub stack: u32,
}

struct Asm {
    words: Vec<u32>,
    big_endian: bool,
}

impl Asm {
    fn word(&mut self, w: u32) {
        self.words.push(w);
    }
    fn i(&mut self, op: u32, rs: u32, rt: u32, imm: u32) {
        self.word(op << 26 | rs << 21 | rt << 16 | imm & 0xffff);
    }
    fn li(&mut self, r: u32, v: u32) {
        self.i(0x0f, ZERO, r, v >> 16); // lui
        self.i(0x0d, r, r, v); // ori
    }
    fn nop(&mut self) {
        self.word(0);
    }
    /// Up to byte offset `at`.
    fn org(&mut self, at: usize) {
        assert!(
            self.words.len() <= at / 4,
            "boot program overlaps its own parts"
        );
        self.words.resize(at / 4, 0);
    }
    /// Stores a word to a register of the GT-64120, whose registers are little-endian in memory.
    fn gt(&mut self, offset: u32, v: u32) {
        let v = if self.big_endian { v.swap_bytes() } else { v };
        self.li(T0, v);
        self.i(0x2b, T1, T0, offset); // sw
    }
    fn jr(&mut self, r: u32) {
        self.word(r << 21 | 0x08);
        self.nop();
    }
}

/// The program, as bytes from bfc00000h on.
pub(super) fn program(big_endian: bool, start: &Start) -> Vec<u8> {
    let mut a = Asm {
        words: Vec::new(),
        big_endian,
    };
    // The revision word is at 10h.
    a.i(0x04, ZERO, ZERO, 0x580 / 4 - 1); // b 580h
    a.nop();

    // YAMON's call vector.
    a.org(0x500);
    const RETURN: u32 = 0xbfc0_0800;
    for at in (0x500..0x560).step_by(4) {
        a.word(match at {
            0x500 | 0x520 => 0xbfc0_0580,
            0x504 => 0xbfc0_0840,
            0x534 => 0xbfc0_0810,
            _ => RETURN,
        });
    }

    a.org(0x580);
    // Out of the error level and the bootstrap vectors, as the monitor leaves the CPU.
    a.word(0x4008_6000); // mfc0 t0, status
    a.li(T1, !(1 << 22 | 1 << 2));
    a.word(T0 << 21 | T1 << 16 | T0 << 11 | 0x24); // and t0, t0, t1
    a.word(0x4088_6000); // mtc0 t0, status
    a.word(0x0000_00c0); // ehb
    a.li(T1, 0xb400_0000);
    a.gt(0x068, 0xdf); // internal registers at 1be00000
    a.li(T1, 0xbbe0_0000);
    a.gt(0x048, 0xc0); // I/O 18000000 to 181fffff
    a.gt(0x050, 0x40);
    a.gt(0x058, 0x80); // memory 10000000 to 17ffffff
    a.gt(0x060, 0x3f);
    a.gt(0x080, 0xc1); // memory 18200000 to 1bdfffff
    a.gt(0x088, 0x5e);
    a.gt(0xcf8, 0x8000_5060); // PIIX4's PIRQ routes: A and B to 10, C and D to 11
    a.li(T0, 0x0b0b_0a0a);
    a.i(0x2b, T1, T0, 0xcfc);
    a.li(SP, start.stack);
    for (i, v) in start.args.into_iter().enumerate() {
        a.li(A0 + i as u32, v);
    }
    a.li(T0, start.entry);
    a.jr(T0);

    a.org(0x800);
    a.word(V0 << 11 | 0x25); // move v0, zero
    a.jr(RA);

    // print(unused, string)
    a.org(0x810);
    a.li(T1, 0xb800_03f8);
    a.i(0x24, A1, T0, 0); // lbu t0, 0(a1)
    a.i(0x04, T0, ZERO, 4); // beqz t0, done
    a.nop();
    a.i(0x28, T1, T0, 0); // sb t0, 0(t1)
    a.i(0x04, ZERO, ZERO, 0xfffb); // b the load
    a.i(0x09, A1, A1, 1); // addiu a1, a1, 1
    a.jr(RA);

    // print_count(unused, bytes, count)
    a.org(0x840);
    a.li(T1, 0xb800_03f8);
    a.i(0x06, A2, ZERO, 6); // blez a2, done
    a.nop();
    a.i(0x24, A1, T2, 0); // lbu t2, 0(a1)
    a.i(0x28, T1, T2, 0); // sb t2, 0(t1)
    a.i(0x09, A2, A2, 0xffff); // addiu a2, a2, -1
    a.i(0x04, ZERO, ZERO, 0xfffa); // b the test
    a.i(0x09, A1, A1, 1); // addiu a1, a1, 1
    a.jr(RA);

    let order = |w: u32| {
        if big_endian {
            w.to_be_bytes()
        } else {
            w.to_le_bytes()
        }
    };
    a.words.into_iter().flat_map(order).collect()
}
