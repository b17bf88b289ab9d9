//! Huge pages from the kernel's pool (hugetlb).
//!
//! A page that the pool cannot supply raises SIGBUS when it is touched. So a request for huge pages fails unless all of them
//! are resident, and no operation returns private ones to the pool before the mapping ends.

use super::calls::{self, MAP_ANONYMOUS, MAP_PRIVATE, checked, uninterrupted};
use super::codes::{EINVAL, ENOMEM};
use super::{Backing, Kind, Linux, MAP_HUGETLB, arch, map};
use crate::error::kind::{Call, ErrorKind, Failure};
use crate::options::Flags;
use crate::sys::contract::{MapFailure, Mapped, Request, Result, Span, System, log2};
use core::ffi::c_int;
use core::mem::MaybeUninit;
use core::slice;

/// log2 of the page size of the hugetlbfs that holds the file, or 0. Fails if a request asks for huge pages and there are
/// none, or for what huge pages cannot do.
///
/// It takes parts of the request: a reference would cost stores to memory in each mapping that needs no call of this.
#[cold]
pub(super) fn alignment_log2(file: c_int, flags: Flags, has_reservation: bool, huge_log2: u8) -> Result<u8> {
    const HUGETLBFS_MAGIC: u32 = 0x958458f6;
    let mut statfs = MaybeUninit::uninit();
    uninterrupted(Call::Fstatfs, || arch::fstatfs(file, &mut statfs))?;
    // SAFETY: the kernel wrote it.
    let statfs: arch::Statfs = unsafe { statfs.assume_init() };
    let (file_system, block_size) = statfs.parts();
    let is_huge = file_system == HUGETLBFS_MAGIC;
    // A huge page would reach past the end of a reservation.
    if is_huge && has_reservation || !is_huge && flags.contains(Flags::HUGETLB) {
        return Err(Failure::unsupported(Flags::HUGETLB));
    }
    // A writable mapping would extend the file (`hugetlbfs_file_mmap` in fs/hugetlbfs/inode.c).
    if is_huge && flags.contains(Flags::PAST_END) {
        return Err(Failure::unsupported(Flags::PAST_END));
    }
    // Without it `mmap` sets pages aside in the pool, so that they are there when they are touched.
    if is_huge && flags.contains(Flags::NORESERVE) {
        return Err(Failure::unsupported(Flags::NORESERVE));
    }
    let size_log2 = log2(block_size);
    if huge_log2 != 0 && size_log2 != huge_log2 {
        return Err(Failure::unsupported(Flags::HUGETLB));
    }
    Ok(if is_huge { size_log2 } else { 0 })
}

/// Maps huge pages one level above a page, or of the size that the request names. The call names the size too, rather than
/// taking the kernel's default, which `unmap` would not know.
///
/// # Safety
/// As `System::map_anon`.
#[cold]
pub(super) unsafe fn map_anon(request: Request) -> Result<Mapped<Backing>, MapFailure> {
    const MAP_HUGE_SHIFT: u32 = 26;
    let try_size = |log2: u8| {
        let backing = Backing { prot: request.prot, kind: Kind::Anon, alignment_log2: log2 };
        let flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | (log2 as usize) << MAP_HUGE_SHIFT;
        // SAFETY: the caller's promise.
        Ok(Mapped { ptr: unsafe { map(request, backing, flags, -1, 0)? }, backing })
    };
    let [log2, other] = match request.huge_log2 {
        0 => arch::huge_log2s(log2(Linux::page_size())),
        log2 => [log2, log2],
    };
    match try_size(log2) {
        // The kernel has no huge pages of this size.
        Err(MapFailure { failure, .. }) if failure.code == EINVAL && other != log2 => try_size(other),
        result => result,
    }
}

/// Fails if a page of a mapping made with MAP_POPULATE is missing, which `mmap` does not report: the pool has the page, and
/// a limit of the control group refuses it (Documentation/admin-guide/cgroup-v1/hugetlb.rst).
pub(super) fn check_resident(span: Span, page_size: usize) -> Result<()> {
    let address = span.ptr.as_ptr().expose_provenance();
    for page in (address..address + span.len).step_by(page_size) {
        let mut residence = 0;
        // SAFETY: one byte, for one page.
        let result = unsafe { calls::mincore(page, 1, slice::from_mut(&mut residence)) };
        checked(Call::Mincore, result)?;
        if residence & 1 == 0 {
            return Err(Failure::refused(Call::Map, ErrorKind::OutOfMemory).with_flag(Flags::HUGETLB));
        }
    }
    Ok(())
}

/// A failure of `mmap` with MAP_HUGETLB, naming the flag if that is the reason.
#[cold]
pub(super) fn refined(failure: Failure) -> Failure {
    match failure.code {
        // The kernel has no huge pages of this size.
        EINVAL => failure.with_kind(ErrorKind::Unsupported).with_flag(Flags::HUGETLB),
        // The pool does not hold enough.
        ENOMEM => failure.with_flag(Flags::HUGETLB),
        _ => failure,
    }
}
