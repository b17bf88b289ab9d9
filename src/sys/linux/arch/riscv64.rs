//! riscv64, which has nothing of its own.

mod generic;
mod riscv;
mod wide;

pub(crate) use super::usual::*;
pub(crate) use generic::*;
pub(crate) use riscv::*;
pub(crate) use wide::*;
