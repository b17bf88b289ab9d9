//! Tests the shims where Darwin differs from Linux.
//!
//! `probe FOLDER <PIPE` calls every shim, and exits with 1 at the first wrong result. `probe FOLDER MISTAKE` makes a call
//! that is right on Linux alone; the loader must stop it.

#![no_std]
#![no_main]

use core::ffi::{CStr, c_char, c_int, c_void};
use core::ptr::{null, null_mut};

unsafe extern "C" {
    fn __error() -> *mut c_int;
    fn close(file: c_int) -> c_int;
    fn exit(status: c_int) -> !;
    fn fcntl(file: c_int, command: c_int, ...) -> c_int;
    #[cfg_attr(target_arch = "x86_64", link_name = "fstat$INODE64")]
    fn fstat(file: c_int, stat: *mut [u64; 18]) -> c_int;
    fn fsync(file: c_int) -> c_int;
    fn ftruncate(file: c_int, len: i64) -> c_int;
    fn getpagesize() -> c_int;
    fn madvise(address: *mut u8, len: usize, advice: c_int) -> c_int;
    fn mincore(address: *mut u8, len: usize, pages: *mut u8) -> c_int;
    fn mlock(address: *mut u8, len: usize) -> c_int;
    fn mmap(address: *mut u8, len: usize, prot: c_int, flags: c_int, file: c_int, offset: i64) -> *mut u8;
    fn mprotect(address: *mut u8, len: usize, prot: c_int) -> c_int;
    fn msync(address: *mut u8, len: usize, flags: c_int) -> c_int;
    fn munlock(address: *mut u8, len: usize) -> c_int;
    fn munmap(address: *mut u8, len: usize) -> c_int;
    fn open(path: *const c_char, flags: c_int, ...) -> c_int;
    fn pread(file: c_int, buffer: *mut c_void, len: usize, offset: i64) -> isize;
    fn pthread_sigmask(how: c_int, new: *const u32, old: *mut u32) -> c_int;
    fn pwrite(file: c_int, buffer: *const c_void, len: usize, offset: i64) -> isize;
    fn raise(signal: c_int) -> c_int;
    fn read(file: c_int, buffer: *mut c_void, len: usize) -> isize;
    fn arc4random() -> u32;
    fn shm_open(name: *const c_char, flags: c_int, ...) -> c_int;
    fn shm_unlink(name: *const c_char) -> c_int;
    fn sigaction(signal: c_int, new: *const Action, old: *mut Action) -> c_int;
    fn strlen(string: *const c_char) -> usize;
    fn sys_icache_invalidate(start: *mut c_void, len: usize);
    fn write(file: c_int, buffer: *const c_void, len: usize) -> isize;
}

/// Calls `open` as if it were not variadic: the mode in x2, and something else on the stack.
#[cfg(target_arch = "aarch64")]
unsafe fn open_of_three(path: *const c_char, flags: c_int, mode: c_int) {
    // SAFETY: as in `main`.
    unsafe {
        core::arch::asm!(
            "stp x3, x3, [sp, #-16]!", "bl _open", "add sp, sp, #16",
            in("x0") path, in("x1") flags, in("x2") mode, in("x3") usize::MAX, clobber_abi("C")
        );
    }
}

/// On x86_64 the conventions agree, so this passes an invalid mode.
#[cfg(target_arch = "x86_64")]
unsafe fn open_of_three(path: *const c_char, flags: c_int, _: c_int) {
    // SAFETY: as in `main`.
    unsafe { open(path, flags, -1 as c_int) };
}

const ARM64: bool = cfg!(target_arch = "aarch64");
const PAGE: usize = if ARM64 { 0x4000 } else { 0x1000 };
const READ: c_int = 1;
const WRITE: c_int = 2;
const EXEC: c_int = 4;
const SHARED: c_int = 1;
const PRIVATE: c_int = 2;
const FIXED: c_int = 0x10;
const NORESERVE: c_int = 0x40;
const JIT: c_int = 0x800;
const ANON: c_int = 0x1000;
const MS_ASYNC: c_int = 1;
const MS_SYNC: c_int = 0x10;
const O_RDWR: c_int = 2;
const O_CREATE: c_int = 0x1000000 | 0x400 | 0x200 | O_RDWR;

const SIGBUS: c_int = 10;
const SIGSEGV: c_int = 11;
const SA_RESETHAND: c_int = 0x4;
const SA_NODEFER: c_int = 0x10;
const SA_SIGINFO: c_int = 0x40;

const ENOENT: c_int = 2;
const ENXIO: c_int = 6;
const EBADF: c_int = 9;
const ENOMEM: c_int = 12;
const EACCES: c_int = 13;
const EEXIST: c_int = 17;
const EFAULT: c_int = 14;
const ENODEV: c_int = 19;
const EISDIR: c_int = 21;
const EINVAL: c_int = 22;
const ENOTTY: c_int = 25;
const EFBIG: c_int = 27;
const ESPIPE: c_int = 29;
const ENOTSUP: c_int = 45;
const ENAMETOOLONG: c_int = 63;

fn say(text: &str) {
    // SAFETY: `text` is readable.
    unsafe { write(2, text.as_ptr().cast(), text.len()) };
}

fn say_number(mut number: u32) {
    let mut digits = [0; 10];
    let mut at = digits.len();
    while number > 0 || at == digits.len() {
        at -= 1;
        digits[at] = b'0' + (number % 10) as u8;
        number /= 10;
    }
    say(core::str::from_utf8(&digits[at..]).unwrap_or("?"));
}

fn wrong(line: u32, errno: c_int) -> ! {
    say("probe: wrong result at line ");
    say_number(line);
    say(", errno ");
    say_number(errno as u32);
    say("\n");
    // SAFETY: ends the process.
    unsafe { exit(1) }
}

fn errno() -> c_int {
    // SAFETY: the address of this thread's `errno`.
    unsafe { *__error() }
}

#[track_caller]
fn ensure(condition: bool) {
    if !condition {
        wrong(core::panic::Location::caller().line(), errno());
    }
}

/// Checks that a call failed with this code.
#[track_caller]
fn fails(result: isize, code: c_int) {
    ensure(result == -1 && errno() == code);
}

/// Checks that a call succeeded.
#[track_caller]
fn works(result: isize) -> isize {
    ensure(result != -1);
    result
}

/// # Safety
/// The arguments are those of C's `main`.
#[unsafe(no_mangle)]
unsafe extern "C" fn main(count: c_int, arguments: *const *const c_char) -> c_int {
    // SAFETY: the caller's arguments. The calls below use memory of this program alone.
    unsafe {
        let folder = CStr::from_ptr(*arguments.add(1));
        let mut path = [0u8; 512];
        let len = strlen(folder.as_ptr());
        path[..len].copy_from_slice(folder.to_bytes());
        path[len..len + 5].copy_from_slice(b"/file");
        let path = path.as_ptr().cast();
        if count > 2 {
            mistake(CStr::from_ptr(*arguments.add(2)), path);
            return 0;
        }
        let file = files(path, folder.as_ptr());
        shared_memory();
        mappings(file, path);
        anonymous();
        signals(file);
    }
    0
}

unsafe fn files(path: *const c_char, folder: *const c_char) -> c_int {
    // SAFETY: as in `main`.
    unsafe {
        let file = open(path, O_CREATE, 0o640 as c_int);
        works(file as isize);
        let mut stat = [0u64; 18];
        let mut buffer = [0u8; 8];
        let start = buffer.as_mut_ptr().cast();

        fails(open(c"/nothing/here".as_ptr(), 0) as isize, ENOENT);
        fails(open(folder, O_RDWR) as isize, EISDIR);
        fails(open(path, 3) as isize, EINVAL);
        let mut long = [b'a'; 1025];
        long[1024] = 0;
        fails(open(long.as_ptr().cast(), 0) as isize, ENAMETOOLONG);
        long[300] = 0;
        fails(open(long.as_ptr().cast(), 0) as isize, ENAMETOOLONG);

        // The mode (2 bytes) follows the device (4 bytes); the length is at offset 96.
        works(ftruncate(file, 12_345) as isize);
        works(fstat(file, &mut stat) as isize);
        ensure((stat[0] >> 32) as u16 == 0o100640 && stat[12] == 12_345);
        works(fstat(0, &mut stat) as isize);
        ensure((stat[0] >> 32) as u16 & 0o170000 == 0o010000);
        fails(fstat(99, &mut stat) as isize, EBADF);

        let read_only = open(path, 0);
        fails(ftruncate(read_only, 1) as isize, EINVAL);
        fails(ftruncate(file, -1) as isize, EINVAL);
        fails(write(read_only, start, 1), EBADF);
        let directory = open(folder, 0);
        fails(read(directory, start, 8), EISDIR);
        fails(read(file, start, 1 << 31), EINVAL);
        fails(pread(file, start, 8, -1), EINVAL);
        fails(pread(0, start, 8, 0), ESPIPE);
        fails(pwrite(read_only, start, 1, 0), EBADF);
        fails(pwrite(file, start, 1 << 31, 0), EINVAL);
        fails(pwrite(file, start, 1, -1), EINVAL);
        fails(pwrite(99, start, 1, 0), EBADF);
        ensure(pwrite(file, c"tail".as_ptr().cast(), 4, 12_341) == 4);
        ensure(pread(file, start, 8, 12_340) == 5 && &buffer[..5] == b"\0tail");
        ensure(pwrite(file, [0; 4].as_ptr().cast(), 4, 12_341) == 4);
        ensure(read(0, start, 4) == 4 && &buffer[..4] == b"pipe");

        works(fsync(file) as isize);
        works(fcntl(file, 51) as isize);
        works(fcntl(file, 85) as isize);
        fails(fsync(0) as isize, ENOTSUP);
        fails(fcntl(0, 51) as isize, EBADF);
        let zeros = open(c"/dev/zero".as_ptr(), 0);
        fails(fcntl(zeros, 51) as isize, ENOTTY);
        fails(mmap(null_mut(), PAGE, READ, PRIVATE, zeros, 0) as isize, ENODEV);
        fails(mmap(null_mut(), PAGE, READ, PRIVATE, directory, 0) as isize, EINVAL);
        fails(mmap(null_mut(), PAGE, READ, PRIVATE, 0, 0) as isize, EINVAL);
        fails(mmap(null_mut(), PAGE, READ, PRIVATE, 99, 0) as isize, EBADF);
        let terminal = open(c"/dev/ptmx".as_ptr(), O_RDWR | 0x20000);
        if terminal != -1 {
            fails(pread(terminal, start, 1, 0), ENXIO);
            fails(pwrite(terminal, start, 1, 0), ENXIO);
        }

        let duplicate = fcntl(file, 67, 50 as c_int);
        ensure(duplicate >= 50 && fcntl(duplicate, 1) == 1);
        works(close(duplicate) as isize);
        fails(close(duplicate) as isize, EBADF);
        fails(fcntl(file, 67, -1 as c_int) as isize, EINVAL);
        fails(fcntl(file, 67, 1 << 30) as isize, EINVAL);
        let advisory = |offset: i64, count: i32| [offset as u64, count as u32 as u64];
        works(fcntl(file, 44, &advisory(0, 4096)) as isize);
        fails(fcntl(file, 44, &advisory(12_345, 1)) as isize, EFBIG);
        fails(fcntl(file, 44, &advisory(0, -1)) as isize, EINVAL);
        fails(fcntl(directory, 44, &advisory(0, 1)) as isize, EINVAL);
        // Flags and the position in one word, the offset, the length, and the length that was allocated.
        let mut store = [3 << 32 | 4, 0, 100_000, 0_u64];
        works(fcntl(file, 42, &raw mut store) as isize);
        works(fstat(file, &mut stat) as isize);
        // The length is as before; 512-byte blocks are at offset 104.
        ensure(store[3] == 100_000 && stat[12] == 12_345 && stat[13] >= 100_000 / 512);
        fails(fcntl(read_only, 42, &raw mut store) as isize, EBADF);
        fails(fcntl(0, 42, &raw mut store) as isize, EBADF);
        store[1] = 1;
        fails(fcntl(file, 42, &raw mut store) as isize, EINVAL);
        file
    }
}

unsafe fn shared_memory() {
    // SAFETY: as in `main`.
    unsafe {
        let (name, mut byte, mut stat) = (c"/baremap-probe".as_ptr(), 0_u8, [0u64; 18]);
        let start = (&raw mut byte).cast();
        let create = 0x800 | 0x200 | O_RDWR;
        fails(shm_open(name, O_RDWR) as isize, ENOENT);
        fails(shm_open(c"/a-name-of-more-than-31-characters".as_ptr(), create, 0o600) as isize, ENAMETOOLONG);
        let file = shm_open(name, create, 0o600);
        works(file as isize);
        ensure(fcntl(file, 1) == 1);
        fails(shm_open(name, create, 0o600) as isize, EEXIST);
        works(shm_unlink(name) as isize);
        fails(shm_unlink(name) as isize, ENOENT);
        fails(mmap(null_mut(), 1, READ, SHARED, file, 0) as isize, EINVAL);
        works(ftruncate(file, 12_345) as isize);
        fails(ftruncate(file, 12_345) as isize, EINVAL);
        works(fstat(file, &mut stat) as isize);
        ensure((stat[0] >> 32) as u16 == 0o600 && stat[12] == 16_384);
        fails(read(file, start, 1), ENXIO);
        fails(write(file, start, 1), ENXIO);
        fails(pread(file, start, 1, 0), ESPIPE);
        fails(pwrite(file, start, 1, 0), ESPIPE);
        fails(fsync(file) as isize, ENOTSUP);
        fails(fcntl(file, 51) as isize, EBADF);
        fails(mmap(null_mut(), 1, READ, PRIVATE, file, 0) as isize, EINVAL);
        fails(mmap(null_mut(), 16_385, READ, SHARED, file, 0) as isize, EINVAL);
        fails(mmap(null_mut(), 1, EXEC, SHARED, file, 0) as isize, EACCES);
        let one = mmap(null_mut(), 12_345, READ | WRITE, SHARED, file, 0);
        let two = mmap(null_mut(), 12_345, READ, SHARED, file, 0);
        works(one as isize);
        works(two as isize);
        works(close(file) as isize);
        one.add(16_383).write_volatile(7);
        ensure(two.add(16_383).read_volatile() == 7);
        ensure(arc4random() != arc4random() || arc4random() != arc4random());
    }
}

unsafe fn mappings(file: c_int, path: *const c_char) {
    // SAFETY: as in `main`.
    unsafe {
        ensure(getpagesize() as usize == PAGE);
        let read_only = open(path, 0);
        for (len, flags, offset) in [
            (0, SHARED, 0),
            (1, 0, 0),
            (1, SHARED, 1),
            (1, SHARED, PAGE as i64 / 2),
            (usize::MAX - 5, SHARED, 0),
            (1, SHARED | JIT, 0),
        ] {
            fails(mmap(null_mut(), len, READ, flags, file, offset) as isize, EINVAL);
        }
        fails(mmap(null_mut(), 1, WRITE, SHARED, read_only, 0) as isize, EACCES);
        let map = mmap(null_mut(), 1, READ, SHARED, read_only, 0);
        works(map as isize);
        fails(mprotect(map, 1, WRITE) as isize, EACCES);
        works(munmap(map, PAGE) as isize);

        // 12,345 bytes take four pages of 4 KiB, or one of 16 KiB.
        let len = 12_345;
        let map = mmap(null_mut(), len, WRITE, SHARED, file, 0);
        works(map as isize);
        ensure(map.addr().is_multiple_of(PAGE));
        for at in [0, len - 1, len, 16_383] {
            ensure(*map.add(at) == 0);
            *map.add(at) = at as u8;
        }
        works(msync(map, len, MS_SYNC) as isize);
        works(msync(map, len, MS_ASYNC) as isize);
        fails(msync(map, len, MS_SYNC | MS_ASYNC) as isize, EINVAL);
        fails(msync(map.add(1), len, MS_SYNC) as isize, EINVAL);
        fails(msync(map.add(4096 % PAGE), 0, MS_SYNC) as isize, EINVAL);
        let mut byte = 0u8;
        ensure(pread(file, (&raw mut byte).cast(), 1, len as i64 - 1) == 1 && byte == (len - 1) as u8);

        // Addresses inside a page.
        fails(mprotect(map.add(PAGE / 4), 1, READ) as isize, EINVAL);
        fails(munmap(map.add(PAGE / 4), 1) as isize, EINVAL);
        fails(munmap(map, 0) as isize, EINVAL);
        works(mlock(map.add(5), 1) as isize);
        works(munlock(map.add(5), 1) as isize);
        works(munmap(map, len) as isize);
        works(munmap(map, len) as isize);
        fails(mprotect(map, 1, READ) as isize, ENOMEM);
        fails(msync(map, 1, MS_SYNC) as isize, ENOMEM);
        fails(madvise(map, 1, 0) as isize, EINVAL);

        // The end of a file inside a later page, and inside the first.
        works(ftruncate(file, 4 * 16_384 + 100) as isize);
        let map = mmap(null_mut(), 2 * 16_384, READ, PRIVATE, file, 3 * 16_384);
        works(map as isize);
        ensure(*map.add(16_384 + 100) == 0 && *map.add(16_384 + PAGE - 1) == 0);
        works(munmap(map, 2 * 16_384) as isize);
        works(ftruncate(file, 5) as isize);
        let map = mmap(null_mut(), 5, READ | WRITE, PRIVATE, file, 0);
        works(map as isize);
        *map.add(PAGE - 1) = 1;
        works(munmap(map, 5) as isize);
    }
}

unsafe fn anonymous() {
    // SAFETY: as in `main`.
    unsafe {
        let any = |len, prot, flags, file| mmap(null_mut(), len, prot, flags, file, 0);
        // The descriptor's argument holds VM_FLAGS_*, and a tag.
        fails(any(1, READ, ANON | PRIVATE, 8) as isize, EINVAL);
        works(any(1, READ, ANON | PRIVATE, 240 << 24) as isize);
        let superpages = any(2 << 20, WRITE, ANON | PRIVATE, 2 << 16);
        if ARM64 {
            fails(superpages as isize, EINVAL);
        } else {
            ensure(superpages.addr().is_multiple_of(2 << 20));
            *superpages = 1;
            // They are wired.
            works(mlock(superpages, PAGE) as isize);
            fails(munlock(superpages, PAGE) as isize, ENOMEM);
            works(munmap(superpages, 2 << 20) as isize);
            fails(any(1, WRITE, ANON | PRIVATE, 2 << 16) as isize, EINVAL);
        }
        fails(any(isize::MAX as usize, READ, ANON | PRIVATE, -1) as isize, ENOMEM);
        fails(mmap(16 as *mut u8, 1, READ, ANON | PRIVATE | FIXED, -1, 0) as isize, EINVAL);
        fails(mmap((1 << 20) as *mut u8, 1, READ, ANON | PRIVATE | FIXED, -1, 0) as isize, ENOMEM);
        // More than the machine's memory, as none is set aside. QEMU keeps a table of pages, so less there.
        let len = if ARM64 { 1 << 32 } else { 1 << 40 };
        let much = any(len, WRITE, ANON | PRIVATE, -1);
        *much.add(len - 1) = 1;
        works(munmap(much, len) as isize);

        let map = any(3 * PAGE, WRITE, ANON | PRIVATE, -1);
        ensure(map.addr().is_multiple_of(PAGE));
        *map = 7;
        works(madvise(map, PAGE, 4) as isize);
        ensure(*map == 7);
        works(madvise(map, PAGE, 5) as isize);
        ensure(matches!(*map, 0 | 7));
        *map = 7;
        works(madvise(map.add(1), 1, 3) as isize);
        fails(madvise(map, PAGE, 10) as isize, ENOTSUP);
        let again = mmap(map, PAGE, WRITE, ANON | PRIVATE | FIXED, -1, 0);
        ensure(again == map && *map == 0);

        // Which pages are resident.
        let sparse = any(3 * PAGE, WRITE, ANON | PRIVATE, -1);
        *sparse.add(2 * PAGE - 1) = 1;
        let mut states = [2; 3];
        works(mincore(sparse, 3 * PAGE, states.as_mut_ptr()) as isize);
        ensure(states == [0, 1, 0]);
        works(munmap(sparse, 3 * PAGE) as isize);

        // No permissions, and then permissions for a part. Without MAP_FIXED the address is used if nothing is there.
        let none = any(4 * PAGE, 0, ANON | PRIVATE | NORESERVE, -1);
        works(none as isize);
        let part = mmap(none.add(PAGE), PAGE, WRITE, ANON | PRIVATE | FIXED, -1, 0);
        ensure(part == none.add(PAGE) && *part == 0);
        *part = 9;
        let other = mmap(part, PAGE, WRITE, ANON | PRIVATE, -1, 0);
        ensure(other != part && *other == 0 && *part == 9);
        works(munmap(none.add(2 * PAGE), PAGE) as isize);
        ensure(mmap(none.add(2 * PAGE), PAGE, 0, ANON | PRIVATE, -1, 0) == none.add(2 * PAGE));
        ensure(mmap((1 << 20) as *mut u8, PAGE, 0, ANON | PRIVATE, -1, 0).addr() >= 1 << 32);
        works(munmap(none, 4 * PAGE) as isize);
        works(munmap(other, PAGE) as isize);

        // The code is `ret`, or `bti c; ret`.
        if ARM64 {
            fails(any(1, WRITE | EXEC, ANON | PRIVATE, -1) as isize, EACCES);
            fails(mprotect(map, 1, WRITE | EXEC) as isize, EACCES);
            works(any(1, WRITE | EXEC, ANON | PRIVATE | JIT, -1) as isize);
            map.cast::<[u32; 2]>().write([0xd503245f, 0xd65f03c0]);
        } else {
            works(any(1, WRITE | EXEC, ANON | PRIVATE, -1) as isize);
            *map = 0xc3;
        }
        works(mprotect(map, PAGE, EXEC) as isize);
        sys_icache_invalidate(map.cast(), PAGE);
        core::mem::transmute::<*mut u8, extern "C" fn()>(map)();
        works(munmap(map, 3 * PAGE) as isize);
    }
}

/// `struct sigaction`.
#[repr(C)]
#[derive(Clone, Copy, PartialEq)]
struct Action {
    handler: usize,
    mask: u32,
    flags: c_int,
}

const DEFAULT: Action = Action { handler: 0, mask: 0, flags: 0 };
const IGNORED: Action = Action { handler: 1, ..DEFAULT };

fn to_handle(flags: c_int) -> Action {
    Action { handler: handle as *const () as usize, mask: 0, flags: flags | SA_SIGINFO }
}

/// The number of signals, and the last one's number, code and address. The process has one thread.
static mut SEEN: (u32, c_int, c_int, usize) = (0, 0, 0, 0);
/// How often the handler raises its signal again.
static mut RAISE: u32 = 0;
/// The greatest number of handlers that ran at once.
static mut DEPTH: (u32, u32) = (0, 0);

/// Continues after a `load`, with 7 for the byte.
unsafe extern "C" fn handle(signal: c_int, info: *const [u64; 13], context: *const [u64; 7]) {
    // In `__ss`, after 16 bytes of `__es`.
    let (result, address, pc, len) = if ARM64 { (2, 2, 34, 4) } else { (2, 6, 18, 2) };
    // SAFETY: the layouts of Darwin; as in `main`.
    unsafe {
        let info = &*info;
        ensure(info[0] as c_int == signal);
        SEEN = (SEEN.0 + 1, signal, info[1] as c_int, info[3] as usize);
        DEPTH.0 += 1;
        DEPTH.1 = DEPTH.1.max(DEPTH.0);
        let machine = (*context)[6] as *mut u64;
        if *machine.add(pc) as usize == load as *const () as usize {
            ensure(*machine.add(address) == info[3]);
            *machine.add(result) = 7;
            *machine.add(pc) += len;
        }
        if RAISE != 0 {
            RAISE -= 1;
            works(raise(signal) as isize);
        }
        DEPTH.0 -= 1;
    }
}

/// Loads a byte by the first instruction.
#[unsafe(naked)]
unsafe extern "C" fn load(address: *const u8) -> usize {
    #[cfg(target_arch = "x86_64")]
    core::arch::naked_asm!("mov al, [rdi]", "movzx eax, al", "ret");
    #[cfg(target_arch = "aarch64")]
    core::arch::naked_asm!("ldrb w0, [x0]", "ret");
}

unsafe fn signals(file: c_int) {
    // SAFETY: as in `main`.
    unsafe {
        let mut old = IGNORED;
        for signal in [0, 9, 17, 32] {
            fails(sigaction(signal, &DEFAULT, null_mut()) as isize, EINVAL);
        }
        for signal in [SIGBUS, SIGSEGV] {
            works(sigaction(signal, &to_handle(0), &mut old) as isize);
            ensure(old == DEFAULT);
            works(sigaction(signal, null(), &mut old) as isize);
            ensure(old == to_handle(0));
        }

        // A file that is truncated while it is mapped: zeros to the end of its last page, and then nothing.
        works(ftruncate(file, 5 * 16_384) as isize);
        let map = mmap(null_mut(), 5 * 16_384, READ, SHARED, file, 0);
        works(map as isize);
        ensure(pwrite(file, [9; 16_384].as_ptr().cast(), 16_384, 16_384) == 16_384);
        ensure(load(map.add(16_384)) == 9);
        works(ftruncate(file, 16_384 + 5) as isize);
        ensure(load(map.add(16_384 + 4)) == 9);
        for at in [5, 100, PAGE / 2, PAGE - 1] {
            ensure(load(map.add(16_384 + at)) == 0 && SEEN.0 == 0);
        }
        for at in [16_384 + PAGE, 2 * 16_384, 4 * 16_384 + 77] {
            SEEN.0 = 0;
            ensure(load(map.add(at)) == 7 && SEEN == (1, SIGBUS, 1, map.add(at).addr()));
        }
        works(ftruncate(file, 0) as isize);
        SEEN.0 = 0;
        ensure(load(map) == 7 && SEEN == (1, SIGBUS, 1, map.addr()));
        fails(pwrite(file, map.cast(), 1, 0), EFAULT);

        // Memory without permissions, and none.
        let none = mmap(null_mut(), PAGE, 0, ANON | PRIVATE, -1, 0);
        ensure(load(none) == 7 && SEEN == (2, SIGBUS, 1, none.addr()));
        works(munmap(none, PAGE) as isize);
        ensure(load(none) == 7 && SEEN == (3, SIGSEGV, 2, none.addr()));

        // Signals that are sent, in a handler too, where the same is blocked.
        (SEEN.0, DEPTH.1) = (0, 0);
        works(raise(SIGBUS) as isize);
        ensure(SEEN.0 == 1 && SEEN.1 == SIGBUS && SEEN.2 == 1);
        RAISE = 1;
        works(raise(SIGBUS) as isize);
        ensure(SEEN.0 == 3 && DEPTH.1 == 1);
        works(sigaction(SIGBUS, &to_handle(SA_NODEFER), null_mut()) as isize);
        RAISE = 1;
        works(raise(SIGBUS) as isize);
        ensure(SEEN.0 == 5 && DEPTH.1 == 2);
        let bus = 1 << (SIGBUS - 1);
        ensure(pthread_sigmask(0, &bus, null_mut()) == EINVAL && pthread_sigmask(1, &bus, null_mut()) == 0);
        works(raise(SIGBUS) as isize);
        ensure(SEEN.0 == 5 && pthread_sigmask(2, &bus, null_mut()) == 0 && SEEN.0 == 6);

        // One signal, and none.
        works(sigaction(SIGBUS, &to_handle(SA_RESETHAND), null_mut()) as isize);
        works(raise(SIGBUS) as isize);
        works(sigaction(SIGBUS, &IGNORED, &mut old) as isize);
        works(raise(SIGBUS) as isize);
        ensure(SEEN.0 == 7 && old.handler == 0);
    }
}

/// Makes a call that succeeds on Linux. On Darwin it does nothing, something else, or harm.
unsafe fn mistake(name: &CStr, path: *const c_char) {
    // SAFETY: as in `main`.
    unsafe {
        let file = open(path, O_CREATE, 0o600 as c_int);
        let map = mmap(null_mut(), PAGE, WRITE, ANON | PRIVATE, -1, 0);
        match name.to_bytes() {
            b"map-anonymous" => drop(mmap(null_mut(), 1, READ, PRIVATE | 0x20, -1, 0)),
            b"map-populate" => drop(mmap(null_mut(), 1, READ, ANON | PRIVATE | 0x8000, -1, 0)),
            b"map-noreserve" => drop(mmap(null_mut(), 1, READ, ANON | PRIVATE | 0x4000, -1, 0)),
            b"map-hugetlb" => drop(mmap(null_mut(), 1, READ, ANON | PRIVATE | 0x40000, -1, 0)),
            b"map-fixed-noreplace" => drop(mmap(map, 1, READ, ANON | PRIVATE | 0x100000, -1, 0)),
            b"map-shared-validate" => drop(mmap(null_mut(), 1, READ, SHARED | PRIVATE, file, 0)),
            b"prot-growsdown" => drop(mprotect(map, 1, READ | 0x1000000)),
            b"ms-sync" => drop(msync(map, 1, 4)),
            b"madv-hugepage" => drop(madvise(map, PAGE, 14)),
            b"madv-remove" => drop(madvise(map, PAGE, 9)),
            b"madv-free-a-part" => drop(madvise(map.add(8), 8, 5)),
            b"o-creat" => drop(open(path, 0o100 | O_RDWR, 0o600 as c_int)),
            b"o-cloexec" => drop(open(path, 0o2000000)),
            b"f-dupfd-cloexec" => drop(fcntl(file, 1030, 0 as c_int)),
            b"sigbus" => drop(sigaction(7, &DEFAULT, null_mut())),
            b"sa-onstack" => drop(sigaction(SIGBUS, &to_handle(0x08000000), null_mut())),
            b"ignored-fault" => {
                sigaction(SIGBUS, &IGNORED, null_mut());
                load(mmap(null_mut(), PAGE, 0, ANON | PRIVATE, -1, 0));
            }
            // Both end the process, with a handler or without.
            b"fault" => {
                sigaction(SIGBUS, &to_handle(0), null_mut());
                sigaction(SIGBUS, &DEFAULT, null_mut());
                load(mmap(null_mut(), PAGE, READ, SHARED, file, 0));
            }
            b"raised" => drop(raise(SIGBUS)),
            b"open-of-three" => open_of_three(path, O_CREATE, 0o600),
            _ => {}
        }
    }
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    wrong(0, 0)
}
