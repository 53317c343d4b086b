//! Loads and stores of FPU registers.

use tinamou_ir::{Type, Val};

use super::super::Lifter;
use crate::decode::Word;

/// Base plus index register.
fn indexed(l: &mut Lifter<'_>, w: Word) -> Val {
    let (a, i) = (l.x(w.rs()), l.x(w.rt()));
    let sum = l.b.add(a, i);
    if l.mode.wrap() { l.canon(sum) } else { sum }
}

fn load32(l: &mut Lifter<'_>, n: usize, va: Val) {
    let m = l.mem(4);
    let v = l.b.load(Type::I32, va, m);
    l.set_fpr32(n, v);
}

fn load64(l: &mut Lifter<'_>, n: usize, va: Val) {
    let m = l.mem(8);
    let v = l.b.load(Type::I64, va, m);
    l.set_fpr64(n, v);
}

fn store32(l: &mut Lifter<'_>, n: usize, va: Val) {
    let v = l.fpr32(n);
    let m = l.mem(4);
    l.b.store(va, v, m);
}

fn store64(l: &mut Lifter<'_>, n: usize, va: Val) {
    let v = l.fpr64(n);
    let m = l.mem(8);
    l.b.store(va, v, m);
}

/// LWC1.
pub fn lwc1(l: &mut Lifter<'_>, w: Word) {
    let a = l.address(w);
    load32(l, w.ft(), a);
}

/// LDC1.
pub fn ldc1(l: &mut Lifter<'_>, w: Word) {
    let a = l.address(w);
    load64(l, w.ft(), a);
}

/// SWC1.
pub fn swc1(l: &mut Lifter<'_>, w: Word) {
    let a = l.address(w);
    store32(l, w.ft(), a);
}

/// SDC1.
pub fn sdc1(l: &mut Lifter<'_>, w: Word) {
    let a = l.address(w);
    store64(l, w.ft(), a);
}

/// LWXC1.
pub fn lwxc1(l: &mut Lifter<'_>, w: Word) {
    let a = indexed(l, w);
    load32(l, w.fd(), a);
}

/// LDXC1.
pub fn ldxc1(l: &mut Lifter<'_>, w: Word) {
    let a = indexed(l, w);
    load64(l, w.fd(), a);
}

/// SWXC1.
pub fn swxc1(l: &mut Lifter<'_>, w: Word) {
    let a = indexed(l, w);
    store32(l, w.fs(), a);
}

/// SDXC1.
pub fn sdxc1(l: &mut Lifter<'_>, w: Word) {
    let a = indexed(l, w);
    store64(l, w.fs(), a);
}

/// The address without its low three bits.
fn unaligned(l: &mut Lifter<'_>, w: Word) -> Val {
    let (a, m) = (indexed(l, w), l.k(!7));
    l.b.and(a, m)
}

/// LUXC1: ignores the low address bits.
pub fn luxc1(l: &mut Lifter<'_>, w: Word) {
    let a = unaligned(l, w);
    load64(l, w.fd(), a);
}

/// SUXC1: ignores the low address bits.
pub fn suxc1(l: &mut Lifter<'_>, w: Word) {
    let a = unaligned(l, w);
    store64(l, w.fs(), a);
}
