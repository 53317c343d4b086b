//! Guest memory accesses: the address check (`check`) inline, the access, byte order; on a miss a side exit or, where the site is
//! known to reach devices, an inline call of the slow path.

use tinamou_ir::block::{Inst, Val};
use tinamou_ir::ops::Op;
use tinamou_ir::types::{MemArg, Type};
use wasm_encoder::{BlockType, MemArg as MemArgOut};

use crate::block::BlockCode;
use crate::func::{VCPU, at, val_type};
use crate::groups::Role;
use crate::module;

impl BlockCode<'_, '_> {
    /// Emits a load (its result is left on the stack), store, conditional store or probe.
    pub fn access(&mut self, inst: &Inst, role: Role) {
        let m = inst.mem();
        match inst.op {
            Op::Load => self.load(inst.args[0], inst.ty, m, role),
            Op::Store => self.store(inst.args[0], inst.args[1], m, role),
            Op::StoreIf => {
                self.push(inst.args[0]);
                self.f.open_if(BlockType::Empty);
                self.store(inst.args[1], inst.args[2], m, role);
                self.f.close();
            }
            _ => self.probe(inst.args[0], m),
        }
    }

    /// After instruction `i`: gives back what was kept for the group if that was its last.
    pub fn close_group(&mut self, g: u32, i: usize) {
        let group = &mut self.groups.list[g as usize];
        if group.last == i
            && let Some(local) = group.local.take()
        {
            self.f.give(Type::I32, local);
        }
    }

    /// Pushes the arena address of an access that its group's leader checked; returns the constant to add to it.
    fn member(&mut self, g: u32, distance: u32) -> MemArgOut {
        let local = self.groups.list[g as usize].local.unwrap_or(VCPU);
        self.f.i().local_get(local);
        at(distance)
    }

    /// Pushes the operands of an import that takes the vCPU and the address.
    fn slow_operands(&mut self, va: u32) {
        let back = self.back();
        self.f.store_budget(back);
        self.f.i().local_get(VCPU).local_get(va);
        if self.f.env.va_type == Type::I32 {
            self.f.i().i64_extend_i32_u();
        }
    }

    fn after_slow(&mut self) {
        let back = self.back();
        self.f.reload_budget(back);
        self.stop_if_pending();
    }

    fn load(&mut self, va: Val, ty: Type, m: MemArg, role: Role) {
        if let Role::Member(g, distance) = role {
            let mem = self.member(g, distance);
            self.plain_load(ty, m, mem);
            return;
        }
        let va_type = self.f.env.va_type;
        let local = self.in_local(va);
        if m.inline_slow {
            let entry = self.check(local.0, m, false);
            self.f.open_cold(BlockType::Result(val_type(ty)));
            if ty == Type::V128 {
                self.slow_halves(local.0, m, None);
            } else {
                self.slow_load(local.0, m);
                self.narrow(ty, m);
            }
            self.f.i().else_();
            self.address(local.0, entry);
            self.plain_load(ty, m, at(0));
            self.f.close();
            self.f.give(Type::I32, entry);
        } else {
            let mem = self.reach(role, local.0, m, false);
            self.plain_load(ty, m, mem);
        }
        self.release(va_type, local);
    }

    /// The slow path of a load: its unsigned 64-bit result is left on the stack.
    fn slow_load(&mut self, va: u32, m: MemArg) {
        self.slow_operands(va);
        self.f.i().i32_const(m.pack() as i32).call(module::LOAD);
        let raw = self.f.take(Type::I64);
        self.f.i().local_set(raw);
        self.after_slow();
        self.f.i().local_get(raw);
        self.f.give(Type::I64, raw);
    }

    fn slow_probe(&mut self, va: u32, m: MemArg) {
        self.slow_operands(va);
        self.f.i().i32_const(m.pack() as i32).call(module::PROBE);
        self.after_slow();
    }

    /// The slow path of 16 bytes: both halves are probed, then stored from a local, or loaded and left on the stack if there is
    /// none.
    fn slow_halves(&mut self, va: u32, m: MemArg, value: Option<u32>) {
        let va_type = self.f.env.va_type;
        let half = MemArg { size_log2: 3, ..m };
        let probe = MemArg {
            probe_write: value.is_some(),
            ..half
        };
        let next = self.next_half(va);
        self.slow_probe(va, probe);
        self.slow_probe(next, probe);
        if let Some(value) = value {
            for (lane, va) in [va, next].into_iter().enumerate() {
                self.slow_operands(va);
                let mut i = self.f.i();
                i.local_get(value).i64x2_extract_lane(lane as u8);
                i.i32_const(half.pack() as i32).call(module::STORE);
                self.after_slow();
            }
        } else {
            self.slow_load(va, half);
            self.f.i().i64x2_splat();
            let low = self.f.take(Type::V128);
            self.f.i().local_set(low);
            self.slow_load(next, half);
            let high = self.f.take(Type::I64);
            self.f.i().local_set(high);
            self.f.i().local_get(low).local_get(high);
            self.f.i().i64x2_replace_lane(1);
            self.f.give(Type::I64, high);
            self.f.give(Type::V128, low);
        }
        self.f.give(va_type, next);
    }

    /// A local with the address 8 bytes on.
    fn next_half(&mut self, va: u32) -> u32 {
        let va_type = self.f.env.va_type;
        let next = self.f.take(va_type);
        let mut i = self.f.i();
        i.local_get(va);
        if va_type == Type::I32 {
            i.i32_const(8).i32_add();
        } else {
            i.i64_const(8).i64_add();
        }
        i.local_set(next);
        next
    }

    /// From the unsigned 64-bit result of the slow path to the load's type.
    fn narrow(&mut self, ty: Type, m: MemArg) {
        if m.signed {
            match m.size_log2 {
                0 => self.f.i().i64_extend8_s(),
                1 => self.f.i().i64_extend16_s(),
                2 => self.f.i().i64_extend32_s(),
                _ => &mut self.f.i(),
            };
        }
        match ty {
            Type::I32 => self.f.i().i32_wrap_i64(),
            Type::I64 => return,
            Type::F32 => self.f.i().i32_wrap_i64().f32_reinterpret_i32(),
            Type::F64 => self.f.i().f64_reinterpret_i64(),
            Type::V128 => return,
        };
    }

    /// Loads from the address on the stack.
    fn plain_load(&mut self, ty: Type, m: MemArg, mem: MemArgOut) {
        let swap = m.big_endian && m.size_log2 > 0;
        if ty == Type::V128 {
            self.f.i().v128_load(mem);
            return;
        }
        if !swap && ty == Type::F32 && m.size_log2 == 2 {
            self.f.i().f32_load(mem);
            return;
        }
        if !swap && ty == Type::F64 && m.size_log2 == 3 {
            self.f.i().f64_load(mem);
            return;
        }
        let wide = m.size_log2 == 3 || ty.bytes() == 8;
        let mut i = self.f.i();
        match (wide, m.size_log2, m.signed && !swap) {
            (false, 0, false) => i.i32_load8_u(mem),
            (false, 0, true) => i.i32_load8_s(mem),
            (false, 1, false) => i.i32_load16_u(mem),
            (false, 1, true) => i.i32_load16_s(mem),
            (false, ..) => i.i32_load(mem),
            (true, 0, false) => i.i64_load8_u(mem),
            (true, 0, true) => i.i64_load8_s(mem),
            (true, 1, _) if swap => i.i32_load16_u(mem),
            (true, 1, false) => i.i64_load16_u(mem),
            (true, 1, true) => i.i64_load16_s(mem),
            (true, 2, _) if swap => i.i32_load(mem),
            (true, 2, false) => i.i64_load32_u(mem),
            (true, 2, true) => i.i64_load32_s(mem),
            (true, ..) => i.i64_load(mem),
        };
        if swap {
            match m.size_log2 {
                1 => self.swap16(m.signed),
                2 => self.swap32(),
                _ => self.swap64(),
            }
            if wide && m.size_log2 < 3 {
                if m.signed {
                    self.f.i().i64_extend_i32_s();
                } else {
                    self.f.i().i64_extend_i32_u();
                }
            }
        }
        match ty {
            Type::I32 if wide => {
                self.f.i().i32_wrap_i64();
            }
            Type::F32 => {
                if wide {
                    self.f.i().i32_wrap_i64();
                }
                self.f.i().f32_reinterpret_i32();
            }
            Type::F64 => {
                self.f.i().f64_reinterpret_i64();
            }
            _ => {}
        }
    }

    fn store(&mut self, va: Val, v: Val, m: MemArg, role: Role) {
        let va_type = self.f.env.va_type;
        let ty = self.def(v).ty;
        if let Role::Member(g, distance) = role {
            let mem = self.member(g, distance);
            self.push(v);
            self.plain_store(ty, m, mem);
            return;
        }
        let local = self.in_local(va);
        if m.inline_slow {
            let value = self.in_local(v);
            let entry = self.check(local.0, m, true);
            self.f.open_cold(BlockType::Empty);
            if ty == Type::V128 {
                self.slow_halves(local.0, m, Some(value.0));
            } else {
                self.slow_operands(local.0);
                self.f.i().local_get(value.0);
                self.widen(ty);
                self.f.i().i32_const(m.pack() as i32).call(module::STORE);
                self.after_slow();
            }
            self.f.i().else_();
            self.address(local.0, entry);
            self.f.i().local_get(value.0);
            self.plain_store(ty, m, at(0));
            self.f.close();
            self.f.give(Type::I32, entry);
            self.release(ty, value);
            self.release(va_type, local);
            return;
        }
        let mem = self.reach(role, local.0, m, true);
        self.push(v);
        self.plain_store(ty, m, mem);
        self.release(va_type, local);
    }

    /// Stores the value of type `ty` on the stack to the address under it.
    fn plain_store(&mut self, ty: Type, m: MemArg, mem: MemArgOut) {
        let swap = m.big_endian && m.size_log2 > 0;
        if ty == Type::V128 {
            self.f.i().v128_store(mem);
            return;
        }
        if !swap && ty == Type::F32 && m.size_log2 == 2 {
            self.f.i().f32_store(mem);
            return;
        }
        if !swap && ty == Type::F64 && m.size_log2 == 3 {
            self.f.i().f64_store(mem);
            return;
        }
        let mut wide = ty.bytes() == 8;
        match ty {
            Type::F32 => {
                self.f.i().i32_reinterpret_f32();
            }
            Type::F64 => {
                self.f.i().i64_reinterpret_f64();
            }
            _ => {}
        }
        if wide && m.size_log2 < 3 && swap {
            self.f.i().i32_wrap_i64();
            wide = false;
        }
        if !wide && m.size_log2 == 3 {
            self.f.i().i64_extend_i32_u();
            wide = true;
        }
        if swap {
            match m.size_log2 {
                1 => self.swap16_store(),
                2 => self.swap32(),
                _ => self.swap64(),
            }
        }
        let mut i = self.f.i();
        match (wide, m.size_log2) {
            (false, 0) => i.i32_store8(mem),
            (false, 1) => i.i32_store16(mem),
            (false, _) => i.i32_store(mem),
            (true, 0) => i.i64_store8(mem),
            (true, 1) => i.i64_store16(mem),
            (true, 2) => i.i64_store32(mem),
            (true, _) => i.i64_store(mem),
        };
    }

    fn probe(&mut self, va: Val, m: MemArg) {
        let va_type = self.f.env.va_type;
        let local = self.in_local(va);
        let entry = self.check(local.0, m, m.probe_write);
        self.f.open_cold(BlockType::Empty);
        if m.inline_slow && m.size_log2 == 4 {
            let half = MemArg { size_log2: 3, ..m };
            let next = self.next_half(local.0);
            self.slow_probe(local.0, half);
            self.slow_probe(next, half);
            self.f.give(va_type, next);
        } else if m.inline_slow {
            self.slow_probe(local.0, m);
        } else {
            self.resume();
        }
        self.f.close();
        self.f.give(Type::I32, entry);
        self.release(va_type, local);
    }

    /// The u16 on the stack (in an i32, upper bits 0) with its bytes swapped, extended to i32.
    fn swap16(&mut self, signed: bool) {
        let x = self.f.take(Type::I32);
        self.f
            .i()
            .local_tee(x)
            .i32_const(8)
            .i32_shr_u()
            .local_get(x);
        if signed {
            self.f
                .i()
                .i32_const(24)
                .i32_shl()
                .i32_const(16)
                .i32_shr_s()
                .i32_or();
        } else {
            self.f
                .i()
                .i32_const(8)
                .i32_shl()
                .i32_const(0xff00)
                .i32_and()
                .i32_or();
        }
        self.f.give(Type::I32, x);
    }

    /// The low 16 bits on the stack with their bytes swapped; bits above them are arbitrary.
    fn swap16_store(&mut self) {
        let x = self.f.take(Type::I32);
        self.f
            .i()
            .local_tee(x)
            .i32_const(8)
            .i32_shl()
            .local_get(x)
            .i32_const(8)
            .i32_shr_u();
        self.f.i().i32_const(0xff).i32_and().i32_or();
        self.f.give(Type::I32, x);
    }

    /// The i32 on the stack with its bytes reversed.
    pub fn swap32(&mut self) {
        let x = self.f.take(Type::I32);
        self.f
            .i()
            .local_tee(x)
            .i32_const(8)
            .i32_rotl()
            .i32_const(0x00ff_00ff)
            .i32_and();
        self.f
            .i()
            .local_get(x)
            .i32_const(8)
            .i32_rotr()
            .i32_const(0xff00_ff00u32 as i32)
            .i32_and()
            .i32_or();
        self.f.give(Type::I32, x);
    }

    /// The i64 on the stack with its bytes reversed.
    pub fn swap64(&mut self) {
        let x = self.f.take(Type::I64);
        for (shift, mask) in [(8, 0x00ff_00ff_00ff_00ff), (16, 0x0000_ffff_0000_ffff)] {
            self.f
                .i()
                .local_tee(x)
                .i64_const(shift)
                .i64_shr_u()
                .i64_const(mask)
                .i64_and();
            self.f
                .i()
                .local_get(x)
                .i64_const(mask)
                .i64_and()
                .i64_const(shift)
                .i64_shl()
                .i64_or();
        }
        self.f.i().i64_const(32).i64_rotl();
        self.f.give(Type::I64, x);
    }
}
