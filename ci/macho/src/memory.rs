//! libSystem's functions for memory, with the results of xnu (bsd/kern/kern_mman.c, osfmk/vm/vm_map.c).

use crate::errno::{EACCES, EBADF, EINVAL, ENODEV, ENOMEM, ENOTSUP, Errno};
use crate::faults::perform;
use crate::{PAGE, shm, stop};
use libc::{MAP_FAILED, PROT_EXEC, PROT_NONE, PROT_READ, PROT_WRITE, c_int, c_void, off_t};
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

type Result<T = isize> = std::result::Result<T, Errno>;

/// Linux's page size, which may be smaller than [`PAGE`].
fn host_page() -> usize {
    // SAFETY: touches nothing.
    unsafe { libc::sysconf(libc::_SC_PAGESIZE) as usize }
}

pub fn whole_pages(len: usize) -> usize {
    len.next_multiple_of(PAGE)
}

/// Reserves a range of addresses.
pub fn reserve(len: usize, align: usize) -> Result<usize> {
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
    let more = len.checked_add(align).ok_or(ENOMEM)?;
    // SAFETY: the kernel chooses a free range; what exceeds the request is unmapped.
    unsafe {
        let start = libc::mmap(std::ptr::null_mut(), more, PROT_NONE, flags, -1, 0);
        if start == MAP_FAILED {
            return Err(Errno::last());
        }
        let start = start as usize;
        let base = start.next_multiple_of(align);
        for (start, end) in [(start, base), (base + len, start + more)] {
            if start < end {
                libc::munmap(start as *mut c_void, end - start);
            }
        }
        Ok(base)
    }
}

/// Reserves a range at an address if nothing is there (`vm_map_enter` with VM_FLAGS_ANYWHERE starts its search at the
/// hint).
fn reserve_at(address: usize, len: usize, align: usize) -> Option<usize> {
    let address = address.checked_next_multiple_of(align)?;
    if address < 1 << 32 {
        return None;
    }
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE | libc::MAP_FIXED_NOREPLACE;
    // SAFETY: nothing is replaced. QEMU may treat the address as a hint; then the range that it chose is unmapped.
    unsafe {
        let start = libc::mmap(address as *mut c_void, len, PROT_NONE, flags, -1, 0);
        if start == MAP_FAILED {
            return None;
        }
        if start as usize != address {
            libc::munmap(start, len);
            return None;
        }
    }
    Some(address)
}

/// Checks address and length for a call that needs an aligned address. Rounds the end up to a page.
fn pages(address: usize, len: usize) -> Result<(*mut c_void, usize)> {
    // `vm_map_range_overflows`.
    let end = address.checked_add(len).and_then(|end| end.checked_next_multiple_of(PAGE)).ok_or(EINVAL)?;
    if !address.is_multiple_of(PAGE) {
        return Err(EINVAL);
    }
    Ok((address as *mut c_void, end - address))
}

/// Checks address and length for a call that rounds the address down to a page.
fn pages_around(address: usize, len: usize) -> Result<(*mut c_void, usize)> {
    pages(address & !(PAGE - 1), len.checked_add(address & (PAGE - 1)).ok_or(EINVAL)?)
}

/// Translates permissions for `mmap` and `mprotect`: both ignore unknown bits, and write and execute imply read.
fn permissions(call: &str, prot: c_int) -> c_int {
    if prot & !(PROT_READ | PROT_WRITE | PROT_EXEC) != 0 {
        stop(format_args!("{call}: permissions {prot:#x} have bits that Darwin ignores"));
    }
    if prot == PROT_NONE { prot } else { prot | PROT_READ }
}

/// Whether arm64 refuses the permissions: only MAP_JIT may be writable and executable at once (VM_MAP_POLICY_WX_FAIL in
/// `vm_map_enter` and `vm_map_protect`).
fn is_writable_code(prot: c_int) -> bool {
    cfg!(target_arch = "aarch64") && prot & PROT_WRITE != 0 && prot & PROT_EXEC != 0
}

const MAP_SHARED: c_int = 0x1;
const MAP_PRIVATE: c_int = 0x2;
const MAP_FIXED: c_int = 0x10;
const MAP_NORESERVE: c_int = 0x40;
const MAP_NOCACHE: c_int = 0x400;
const MAP_JIT: c_int = 0x800;
const MAP_ANON: c_int = 0x1000;
const MAP_KNOWN: c_int =
    MAP_SHARED | MAP_PRIVATE | MAP_FIXED | MAP_NORESERVE | MAP_NOCACHE | MAP_JIT | MAP_ANON;

pub extern "C" fn mmap(
    address: usize,
    len: usize,
    prot: c_int,
    flags: c_int,
    file: c_int,
    offset: off_t,
) -> isize {
    perform("mmap", || try_mmap(address, len, prot, flags, file, offset))
}

fn try_mmap(address: usize, len: usize, prot: c_int, flags: c_int, file: c_int, offset: off_t) -> Result {
    // Darwin silently accepts most of Linux's flags: MAP_ANONYMOUS is its MAP_RENAME, MAP_POPULATE its MAP_32BIT,
    // MAP_HUGETLB its MAP_UNIX03. Other bits are EINVAL, or ignored for programs built for macOS 10.
    if flags & !MAP_KNOWN != 0 {
        let bits = flags & !MAP_KNOWN;
        stop(format_args!(
            "mmap: flags {flags:#x}: the bits {bits:#x} mean nothing, or something else, on Darwin"
        ));
    }
    let prot = permissions("mmap", prot);
    match flags & (MAP_SHARED | MAP_PRIVATE) {
        0 => return Err(EINVAL),
        MAP_SHARED | MAP_PRIVATE => {}
        _ => {
            stop(format_args!("mmap: flags {flags:#x}: both shared and private, which Darwin maps as shared"))
        }
    }
    if len == 0 || !(offset as usize).is_multiple_of(PAGE) {
        return Err(EINVAL);
    }
    (offset as usize).checked_add(len).and_then(|sum| sum.checked_add(PAGE - 1)).ok_or(EINVAL)?;
    let len = len.checked_next_multiple_of(PAGE).ok_or(EINVAL)?;
    let anonymous = flags & MAP_ANON != 0;
    if flags & MAP_JIT != 0 && (flags & (MAP_FIXED | MAP_SHARED) != 0 || !anonymous) {
        return Err(EINVAL);
    }
    let ((len, align), file_len) = if anonymous {
        (len_and_alignment(file, len)?, 0)
    } else {
        ((len, PAGE), mappable_len(file, prot, flags, (offset as usize).saturating_add(len))?)
    };
    if is_writable_code(prot) && flags & MAP_JIT == 0 {
        return Err(EACCES);
    }
    let base = if flags & MAP_FIXED == 0 {
        match reserve_at(address, len, align) {
            Some(hint) => hint,
            None => reserve(len, align)?,
        }
    } else if !address.is_multiple_of(PAGE) {
        return Err(EINVAL);
    } else if address < 1 << 32 {
        // __PAGEZERO raises the lowest address of the process (`vm_map_raise_min_offset`).
        return Err(ENOMEM);
    } else {
        address
    };
    // Darwin sets no memory aside either.
    let linux = libc::MAP_FIXED
        | libc::MAP_NORESERVE
        | if flags & MAP_SHARED != 0 { libc::MAP_SHARED } else { libc::MAP_PRIVATE }
        | if anonymous { libc::MAP_ANONYMOUS } else { 0 };
    let file = if anonymous { -1 } else { file };
    // What the program's only thread may do until it switches.
    let is_switched = flags & MAP_JIT != 0 && is_writable_code(prot);
    let prot = if is_switched { prot & !PROT_WRITE } else { prot };
    // SAFETY: reserved above, or the range that the program replaces.
    if unsafe { libc::mmap(base as *mut c_void, len, prot, linux, file, offset) } == MAP_FAILED {
        let error = Errno::last();
        if flags & MAP_FIXED == 0 {
            // SAFETY: reserved above.
            unsafe { libc::munmap(base as *mut c_void, len) };
        }
        return Err(error);
    }
    with_superpages(|all| {
        all.retain(|range| range.end <= base || base + len <= range.start);
        if align != PAGE {
            all.push(base..base + len);
        }
    });
    with_code(|all| {
        all.retain(|range| range.end <= base || base + len <= range.start);
        if is_switched {
            all.push(base..base + len);
        }
    });
    // Darwin's last page of the file has zeros from the end of the file on, also where Linux has no page any more.
    let (end, page_end) = (file_len.next_multiple_of(host_page()), file_len.next_multiple_of(PAGE));
    let offset = offset as usize;
    if end < page_end && offset < end && page_end <= offset + len {
        let (start, len) = (base + (end - offset), page_end - end);
        let flags = libc::MAP_FIXED | libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
        // SAFETY: part of the new mapping.
        if unsafe { libc::mmap(start as *mut c_void, len, prot, flags, -1, 0) } == MAP_FAILED {
            return Err(Errno::last());
        }
    }
    Ok(base as isize)
}

/// Supplies the zeros that Darwin's last page of a file has from the file's end on, after a fault where Linux, with smaller
/// pages, has none any more. If the first byte of Darwin's page is gone too, the fault is real.
///
/// The file may grow later, and then they stay zeros.
pub fn has_zeros(address: usize) -> bool {
    let (page, start) = (address & !(host_page() - 1), address & !(PAGE - 1));
    if page == start {
        return false;
    }
    let mut pipe = [0; 2];
    // SAFETY: a write from memory that is gone fails with EFAULT. The page is one that no file fills.
    unsafe {
        if libc::pipe(pipe.as_mut_ptr()) != 0 {
            stop("a fault, and no pipe to look at memory through");
        }
        let is_there = libc::write(pipe[1], start as *const c_void, 1) == 1;
        for end in pipe {
            libc::close(end);
        }
        let flags = libc::MAP_FIXED | libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
        is_there
            && libc::mmap(page as *mut c_void, host_page(), PROT_READ | PROT_WRITE, flags, -1, 0)
                != MAP_FAILED
    }
}

/// Calls `f` with the ranges that have superpages.
fn with_superpages<T>(f: impl FnOnce(&mut Vec<Range<usize>>) -> T) -> T {
    static ALL: Mutex<Vec<Range<usize>>> = Mutex::new(Vec::new());
    f(&mut ALL.lock().unwrap_or_else(PoisonError::into_inner))
}

/// Calls `f` with the ranges of MAP_JIT that a thread writes or executes.
fn with_code<T>(f: impl FnOnce(&mut Vec<Range<usize>>) -> T) -> T {
    static ALL: Mutex<Vec<Range<usize>>> = Mutex::new(Vec::new());
    f(&mut ALL.lock().unwrap_or_else(PoisonError::into_inner))
}

/// Changes what this thread may do in all memory of MAP_JIT. It is the only thread.
#[cfg(target_arch = "aarch64")]
pub extern "C" fn pthread_jit_write_protect_np(enabled: c_int) {
    let prot = PROT_READ | if enabled != 0 { PROT_EXEC } else { PROT_WRITE };
    with_code(|all| {
        for range in all {
            // SAFETY: the program's own memory, which it asked to be like that.
            if unsafe { libc::mprotect(range.start as *mut c_void, range.len(), prot) } != 0 {
                stop("pthread_jit_write_protect_np failed, which it cannot");
            }
        }
    });
}

/// Interprets the descriptor's argument of MAP_ANON, which holds VM_FLAGS_* (mach/vm_statistics.h). Returns the length to
/// map, and its alignment.
fn len_and_alignment(flags: c_int, len: usize) -> Result<(usize, usize)> {
    const ALIAS_MASK: c_int = 0xff000000u32 as c_int;
    const SUPERPAGE_MASK: c_int = 0x70000;
    const SUPERPAGE_SIZE_ANY: c_int = 1 << 16;
    const SUPERPAGE_SIZE_2MB: c_int = 2 << 16;
    const PURGABLE: c_int = 0x2;
    const CHUNK_4GB: c_int = 0x4;
    const SUPERPAGE: usize = 2 << 20;
    if flags == -1 {
        return Ok((len, PAGE));
    }
    if flags & !(ALIAS_MASK | SUPERPAGE_MASK | PURGABLE | CHUNK_4GB) != 0 {
        return Err(EINVAL);
    }
    if flags & (PURGABLE | CHUNK_4GB) != 0 {
        stop(format_args!(
            "mmap: MAP_ANON with {flags:#x}: purgeable memory and chunks are not implemented here"
        ));
    }
    match flags & SUPERPAGE_MASK {
        0 => Ok((len, PAGE)),
        // Intel alone has them; the headers of macOS 27 call the flags unused.
        _ if cfg!(target_arch = "aarch64") => Err(EINVAL),
        SUPERPAGE_SIZE_ANY => Ok((len.checked_next_multiple_of(SUPERPAGE).ok_or(EINVAL)?, SUPERPAGE)),
        SUPERPAGE_SIZE_2MB if len.is_multiple_of(SUPERPAGE) => Ok((len, SUPERPAGE)),
        _ => Err(EINVAL),
    }
}

/// Checks whether a file can be mapped up to an end with these permissions, and returns its length.
fn mappable_len(file: c_int, prot: c_int, flags: c_int, end: usize) -> Result<usize> {
    if shm::is_shm(file) {
        return shm::mappable_len(file, prot, flags & MAP_SHARED != 0, end);
    }
    let stat = crate::files::stat(file).map_err(|_| EBADF)?;
    match stat.st_mode & libc::S_IFMT {
        libc::S_IFREG => {}
        libc::S_IFCHR => return Err(ENODEV),
        _ => return Err(EINVAL),
    }
    let mode = crate::files::access_mode(file);
    if mode == libc::O_WRONLY && prot & PROT_READ != 0
        || mode == libc::O_RDONLY && prot & PROT_WRITE != 0 && flags & MAP_SHARED != 0
    {
        return Err(EACCES);
    }
    Ok(stat.st_size as usize)
}

pub extern "C" fn munmap(address: usize, len: usize) -> isize {
    let unmap = || {
        let (start, whole) = pages(address, len)?;
        if len == 0 {
            return Err(EINVAL);
        }
        with_superpages(|all| all.retain(|range| !range.contains(&address)));
        with_code(|all| all.retain(|range| !range.contains(&address)));
        // SAFETY: the program's own memory, here and below.
        Errno::check(unsafe { libc::munmap(start, whole) } as isize)
    };
    perform("munmap", unmap)
}

pub extern "C" fn mprotect(address: usize, len: usize, prot: c_int) -> isize {
    let protect = || {
        let prot = permissions("mprotect", prot);
        let (start, whole) = pages(address, len)?;
        if is_writable_code(prot) {
            return Err(EACCES);
        }
        // What was mapped with all permissions keeps them (`pmap_has_prot_policy`).
        if with_code(|all| all.iter().any(|range| range.contains(&address))) {
            return Err(EACCES);
        }
        // SAFETY: as above.
        Errno::check(unsafe { libc::mprotect(start, whole, prot) } as isize)
    };
    perform("mprotect", protect)
}

pub extern "C" fn msync(address: usize, len: usize, flags: c_int) -> isize {
    const MS_ASYNC: c_int = 0x1;
    const MS_INVALIDATE: c_int = 0x2;
    const MS_SYNC: c_int = 0x10;
    let sync = || {
        // Linux's MS_SYNC is Darwin's MS_KILLPAGES, which discards changed pages.
        if flags & !(MS_ASYNC | MS_INVALIDATE | MS_SYNC) != 0 {
            stop(format_args!("msync: flags {flags:#x}: neither MS_SYNC nor MS_ASYNC nor MS_INVALIDATE"));
        }
        let (start, whole) = pages(address, len)?;
        if len == 0 {
            return Err(EINVAL);
        }
        let mut linux = match flags & (MS_ASYNC | MS_SYNC) {
            MS_ASYNC => libc::MS_ASYNC,
            MS_SYNC => libc::MS_SYNC,
            0 => stop(format_args!("msync: flags {flags:#x}: MS_SYNC on Darwin, and an error in POSIX")),
            _ => return Err(EINVAL),
        };
        if flags & MS_INVALIDATE != 0 {
            linux |= libc::MS_INVALIDATE;
        }
        // SAFETY: as above.
        Errno::check(unsafe { libc::msync(start, whole, linux) } as isize)
    };
    perform("msync", sync)
}

pub extern "C" fn madvise(address: usize, len: usize, advice: c_int) -> isize {
    const MADV_FREE: c_int = 5;
    const MADV_FREE_REUSABLE: c_int = 7;
    const MADV_FREE_REUSE: c_int = 8;
    const MADV_PAGEOUT: c_int = 10;
    const MADV_ZERO: c_int = 11;
    let advise = || {
        match advice {
            0..=MADV_FREE_REUSE => {}
            MADV_PAGEOUT => return Err(ENOTSUP),
            // Only newer kernels have it.
            MADV_ZERO => return Err(EINVAL),
            // No system's.
            1000.. => return Err(EINVAL),
            // Linux's MADV_FREE and MADV_REMOVE are Darwin's MADV_FREE_REUSE and MADV_CAN_REUSE, which do nothing.
            _ => stop(format_args!("madvise: advice {advice} is EINVAL on Darwin, or not implemented here")),
        }
        // Darwin widens the range to whole pages (`mach_vm_behavior_set`), and so would destroy more than requested.
        let destroys = matches!(advice, MADV_FREE | MADV_FREE_REUSABLE);
        if destroys && !(address.is_multiple_of(PAGE) && len.is_multiple_of(PAGE)) {
            stop(format_args!(
                "madvise: advice {advice} for {len:#x} bytes at {address:#x}: not whole pages"
            ));
        }
        let (start, whole) = pages_around(address, len)?;
        if len == 0 {
            return Ok(0);
        }
        // KERN_INVALID_ADDRESS where nothing is mapped. On Linux MS_ASYNC only checks that.
        // SAFETY: as above.
        if unsafe { libc::msync(start, whole, libc::MS_ASYNC) } != 0 {
            return Err(EINVAL);
        }
        // On Darwin MADV_DONTNEED keeps the contents (VM_SYNC_DEACTIVATE), so it is a hint like the others.
        if destroys {
            // Linux frees private anonymous memory alone; for other memory it fails with EINVAL.
            // SAFETY: as above.
            unsafe { libc::madvise(start, whole, libc::MADV_FREE) };
        }
        Ok(0)
    };
    perform("madvise", advise)
}

/// Widens the range to whole pages, as `madvise` does (`minherit`, `vm_map_inherit`).
pub extern "C" fn minherit(address: usize, len: usize, inherit: c_int) -> isize {
    const VM_INHERIT_NONE: c_int = 2;
    let set = || {
        let advice = match inherit {
            // Linux cannot share private memory, and a check of this would need `fork`.
            0 | 1 => libc::MADV_DOFORK,
            VM_INHERIT_NONE => libc::MADV_DONTFORK,
            _ => return Err(EINVAL),
        };
        let (start, whole) = pages_around(address, len)?;
        // SAFETY: the program's own memory.
        Errno::check(unsafe { libc::madvise(start, whole, advice) } as isize)
    };
    perform("minherit", set)
}

const RLIMIT_MEMLOCK: c_int = 6;
const RLIM_INFINITY: u64 = (1 << 63) - 1;

pub extern "C" fn getrlimit(resource: c_int, limit: *mut [u64; 2]) -> isize {
    let get = || {
        if resource != RLIMIT_MEMLOCK {
            stop(format_args!("getrlimit: {resource} is another limit on Darwin"));
        }
        let mut found = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
        // SAFETY: `found` is the struct that the call writes.
        Errno::check(unsafe { libc::getrlimit(libc::RLIMIT_MEMLOCK, &mut found) } as isize)?;
        let [current, maximum] = [found.rlim_cur, found.rlim_max].map(|limit| limit.min(RLIM_INFINITY));
        // SAFETY: the program's struct has the two, in this order.
        unsafe { limit.write([current, maximum]) };
        Ok(0)
    };
    perform("getrlimit", get)
}

pub extern "C" fn setrlimit(resource: c_int, limit: *const [u64; 2]) -> isize {
    let set = || {
        // SAFETY: the program's struct has the two, in this order.
        let [rlim_cur, rlim_max] = unsafe { *limit };
        if resource != RLIMIT_MEMLOCK || rlim_cur > RLIM_INFINITY || rlim_max > RLIM_INFINITY {
            stop(format_args!("setrlimit: {resource} with {rlim_cur:#x} and {rlim_max:#x}: not Darwin's"));
        }
        if rlim_cur > rlim_max {
            return Err(EINVAL);
        }
        let linux = |limit| if limit == RLIM_INFINITY { libc::RLIM_INFINITY } else { limit };
        let limit = libc::rlimit { rlim_cur: linux(rlim_cur), rlim_max: linux(rlim_max) };
        // SAFETY: `limit` is the struct that the call reads.
        Errno::check(unsafe { libc::setrlimit(libc::RLIMIT_MEMLOCK, &limit) } as isize)
    };
    perform("setrlimit", set)
}

pub extern "C" fn mlock(address: usize, len: usize) -> isize {
    let lock = || {
        let (start, whole) = pages_around(address, len)?;
        // SAFETY: as above.
        if len == 0 { Ok(0) } else { Errno::check(unsafe { libc::mlock(start, whole) } as isize) }
    };
    perform("mlock", lock)
}

pub extern "C" fn munlock(address: usize, len: usize) -> isize {
    let unlock = || {
        let (start, whole) = pages_around(address, len)?;
        // Superpages stay wired (`vm_map_unwire_nested`).
        if with_superpages(|all| all.iter().any(|range| range.contains(&(start as usize)))) {
            return Err(ENOMEM);
        }
        // SAFETY: as above.
        Errno::check(unsafe { libc::munlock(start, whole) } as isize)
    };
    perform("munlock", unlock)
}

/// Writes a byte for each page, whose bit 0 says that the page is resident.
pub extern "C" fn mincore(address: usize, len: usize, states: *mut u8) -> isize {
    let look = || {
        let (start, whole) = pages_around(address, len)?;
        for page in 0..whole / PAGE {
            let mut parts = [0_u8; 4];
            // SAFETY: as above. Each of Darwin's pages has at most four of Linux's; `states` has a byte for each page.
            unsafe {
                // If nothing is mapped, Linux fails with ENOMEM and Darwin reports 0.
                libc::mincore(start.byte_add(page * PAGE), PAGE, parts.as_mut_ptr());
                states.add(page).write(parts.iter().fold(0, |all, part| all | part & 1));
            }
        }
        Ok(0)
    };
    perform("mincore", look)
}

pub extern "C" fn getpagesize() -> c_int {
    PAGE as c_int
}
