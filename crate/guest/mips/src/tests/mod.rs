//! Tests of the whole guest on the interpreter. Expected values are from the manuals' pseudocode, worked by hand.

mod exceptions;
mod golden;
mod harness;
mod insns;
mod lifting;
mod tlb;
