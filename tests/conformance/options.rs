//! Sets of permissions and of flags.

use super::*;
use baremap::Flags;
use core::ops::{BitAnd, BitAndAssign, BitOr, BitOrAssign, BitXor, BitXorAssign, Not, Sub, SubAssign};

checks! {
    options:
    prot_operators,
    flags_operators,
    empty_prot,
}

fn operators<T>(empty: T, all: T, a: T, b: T) -> Result
where
    T: Copy
        + PartialEq
        + Debug
        + Not<Output = T>
        + BitOr<Output = T>
        + BitAnd<Output = T>
        + BitXor<Output = T>
        + Sub<Output = T>
        + BitOrAssign
        + BitAndAssign
        + BitXorAssign
        + SubAssign,
{
    let changed = |change: fn(&mut T, T)| {
        let mut set = a;
        change(&mut set, b);
        set
    };
    ensure_eq!((a | b) & a, a);
    ensure_eq!(a & empty, empty);
    ensure_eq!((a & b) - a, empty);
    ensure_eq!((a | b) - b, a - b);
    ensure_eq!(a ^ b, (a | b) - (a & b));
    ensure_eq!(!a, all - a);
    ensure_eq!(!empty, all);
    ensure_eq!(changed(T::bitor_assign), a | b);
    ensure_eq!(changed(T::bitand_assign), a & b);
    ensure_eq!(changed(T::bitxor_assign), a ^ b);
    ensure_eq!(changed(T::sub_assign), a - b);
    Ok(())
}

/// `WRITE` and `EXEC` contain `READ`.
fn prot_operators(_: &mut Env) -> Result {
    const BOTH: Prot = Prot::WRITE.union(Prot::EXEC);
    operators(Prot::empty(), Prot::all(), Prot::WRITE, Prot::EXEC)?;
    ensure_eq!(BOTH, Prot::WRITE | Prot::EXEC);
    ensure_eq!(BOTH, Prot::all());
    ensure_eq!(Prot::WRITE & Prot::EXEC, Prot::READ);
    ensure!(BOTH.contains(Prot::READ) && !Prot::WRITE.contains(Prot::EXEC));
    ensure!(Prot::empty().is_empty() && !Prot::READ.is_empty());
    ensure_eq!(Prot::empty().bits(), 0);
    Ok(())
}

fn flags_operators(_: &mut Env) -> Result {
    const BOTH: Flags = Flags::COW.union(Flags::LOCKED);
    operators(Flags::empty(), Flags::all(), BOTH, Flags::LOCKED | Flags::POPULATE)?;
    ensure_eq!(BOTH - Flags::COW, Flags::LOCKED);
    ensure!(BOTH.contains(Flags::COW) && BOTH.contains(Flags::empty()) && !BOTH.contains(Flags::POPULATE));
    ensure!(Flags::empty().is_empty() && !BOTH.is_empty());
    ensure_eq!(Flags::default(), Flags::empty());
    Ok(())
}

/// Memory that is mapped can be read.
fn empty_prot(env: &mut Env) -> Result {
    let mut memory = Mmap::anon(100).prot(Prot::empty()).map()?;
    ensure_eq!(memory.prot(), Prot::READ);
    ensure_filled(&memory, 0)?;
    memory.protect(Prot::empty())?;
    ensure_eq!(memory.prot(), Prot::READ);
    ensure_filled(&memory, 0)?;
    let file = env.file("file", 100)?;
    ensure_pattern(&map(&file, Prot::empty())?, 0)
}
