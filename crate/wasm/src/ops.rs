//! Wasm for the pure ops and slot reads. The match is exhaustive over `ops!`.

use tinamou_ir::block::Val;
use tinamou_ir::ops::Op;
use tinamou_ir::types::Type;
use wasm_encoder::{BlockType, Ieee32, Ieee64};

use crate::block::BlockCode;
use crate::func::val_type;

impl BlockCode<'_, '_> {
    /// Pushes the result of instruction `at`: a pure op, a slot read or a `call_if`.
    pub fn compute(&mut self, at: usize) {
        let block = self.block;
        let inst = &block.insts[at];
        let [a, b, c] = inst.args;
        // Type of the operands where they all have the same.
        let ty = if a.is_some() { self.def(a).ty } else { inst.ty };
        let wide = ty == Type::I64;
        match inst.op {
            Op::Const if inst.ty == Type::V128 => {
                let bits = inst.imm as u128 | (inst.aux as u128) << 64;
                self.f.i().v128_const(bits as i128);
                return;
            }
            Op::Const => self.constant(inst.ty, inst.imm),
            Op::Get => {
                let local = self.f.slot_local(inst.imm);
                self.f.i().local_get(local);
                return;
            }
            Op::Bswap => {
                self.push(a);
                return if wide { self.swap64() } else { self.swap32() };
            }
            Op::Vlow => {
                self.f.i().v128_const(0);
                self.push(a);
                self.f.i().i64x2_replace_lane(0);
                return;
            }
            Op::Vpair => {
                self.push(a);
                self.f.i().i64x2_splat();
                self.push(b);
                self.f.i().i64x2_replace_lane(1);
                return;
            }
            Op::DivU | Op::DivS | Op::RemU | Op::RemS => return self.divide(inst.op, a, b, ty),
            Op::MulhU | Op::MulhS => return self.mul_high(a, b, inst.op == Op::MulhS),
            // `c` comes last on the wasm stack.
            // Made only where the condition holds.
            Op::Select if self.values.rare.selects[at] => {
                self.push(a);
                self.f.open_cold(BlockType::Result(val_type(inst.ty)));
                self.push(b);
                self.f.i().else_();
                self.push(c);
                self.f.close();
                return;
            }
            Op::CallIf => return self.call_if(at),
            Op::Select => {
                self.push(b);
                self.push(c);
                self.push(a);
                self.f.i().select();
                return;
            }
            _ => {
                for v in inst.operands() {
                    self.push(v);
                }
            }
        }
        let mut i = self.f.i();
        match inst.op {
            Op::Add if wide => i.i64_add(),
            Op::Add => i.i32_add(),
            Op::Sub if wide => i.i64_sub(),
            Op::Sub => i.i32_sub(),
            Op::Mul if wide => i.i64_mul(),
            Op::Mul => i.i32_mul(),
            Op::And if wide => i.i64_and(),
            Op::And => i.i32_and(),
            Op::Or if wide => i.i64_or(),
            Op::Or => i.i32_or(),
            Op::Xor if wide => i.i64_xor(),
            Op::Xor => i.i32_xor(),
            Op::Shl if wide => i.i64_shl(),
            Op::Shl => i.i32_shl(),
            Op::Shr if wide => i.i64_shr_u(),
            Op::Shr => i.i32_shr_u(),
            Op::Sar if wide => i.i64_shr_s(),
            Op::Sar => i.i32_shr_s(),
            Op::Rotl if wide => i.i64_rotl(),
            Op::Rotl => i.i32_rotl(),
            Op::Rotr if wide => i.i64_rotr(),
            Op::Rotr => i.i32_rotr(),
            Op::Clz if wide => i.i64_clz(),
            Op::Clz => i.i32_clz(),
            Op::Ctz if wide => i.i64_ctz(),
            Op::Ctz => i.i32_ctz(),
            Op::Popcnt if wide => i.i64_popcnt(),
            Op::Popcnt => i.i32_popcnt(),
            Op::Sext8 if wide => i.i64_extend8_s(),
            Op::Sext8 => i.i32_extend8_s(),
            Op::Sext16 if wide => i.i64_extend16_s(),
            Op::Sext16 => i.i32_extend16_s(),
            Op::Eqz if wide => i.i64_eqz(),
            Op::Eqz => i.i32_eqz(),
            Op::Eq if wide => i.i64_eq(),
            Op::Eq => i.i32_eq(),
            Op::Ne if wide => i.i64_ne(),
            Op::Ne => i.i32_ne(),
            Op::LtU if wide => i.i64_lt_u(),
            Op::LtU => i.i32_lt_u(),
            Op::LtS if wide => i.i64_lt_s(),
            Op::LtS => i.i32_lt_s(),
            Op::LeU if wide => i.i64_le_u(),
            Op::LeU => i.i32_le_u(),
            Op::LeS if wide => i.i64_le_s(),
            Op::LeS => i.i32_le_s(),
            Op::Fadd if ty == Type::F64 => i.f64_add(),
            Op::Fadd => i.f32_add(),
            Op::Fsub if ty == Type::F64 => i.f64_sub(),
            Op::Fsub => i.f32_sub(),
            Op::Fmul if ty == Type::F64 => i.f64_mul(),
            Op::Fmul => i.f32_mul(),
            Op::Fdiv if ty == Type::F64 => i.f64_div(),
            Op::Fdiv => i.f32_div(),
            Op::Fsqrt if ty == Type::F64 => i.f64_sqrt(),
            Op::Fsqrt => i.f32_sqrt(),
            Op::Fneg if ty == Type::F64 => i.f64_neg(),
            Op::Fneg => i.f32_neg(),
            Op::Fabs if ty == Type::F64 => i.f64_abs(),
            Op::Fabs => i.f32_abs(),
            Op::Feq if ty == Type::F64 => i.f64_eq(),
            Op::Feq => i.f32_eq(),
            Op::Flt if ty == Type::F64 => i.f64_lt(),
            Op::Flt => i.f32_lt(),
            Op::Fle if ty == Type::F64 => i.f64_le(),
            Op::Fle => i.f32_le(),
            Op::Fnearest if ty == Type::F64 => i.f64_nearest(),
            Op::Fnearest => i.f32_nearest(),
            Op::Sext32 => i.i64_extend32_s(),
            Op::Wrap => i.i32_wrap_i64(),
            Op::ExtS => i.i64_extend_i32_s(),
            Op::ExtU => i.i64_extend_i32_u(),
            Op::Fpromote => i.f64_promote_f32(),
            Op::Fdemote => i.f32_demote_f64(),
            Op::F64FromI32 => i.f64_convert_i32_s(),
            Op::F64FromI64 => i.f64_convert_i64_s(),
            Op::F32FromI32 => i.f32_convert_i32_s(),
            Op::F32FromI64 => i.f32_convert_i64_s(),
            Op::I32FromF64 => i.i32_trunc_sat_f64_s(),
            Op::I64FromF64 => i.i64_trunc_sat_f64_s(),
            Op::Bits32 => i.i32_reinterpret_f32(),
            Op::Bits64 => i.i64_reinterpret_f64(),
            Op::Float32 => i.f32_reinterpret_i32(),
            Op::Float64 => i.f64_reinterpret_i64(),
            Op::Vand => i.v128_and(),
            Op::Vor => i.v128_or(),
            Op::Vxor => i.v128_xor(),
            Op::Vandnot => i.v128_andnot(),
            Op::Vbits => i.v128_bitselect(),
            Op::Vany => i.v128_any_true(),
            Op::Vadd8 => i.i8x16_add(),
            Op::Vadd16 => i.i16x8_add(),
            Op::Vadd32 => i.i32x4_add(),
            Op::Vadd64 => i.i64x2_add(),
            Op::Vsub8 => i.i8x16_sub(),
            Op::Vsub16 => i.i16x8_sub(),
            Op::Vsub32 => i.i32x4_sub(),
            Op::Vsub64 => i.i64x2_sub(),
            Op::VaddSat8S => i.i8x16_add_sat_s(),
            Op::VaddSat16S => i.i16x8_add_sat_s(),
            Op::VaddSat8U => i.i8x16_add_sat_u(),
            Op::VaddSat16U => i.i16x8_add_sat_u(),
            Op::VsubSat8S => i.i8x16_sub_sat_s(),
            Op::VsubSat16S => i.i16x8_sub_sat_s(),
            Op::VsubSat8U => i.i8x16_sub_sat_u(),
            Op::VsubSat16U => i.i16x8_sub_sat_u(),
            Op::Vmul16 => i.i16x8_mul(),
            Op::Vmul32 => i.i32x4_mul(),
            Op::Vmin8S => i.i8x16_min_s(),
            Op::Vmin16S => i.i16x8_min_s(),
            Op::Vmin32S => i.i32x4_min_s(),
            Op::Vmin8U => i.i8x16_min_u(),
            Op::Vmin16U => i.i16x8_min_u(),
            Op::Vmin32U => i.i32x4_min_u(),
            Op::Vmax8S => i.i8x16_max_s(),
            Op::Vmax16S => i.i16x8_max_s(),
            Op::Vmax32S => i.i32x4_max_s(),
            Op::Vmax8U => i.i8x16_max_u(),
            Op::Vmax16U => i.i16x8_max_u(),
            Op::Vmax32U => i.i32x4_max_u(),
            Op::Vavg8 => i.i8x16_avgr_u(),
            Op::Vavg16 => i.i16x8_avgr_u(),
            Op::Veq8 => i.i8x16_eq(),
            Op::Veq16 => i.i16x8_eq(),
            Op::Veq32 => i.i32x4_eq(),
            Op::Veq64 => i.i64x2_eq(),
            Op::Vgt8 => i.i8x16_gt_s(),
            Op::Vgt16 => i.i16x8_gt_s(),
            Op::Vgt32 => i.i32x4_gt_s(),
            Op::Vgt64 => i.i64x2_gt_s(),
            Op::Vabs8 => i.i8x16_abs(),
            Op::Vabs16 => i.i16x8_abs(),
            Op::Vabs32 => i.i32x4_abs(),
            Op::Vshl16 => i.i16x8_shl(),
            Op::Vshl32 => i.i32x4_shl(),
            Op::Vshl64 => i.i64x2_shl(),
            Op::Vshr16 => i.i16x8_shr_u(),
            Op::Vshr32 => i.i32x4_shr_u(),
            Op::Vshr64 => i.i64x2_shr_u(),
            Op::Vsar16 => i.i16x8_shr_s(),
            Op::Vsar32 => i.i32x4_shr_s(),
            Op::Vnarrow16S => i.i8x16_narrow_i16x8_s(),
            Op::Vnarrow16U => i.i8x16_narrow_i16x8_u(),
            Op::Vnarrow32S => i.i16x8_narrow_i32x4_s(),
            Op::Vnarrow32U => i.i16x8_narrow_i32x4_u(),
            Op::Vextend8S => i.i16x8_extend_low_i8x16_s(),
            Op::Vextend8U => i.i16x8_extend_low_i8x16_u(),
            Op::Vextend16S => i.i32x4_extend_low_i16x8_s(),
            Op::Vextend16U => i.i32x4_extend_low_i16x8_u(),
            Op::Vextend32S => i.i64x2_extend_low_i32x4_s(),
            Op::Vextend32U => i.i64x2_extend_low_i32x4_u(),
            Op::VmulLow16S => i.i32x4_extmul_low_i16x8_s(),
            Op::VmulHigh16S => i.i32x4_extmul_high_i16x8_s(),
            Op::VmulLow16U => i.i32x4_extmul_low_i16x8_u(),
            Op::VmulHigh16U => i.i32x4_extmul_high_i16x8_u(),
            Op::VmulLow32S => i.i64x2_extmul_low_i32x4_s(),
            Op::VmulLow32U => i.i64x2_extmul_low_i32x4_u(),
            Op::Vdot16 => i.i32x4_dot_i16x8_s(),
            Op::Vpairs8U => i.i16x8_extadd_pairwise_i8x16_u(),
            Op::Vpairs16U => i.i32x4_extadd_pairwise_i16x8_u(),
            Op::Vswizzle => i.i8x16_swizzle(),
            Op::Vmask8 => i.i8x16_bitmask(),
            Op::Vmask32 => i.i32x4_bitmask(),
            Op::Vmask64 => i.i64x2_bitmask(),
            Op::Vfadd32 => i.f32x4_add(),
            Op::Vfsub32 => i.f32x4_sub(),
            Op::Vfmul32 => i.f32x4_mul(),
            Op::Vfdiv32 => i.f32x4_div(),
            Op::Vfsqrt32 => i.f32x4_sqrt(),
            Op::Vfmin32 => i.f32x4_pmin(),
            Op::Vfmax32 => i.f32x4_pmax(),
            Op::Vfabs32 => i.f32x4_abs(),
            Op::Vfeq32 => i.f32x4_eq(),
            Op::Vflt32 => i.f32x4_lt(),
            Op::Vfle32 => i.f32x4_le(),
            Op::Vfnearest32 => i.f32x4_nearest(),
            Op::Vfadd64 => i.f64x2_add(),
            Op::Vfsub64 => i.f64x2_sub(),
            Op::Vfmul64 => i.f64x2_mul(),
            Op::Vfdiv64 => i.f64x2_div(),
            Op::Vfsqrt64 => i.f64x2_sqrt(),
            Op::Vfmin64 => i.f64x2_pmin(),
            Op::Vfmax64 => i.f64x2_pmax(),
            Op::Vfabs64 => i.f64x2_abs(),
            Op::Vfeq64 => i.f64x2_eq(),
            Op::Vflt64 => i.f64x2_lt(),
            Op::Vfle64 => i.f64x2_le(),
            Op::Vfnearest64 => i.f64x2_nearest(),
            Op::VF32FromI32 => i.f32x4_convert_i32x4_s(),
            Op::VI32FromF32 => i.i32x4_trunc_sat_f32x4_s(),
            Op::VF64FromI32 => i.f64x2_convert_low_i32x4_s(),
            Op::VI32FromF64 => i.i32x4_trunc_sat_f64x2_s_zero(),
            Op::Vfpromote => i.f64x2_promote_low_f32x4(),
            Op::Vfdemote => i.f32x4_demote_f64x2_zero(),
            Op::Vlo => i.i64x2_extract_lane(0),
            Op::Vhi => i.i64x2_extract_lane(1),
            Op::Vlo32 => i.f32x4_extract_lane(0),
            Op::Vlo64 => i.f64x2_extract_lane(0),
            Op::VsetLo => i.i64x2_replace_lane(0),
            Op::VsetHi => i.i64x2_replace_lane(1),
            Op::VsetLo32 => i.f32x4_replace_lane(0),
            Op::VsetLo64 => i.f64x2_replace_lane(0),
            Op::Vshuffle => {
                let by = (inst.imm as u128 | (inst.aux as u128) << 64).to_le_bytes();
                i.i8x16_shuffle(by)
            }
            Op::Vpair
            | Op::Vlow
            | Op::Const
            | Op::Get
            | Op::Bswap
            | Op::DivU
            | Op::DivS
            | Op::RemU
            | Op::RemS
            | Op::MulhU
            | Op::MulhS
            | Op::Select => &mut i,
            Op::Set | Op::Load | Op::Store | Op::StoreIf | Op::Probe | Op::Call | Op::CallIf => {
                &mut i
            }
            Op::F80 | Op::TrapIf | Op::ExitIf | Op::Insn => &mut i,
            Op::Jump | Op::Branch | Op::JumpInd | Op::Leave | Op::LeaveInd | Op::Raise => &mut i,
        };
    }

    fn constant(&mut self, ty: Type, bits: u64) {
        match ty {
            Type::I32 => self.f.i().i32_const(bits as i32),
            Type::I64 => self.f.i().i64_const(bits as i64),
            Type::F32 => self.f.i().f32_const(Ieee32::new(bits as u32)),
            Type::F64 => self.f.i().f64_const(Ieee64::new(bits)),
            Type::V128 => self.f.i().v128_const(bits as i128),
        };
    }

    /// Division and remainder with the results that `ops!` fixes where wasm would trap.
    fn divide(&mut self, op: Op, a: Val, b: Val, ty: Type) {
        let wide = ty == Type::I64;
        let known = (self.def(b).op == Op::Const).then(|| {
            let bits = self.def(b).imm;
            if wide {
                bits as i64
            } else {
                bits as i32 as i64
            }
        });
        let safe = !matches!((op, known), (_, None | Some(0)) | (Op::DivS, Some(-1)));
        if safe {
            self.push(a);
            self.push(b);
            self.quotient(op, wide);
            return;
        }
        let x = self.in_local(a);
        let y = self.in_local(b);
        let i = || BlockType::Result(val_type(ty));
        let (la, lb) = (x.0, y.0);
        match (op, wide) {
            // b + 1 < 2, unsigned: b is 0 or -1, and the result is 0 or -a.
            (Op::DivS, true) => self
                .f
                .i()
                .local_get(lb)
                .i64_const(1)
                .i64_add()
                .i64_const(2)
                .i64_lt_u(),
            (Op::DivS, false) => self
                .f
                .i()
                .local_get(lb)
                .i32_const(1)
                .i32_add()
                .i32_const(2)
                .i32_lt_u(),
            (_, true) => self.f.i().local_get(lb).i64_eqz(),
            (_, false) => self.f.i().local_get(lb).i32_eqz(),
        };
        self.f.open_cold(i());
        match (op, wide) {
            (Op::DivS, true) => self
                .f
                .i()
                .i64_const(0)
                .local_get(la)
                .i64_sub()
                .local_get(lb)
                .i64_and(),
            (Op::DivS, false) => self
                .f
                .i()
                .i32_const(0)
                .local_get(la)
                .i32_sub()
                .local_get(lb)
                .i32_and(),
            (Op::DivU, true) => self.f.i().i64_const(0),
            (Op::DivU, false) => self.f.i().i32_const(0),
            _ => self.f.i().local_get(la),
        };
        self.f.i().else_().local_get(la).local_get(lb);
        self.quotient(op, wide);
        self.f.close();
        self.release(ty, y);
        self.release(ty, x);
    }

    fn quotient(&mut self, op: Op, wide: bool) {
        let mut i = self.f.i();
        match (op, wide) {
            (Op::DivU, true) => i.i64_div_u(),
            (Op::DivU, false) => i.i32_div_u(),
            (Op::DivS, true) => i.i64_div_s(),
            (Op::DivS, false) => i.i32_div_s(),
            (Op::RemU, true) => i.i64_rem_u(),
            (Op::RemU, false) => i.i32_rem_u(),
            (_, true) => i.i64_rem_s(),
            (_, false) => i.i32_rem_s(),
        };
    }

    /// High half of a 64-bit product, from four products of 32-bit halves.
    fn mul_high(&mut self, a: Val, b: Val, signed: bool) {
        if self.f.env.features.wide_multiply {
            self.push(a);
            self.push(b);
            let high = self.f.take(Type::I64);
            if signed {
                self.f.i().i64_mul_wide_s();
            } else {
                self.f.i().i64_mul_wide_u();
            }
            // The low half lies below it.
            self.f.i().local_set(high).drop().local_get(high);
            self.f.give(Type::I64, high);
            return;
        }
        let x = self.in_local(a);
        let y = self.in_local(b);
        let (la, lb) = (x.0, y.0);
        let mid = self.f.take(Type::I64);
        let low32 = 0xffff_ffffi64;
        // mid = a.hi * b.lo + (a.lo * b.lo >> 32)
        self.f
            .i()
            .local_get(la)
            .i64_const(32)
            .i64_shr_u()
            .local_get(lb)
            .i64_const(low32)
            .i64_and()
            .i64_mul();
        self.f
            .i()
            .local_get(la)
            .i64_const(low32)
            .i64_and()
            .local_get(lb)
            .i64_const(low32)
            .i64_and()
            .i64_mul();
        self.f
            .i()
            .i64_const(32)
            .i64_shr_u()
            .i64_add()
            .local_set(mid);
        // (a.lo * b.hi + mid.lo >> 32) + mid.hi + a.hi * b.hi
        self.f
            .i()
            .local_get(la)
            .i64_const(low32)
            .i64_and()
            .local_get(lb)
            .i64_const(32)
            .i64_shr_u()
            .i64_mul();
        self.f
            .i()
            .local_get(mid)
            .i64_const(low32)
            .i64_and()
            .i64_add()
            .i64_const(32)
            .i64_shr_u();
        self.f
            .i()
            .local_get(mid)
            .i64_const(32)
            .i64_shr_u()
            .i64_add();
        self.f
            .i()
            .local_get(la)
            .i64_const(32)
            .i64_shr_u()
            .local_get(lb)
            .i64_const(32)
            .i64_shr_u()
            .i64_mul()
            .i64_add();
        if signed {
            self.f
                .i()
                .local_get(la)
                .i64_const(63)
                .i64_shr_s()
                .local_get(lb)
                .i64_and()
                .i64_sub();
            self.f
                .i()
                .local_get(lb)
                .i64_const(63)
                .i64_shr_s()
                .local_get(la)
                .i64_and()
                .i64_sub();
        }
        self.f.give(Type::I64, mid);
        self.release(Type::I64, y);
        self.release(Type::I64, x);
    }
}
