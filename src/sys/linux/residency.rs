//! Locks on fault, what is resident, populating, inheritance, the sizes of huge pages.

use super::calls::{self, checked};
use super::codes::{EFAULT, EINVAL, ENOSYS, EPERM};
use super::{Backing, Kind, Linux, advice, arch, madvise, pages};
use crate::error::kind::{Call, ErrorKind, Failure};
use crate::options::{Advice, Inheritance};
use crate::sys::contract::residency::Residency;
use crate::sys::contract::{Result, Span};
use crate::sys::posix::residency::{Rlimit, raise};

const RLIMIT_MEMLOCK: usize = 8;

impl Residency for Linux {
    unsafe fn lock_on_fault(span: Span, backing: &Backing) -> Result<()> {
        const MLOCK_ONFAULT: usize = 1;
        let (address, len) = pages(span, backing);
        let result = checked(Call::Mlock2, calls::mlock2(address, len, MLOCK_ONFAULT));
        result.map(drop).inspect_err(|failure| {
            // A part may be locked, unless the kernel lacks the call.
            if failure.code != ENOSYS {
                calls::munlock(address, len);
            }
        })
    }

    unsafe fn resident(pages: Span, states: &mut [u8]) -> Result<()> {
        let address = pages.ptr.as_ptr().expose_provenance();
        // SAFETY: the caller's promise.
        checked(Call::Mincore, unsafe { calls::mincore(address, pages.len, states) }).map(drop)
    }

    /// Kernels before 5.14 have nothing that reports why a page cannot be had, without locks of its own (madvise(2)).
    unsafe fn populate(span: Span, backing: &Backing, for_writing: bool) -> Result<()> {
        const MADV_POPULATE_READ: usize = 22;
        const MADV_POPULATE_WRITE: usize = 23;
        let advice = if for_writing { MADV_POPULATE_WRITE } else { MADV_POPULATE_READ };
        // SAFETY: changes no contents.
        unsafe { madvise(span, backing, advice) }.map_err(|failure| match failure.code {
            // The permissions allow it. So the kernel lacks the advice, or for such memory: of a device, secret.
            EINVAL => failure.with_kind(ErrorKind::Unsupported),
            // What would have been SIGBUS.
            EFAULT => failure.with_kind(ErrorKind::Io),
            _ => failure,
        })
    }

    fn lock_limit() -> Result<usize> {
        let Rlimit { rlim_cur, .. } = limit()?;
        Ok(rlim_cur.try_into().unwrap_or(usize::MAX))
    }

    fn raise_lock_limit(bytes: usize) -> Result<usize> {
        let set = |new: &Rlimit| {
            // SAFETY: the kernel reads `new`.
            let result = unsafe { calls::prlimit64(RLIMIT_MEMLOCK, new, core::ptr::null_mut()) };
            checked(Call::Prlimit64, result).map(drop)
        };
        let limit = raise(bytes as u64, limit, set, |failure| failure.code == EPERM)?;
        Ok(limit.try_into().unwrap_or(usize::MAX))
    }

    /// With no length the kernel judges the number alone (`madvise_behavior_valid` in mm/madvise.c).
    fn knows(advice: Advice) -> bool {
        // SAFETY: the range is empty.
        advice::number(advice).is_some_and(|number| unsafe { calls::madvise(0, 0, number) } == 0)
    }

    unsafe fn advise_raw(span: Span, backing: &Backing, advice: i32) -> Result<()> {
        // SAFETY: the caller's promise.
        unsafe { madvise(span, backing, arch::register(advice)) }
    }

    /// Two flags of the mapping: one omits it, one wipes it.
    unsafe fn set_inheritance(span: Span, backing: &Backing, inheritance: Inheritance) -> Result<()> {
        const MADV_DONTFORK: usize = 10;
        const MADV_DOFORK: usize = 11;
        const MADV_WIPEONFORK: usize = 18;
        const MADV_KEEPONFORK: usize = 19;
        // SAFETY: the caller's promise.
        let advise = |advice| unsafe { madvise(span, backing, advice) };
        match inheritance {
            Inheritance::Omit => advise(MADV_DONTFORK),
            Inheritance::Wipe => match advise(MADV_WIPEONFORK) {
                // A kernel before 4.14, or shared memory, or a file's.
                Err(failure) if failure.code == EINVAL => Err(failure.with_kind(ErrorKind::Unsupported)),
                Err(failure) => Err(failure),
                Ok(()) => advise(MADV_DOFORK),
            },
            Inheritance::Share if backing.kind != Kind::Shared => {
                Err(Failure::refused(Call::SetInheritance, ErrorKind::Unsupported))
            }
            Inheritance::Usual | Inheritance::Share => {
                advise(MADV_DOFORK)?;
                match advise(MADV_KEEPONFORK) {
                    // A kernel before 4.14, which wipes nothing.
                    Err(failure) if failure.code == EINVAL => Ok(()),
                    result => result,
                }
            }
        }
    }

    /// The kernel has a folder for each size, with its pools (Documentation/admin-guide/mm/hugetlbpage.rst).
    fn has_huge_pages(size_log2: u8) -> bool {
        const FOLDER: &[u8] = b"/sys/kernel/mm/hugepages/hugepages-";
        let kib = 1_usize << (size_log2 - 10);
        #[expect(clippy::cast_possible_truncation, reason = "a digit")]
        let digits = (0..=kib.ilog10()).rev().map(|place| b'0' + (kib / 10_usize.pow(place) % 10) as u8);
        // Longer than any of these paths, so that it ends in NUL.
        let mut path = [0; 64];
        for (to, from) in path.iter_mut().zip(FOLDER.iter().copied().chain(digits).chain(*b"kB")) {
            *to = from;
        }
        calls::access(path.as_ptr().expose_provenance()) == 0
    }
}

fn limit() -> Result<Rlimit> {
    let mut limit = Rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the kernel writes `limit`.
    let result = unsafe { calls::prlimit64(RLIMIT_MEMLOCK, core::ptr::null(), &raw mut limit) };
    checked(Call::Prlimit64, result).map(|_| limit)
}
