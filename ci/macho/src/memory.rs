//! libSystem's calls on memory, as xnu answers them (bsd/kern/kern_mman.c, osfmk/vm/vm_map.c).

use crate::errno::{EACCES, EBADF, EINVAL, ENODEV, ENOMEM, ENOTSUP, Errno};
use crate::faults::answer;
use crate::{PAGE, stop};
use libc::{MAP_FAILED, PROT_EXEC, PROT_NONE, PROT_READ, PROT_WRITE, c_int, c_void, off_t};
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

type Answer = Result<isize, Errno>;

/// What the shims lay out memory by where it is finer than [`PAGE`].
fn host_page() -> usize {
    // SAFETY: touches nothing.
    unsafe { libc::sysconf(libc::_SC_PAGESIZE) as usize }
}

pub fn whole_pages(len: usize) -> usize {
    len.next_multiple_of(PAGE)
}

/// A free range of addresses, which no other mapping gets until it is unmapped.
pub fn reserve(len: usize, align: usize) -> Result<usize, Errno> {
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
    let more = len.checked_add(align).ok_or(ENOMEM)?;
    // SAFETY: an address of the kernel's choice, and then what is left over of that.
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

/// The same at the address that is wished for, if nothing is there (vm_map_enter with VM_FLAGS_ANYWHERE begins to
/// search there).
fn reserve_at(address: usize, len: usize, align: usize) -> Option<usize> {
    let address = address.checked_next_multiple_of(align)?;
    if address < 1 << 32 {
        return None;
    }
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE | libc::MAP_FIXED_NOREPLACE;
    // SAFETY: where nothing is. QEMU may take the address for a hint, and then what it chose is given back.
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

/// Address and length, as the calls check them that want the address of a page; the end is rounded up to a
/// page.
fn pages(address: usize, len: usize) -> Result<(*mut c_void, usize), Errno> {
    // vm_map_range_overflows.
    let end = address.checked_add(len).and_then(|end| end.checked_next_multiple_of(PAGE)).ok_or(EINVAL)?;
    if !address.is_multiple_of(PAGE) {
        return Err(EINVAL);
    }
    Ok((address as *mut c_void, end - address))
}

/// The same where an address within a page is welcome.
fn pages_around(address: usize, len: usize) -> Result<(*mut c_void, usize), Errno> {
    pages(address & !(PAGE - 1), len.checked_add(address & (PAGE - 1)).ok_or(EINVAL)?)
}

/// Rights as mmap and mprotect read them. Both ignore unknown bits, and take WRITE and EXEC to imply READ.
fn rights(call: &str, prot: c_int) -> c_int {
    if prot & !(PROT_READ | PROT_WRITE | PROT_EXEC) != 0 {
        stop(format_args!("{call}: rights {prot:#x} have bits that Darwin ignores"));
    }
    if prot == PROT_NONE { prot } else { prot | PROT_READ }
}

/// vm_map_enter and vm_map_protect on arm64: nothing but MAP_JIT is writable and executable at a time
/// (VM_MAP_POLICY_WX_FAIL).
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
    answer("mmap", || try_mmap(address, len, prot, flags, file, offset))
}

fn try_mmap(address: usize, len: usize, prot: c_int, flags: c_int, file: c_int, offset: off_t) -> Answer {
    // Linux's flags are mostly bits that Darwin knows too and does nothing for: MAP_ANONYMOUS is its
    // MAP_RENAME, MAP_POPULATE its MAP_32BIT, MAP_HUGETLB its MAP_UNIX03. Of other bits Darwin says EINVAL,
    // or nothing to programs built for macOS 10.
    if flags & !MAP_KNOWN != 0 {
        let bits = flags & !MAP_KNOWN;
        stop(format_args!(
            "mmap: flags {flags:#x}: Darwin gives the bits {bits:#x} no meaning, or another one"
        ));
    }
    let prot = rights("mmap", prot);
    match flags & (MAP_SHARED | MAP_PRIVATE) {
        0 => return Err(EINVAL),
        MAP_SHARED | MAP_PRIVATE => {}
        _ => {
            stop(format_args!("mmap: flags {flags:#x}: both shared and private; Darwin takes it for shared"))
        }
    }
    if len == 0 || !(offset as usize).is_multiple_of(PAGE) {
        return Err(EINVAL);
    }
    (offset as usize).checked_add(len).and_then(|sum| sum.checked_add(PAGE - 1)).ok_or(EINVAL)?;
    let mut len = len.checked_next_multiple_of(PAGE).ok_or(EINVAL)?;
    let anonymous = flags & MAP_ANON != 0;
    if flags & MAP_JIT != 0 && (flags & (MAP_FIXED | MAP_SHARED) != 0 || !anonymous) {
        return Err(EINVAL);
    }
    let mut align = PAGE;
    let mut size = 0;
    if anonymous {
        len = superpages(file, len, &mut align)?;
    } else {
        size = mappable(file, prot, flags)?;
    }
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
        // __PAGEZERO raises the least address of the process (vm_map_raise_min_offset).
        return Err(ENOMEM);
    } else {
        address
    };
    // Darwin does not reserve memory either.
    let linux = libc::MAP_FIXED
        | libc::MAP_NORESERVE
        | if flags & MAP_SHARED != 0 { libc::MAP_SHARED } else { libc::MAP_PRIVATE }
        | if anonymous { libc::MAP_ANONYMOUS } else { 0 };
    let file = if anonymous { -1 } else { file };
    // SAFETY: reserved above, or the program's own wish.
    if unsafe { libc::mmap(base as *mut c_void, len, prot, linux, file, offset) } == MAP_FAILED {
        let error = Errno::last();
        if flags & MAP_FIXED == 0 {
            // SAFETY: reserved above.
            unsafe { libc::munmap(base as *mut c_void, len) };
        }
        return Err(error);
    }
    superpages_of(|all| {
        all.retain(|range| range.end <= base || base + len <= range.start);
        if align != PAGE {
            all.push(base..base + len);
        }
    });
    // The last page of the file is zeros behind the file's end, all of it, where Linux's is shorter.
    let (end, page_end) = (size.next_multiple_of(host_page()), size.next_multiple_of(PAGE));
    let offset = offset as usize;
    if end < page_end && offset < end && page_end <= offset + len {
        let (start, len) = (base + (end - offset), page_end - end);
        let flags = libc::MAP_FIXED | libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
        // SAFETY: a part of the mapping made above.
        if unsafe { libc::mmap(start as *mut c_void, len, prot, flags, -1, 0) } == MAP_FAILED {
            return Err(Errno::last());
        }
    }
    Ok(base as isize)
}

/// The superpages that there are.
fn superpages_of<T>(f: impl FnOnce(&mut Vec<Range<usize>>) -> T) -> T {
    static ALL: Mutex<Vec<Range<usize>>> = Mutex::new(Vec::new());
    f(&mut ALL.lock().unwrap_or_else(PoisonError::into_inner))
}

/// What `fd` asks for with MAP_ANON, where it is not a file but holds VM_FLAGS_* (mach/vm_statistics.h);
/// gives the length.
fn superpages(file: c_int, len: usize, align: &mut usize) -> Result<usize, Errno> {
    const ALIAS_MASK: c_int = 0xff000000u32 as c_int;
    const SUPERPAGE_MASK: c_int = 0x70000;
    const SUPERPAGE_SIZE_ANY: c_int = 1 << 16;
    const SUPERPAGE_SIZE_2MB: c_int = 2 << 16;
    const PURGABLE: c_int = 0x2;
    const CHUNK_4GB: c_int = 0x4;
    const SUPERPAGE: usize = 2 << 20;
    if file == -1 {
        return Ok(len);
    }
    if file & !(ALIAS_MASK | SUPERPAGE_MASK | PURGABLE | CHUNK_4GB) != 0 {
        return Err(EINVAL);
    }
    if file & (PURGABLE | CHUNK_4GB) != 0 {
        stop(format_args!(
            "mmap: MAP_ANON with a file of {file:#x}: purgeable memory and chunks are not imitated"
        ));
    }
    match file & SUPERPAGE_MASK {
        0 => Ok(len),
        // On Intel only; the headers of macOS 27 say "Currently unused".
        _ if cfg!(target_arch = "aarch64") => Err(EINVAL),
        SUPERPAGE_SIZE_ANY => {
            *align = SUPERPAGE;
            len.checked_next_multiple_of(SUPERPAGE).ok_or(EINVAL)
        }
        SUPERPAGE_SIZE_2MB if len.is_multiple_of(SUPERPAGE) => {
            *align = SUPERPAGE;
            Ok(len)
        }
        _ => Err(EINVAL),
    }
}

/// Whether a file may be mapped so; gives its length.
fn mappable(file: c_int, prot: c_int, flags: c_int) -> Result<usize, Errno> {
    let stat = crate::files::stat(file).map_err(|_| EBADF)?;
    match stat.st_mode & libc::S_IFMT {
        libc::S_IFREG => {}
        libc::S_IFCHR => return Err(ENODEV),
        _ => return Err(EINVAL),
    }
    // SAFETY: asks.
    let mode = unsafe { libc::fcntl(file, libc::F_GETFL) } & libc::O_ACCMODE;
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
        superpages_of(|all| all.retain(|range| !range.contains(&address)));
        // SAFETY: the program's own wish, here and below.
        Errno::check(unsafe { libc::munmap(start, whole) } as isize)
    };
    answer("munmap", unmap)
}

pub extern "C" fn mprotect(address: usize, len: usize, prot: c_int) -> isize {
    let protect = || {
        let prot = rights("mprotect", prot);
        let (start, whole) = pages(address, len)?;
        if is_writable_code(prot) {
            return Err(EACCES);
        }
        // SAFETY: as above.
        Errno::check(unsafe { libc::mprotect(start, whole, prot) } as isize)
    };
    answer("mprotect", protect)
}

pub extern "C" fn msync(address: usize, len: usize, flags: c_int) -> isize {
    const MS_ASYNC: c_int = 0x1;
    const MS_INVALIDATE: c_int = 0x2;
    const MS_SYNC: c_int = 0x10;
    let sync = || {
        // Linux's MS_SYNC is Darwin's MS_KILLPAGES, which throws away what was written.
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
            0 => stop(format_args!(
                "msync: flags {flags:#x}: Darwin takes it for MS_SYNC, POSIX for a mistake"
            )),
            _ => return Err(EINVAL),
        };
        if flags & MS_INVALIDATE != 0 {
            linux |= libc::MS_INVALIDATE;
        }
        // SAFETY: as above.
        Errno::check(unsafe { libc::msync(start, whole, linux) } as isize)
    };
    answer("msync", sync)
}

pub extern "C" fn madvise(address: usize, len: usize, advice: c_int) -> isize {
    const MADV_FREE: c_int = 5;
    const MADV_PAGEOUT: c_int = 10;
    const MADV_ZERO: c_int = 11;
    let advise = || {
        match advice {
            0..=MADV_FREE => {}
            MADV_PAGEOUT => return Err(ENOTSUP),
            // Newer kernels know it, older ones that are still about do not.
            MADV_ZERO => return Err(EINVAL),
            // Linux's MADV_FREE and MADV_REMOVE are Darwin's MADV_FREE_REUSE and MADV_CAN_REUSE, and do
            // nothing.
            _ => stop(format_args!("madvise: advice {advice} is EINVAL to Darwin, or is not imitated")),
        }
        // Darwin rounds to whole pages outwards (mach_vm_behavior_set), which is nobody's wish where it
        // destroys.
        let destroys = advice == MADV_FREE;
        if destroys && !(address.is_multiple_of(PAGE) && len.is_multiple_of(PAGE)) {
            stop(format_args!(
                "madvise: advice {advice} for {len:#x} bytes at {address:#x}: not whole pages"
            ));
        }
        let (start, whole) = pages_around(address, len)?;
        if len == 0 {
            return Ok(0);
        }
        // KERN_INVALID_ADDRESS where nothing is mapped. MS_ASYNC does nothing on Linux but look.
        // SAFETY: as above.
        if unsafe { libc::msync(start, whole, libc::MS_ASYNC) } != 0 {
            return Err(EINVAL);
        }
        // MADV_DONTNEED keeps the contents on Darwin (VM_SYNC_DEACTIVATE), so it is a hint like the others.
        if destroys {
            // Linux frees private anonymous memory only, and says EINVAL of other.
            // SAFETY: as above.
            unsafe { libc::madvise(start, whole, libc::MADV_FREE) };
        }
        Ok(0)
    };
    answer("madvise", advise)
}

pub extern "C" fn mlock(address: usize, len: usize) -> isize {
    let lock = || {
        let (start, whole) = pages_around(address, len)?;
        // SAFETY: as above.
        if len == 0 { Ok(0) } else { Errno::check(unsafe { libc::mlock(start, whole) } as isize) }
    };
    answer("mlock", lock)
}

pub extern "C" fn munlock(address: usize, len: usize) -> isize {
    let unlock = || {
        let (start, whole) = pages_around(address, len)?;
        // vm_map_unwire_nested: superpages are always wired.
        if superpages_of(|all| all.iter().any(|range| range.contains(&(start as usize)))) {
            return Err(ENOMEM);
        }
        // SAFETY: as above.
        Errno::check(unsafe { libc::munlock(start, whole) } as isize)
    };
    answer("munlock", unlock)
}

/// A byte for each page; bit 0 says that it is present.
pub extern "C" fn mincore(address: usize, len: usize, to: *mut u8) -> isize {
    let look = || {
        let (start, whole) = pages_around(address, len)?;
        for page in 0..whole / PAGE {
            let mut parts = [0_u8; 4];
            // SAFETY: as above; there are no more than four parts, and the program has room for a byte each page.
            unsafe {
                // Of what is not mapped Linux says ENOMEM and Darwin 0.
                libc::mincore(start.byte_add(page * PAGE), PAGE, parts.as_mut_ptr());
                to.add(page).write(parts.iter().fold(0, |all, part| all | part & 1));
            }
        }
        Ok(0)
    };
    answer("mincore", look)
}

pub extern "C" fn getpagesize() -> c_int {
    PAGE as c_int
}
