//! `faults FOLDER` does everything that the crate can do, once for each call of the system's that fails, and once for each
//! pair of calls. It runs in ci/macho alone, which lets calls fail and tells what a process has.

#![no_std]
#![no_main]

use baremap::{Advice, Discard, Error, ErrorKind, File, Flags, Mapping, Mmap, Prot, Reservation, page_size};
use core::ffi::{CStr, c_char, c_int, c_void};
use core::fmt::{self, Write};

unsafe extern "C" {
    fn exit(status: c_int) -> !;
    fn fcntl(file: c_int, command: c_int, ...) -> c_int;
    fn macho_calls(count: *mut u32) -> *const c_char;
    fn macho_fail(first: u32, second: u32, code: c_int);
    fn macho_state() -> u64;
    fn mincore(address: *const c_void, len: usize, pages: *mut c_char) -> c_int;
    fn write(file: c_int, from: *const c_void, len: usize) -> isize;
}

const EINTR: c_int = 4;
const ENOMEM: c_int = 12;

struct Output;

impl Write for Output {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        // SAFETY: `text` is readable.
        unsafe { write(1, text.as_ptr().cast(), text.len()) };
        Ok(())
    }
}

#[panic_handler]
fn panic(info: &core::panic::PanicInfo) -> ! {
    let _ = writeln!(Output, "FAILED: {info}");
    // SAFETY: ends the process.
    unsafe { exit(1) }
}

/// What an operation gives, to be dropped when calls work again.
#[allow(dead_code, reason = "it is there to be dropped")]
enum Kept {
    Nothing,
    File(File),
    Mapping(Mapping),
    Reservation(Reservation),
    Two(Reservation, Reservation),
}

use Kept::Nothing;

type Outcome = (Kept, Result<(), Error>);

fn kept<T>(result: Result<T, Error>, keep: fn(T) -> Kept) -> Outcome {
    match result {
        Ok(value) => (keep(value), Ok(())),
        Err(error) => (Nothing, Err(error)),
    }
}

/// Of a call that takes a value, and gives it back on failure.
fn moved<T, U>(result: Result<T, (U, Error)>, keep: fn(T) -> Kept, back: fn(U) -> Kept) -> Outcome {
    match result {
        Ok(value) => (keep(value), Ok(())),
        Err((value, error)) => (back(value), Err(error)),
    }
}

fn nothing(_: ()) -> Kept {
    Nothing
}

/// What an operation finds around it.
struct Env<'a> {
    /// Of another file, as closing it drops record locks.
    path: &'a CStr,
    file: &'a File,
    /// From here on calls are counted, and fail.
    arm: &'a dyn Fn(),
}

impl Env<'_> {
    fn armed<T>(&self, f: impl FnOnce() -> T) -> T {
        (self.arm)();
        f()
    }

    fn file(&self, prot: Prot, flags: Flags) -> Result<Mapping, Error> {
        // SAFETY: the file is this program's alone, here and below.
        unsafe { Mmap::new(self.file).prot(prot).flags(flags).map() }
    }
}

const LEN: usize = 100_000;
const LOCKED: Flags = Flags::LOCKED;
const COW: Flags = Flags::COW;
const POPULATE: Flags = Flags::POPULATE;

fn anon(flags: Flags) -> Mmap<baremap::Anon> {
    Mmap::anon(LEN).prot(Prot::WRITE).flags(flags)
}

/// A mapping to do something with.
fn mapped<T>(result: Result<T, Error>) -> T {
    result.unwrap_or_else(|error| panic!("{error}"))
}

type Operation = (&'static str, fn(&Env) -> Outcome);

macro_rules! operations {
    ($($name:literal: |$env:ident| $operation:expr;)*) => {
        const OPERATIONS: &[Operation] = &[$(($name, |$env| $operation)),*];
    };
}

operations! {
    "open": |env| env.armed(|| kept(File::open(env.path), Kept::File));
    "open to write": |env| env.armed(|| kept(File::open_rw(env.path), Kept::File));
    "length": |env| env.armed(|| (Nothing, env.file.len().map(drop)));
    "set the length": |env| env.armed(|| (Nothing, env.file.set_len(LEN as u64)));
    "read": |env| env.armed(|| (Nothing, env.file.read_at(&mut [0; 9], 7).map(drop)));
    "sync": |env| env.armed(|| (Nothing, env.file.sync()));
    "map a file": |env| env.armed(|| kept(env.file(Prot::READ, Flags::default()), Kept::Mapping));
    "map a file to write": |env| env.armed(|| kept(env.file(Prot::WRITE, Flags::default()), Kept::Mapping));
    "map a file, locked": |env| env.armed(|| kept(env.file(Prot::WRITE, LOCKED), Kept::Mapping));
    "map a file, populated": |env| env.armed(|| kept(env.file(Prot::READ, POPULATE), Kept::Mapping));
    "map a file, read ahead": |env| env.armed(|| kept(env.file(Prot::READ, Flags::READAHEAD), Kept::Mapping));
    "map a copy, locked, populated": |env| {
        env.armed(|| kept(env.file(Prot::WRITE, COW | LOCKED | POPULATE), Kept::Mapping))
    };
    "map a part": |env| env.armed(|| {
        // SAFETY: as above.
        kept(unsafe { Mmap::new(env.file).offset(5000).len(5000).flags(LOCKED).map() }, Kept::Mapping)
    });
    "map memory": |env| env.armed(|| kept(anon(Flags::default()).map(), Kept::Mapping));
    "map memory, locked": |env| env.armed(|| kept(anon(LOCKED | Flags::NORESERVE).map(), Kept::Mapping));
    "map memory, populated": |env| env.armed(|| kept(anon(POPULATE).map(), Kept::Mapping));
    "map superpages, locked": |env| env.armed(|| kept(anon(Flags::HUGETLB | LOCKED | POPULATE).map(), Kept::Mapping));
    "map a file in a reservation": |env| {
        let place = mapped(Reservation::new(LEN));
        // SAFETY: as above, here and below.
        let request = unsafe { |place| Mmap::new(env.file).prot(Prot::WRITE).map_in(place) };
        env.armed(|| moved(request(place), Kept::Mapping, Kept::Reservation))
    };
    "map a file in a reservation, locked": |env| {
        let place = mapped(Reservation::new(LEN));
        // SAFETY: as above.
        let request = unsafe { |place| Mmap::new(env.file).prot(Prot::WRITE).flags(LOCKED).map_in(place) };
        env.armed(|| moved(request(place), Kept::Mapping, Kept::Reservation))
    };
    "map memory in a reservation": |env| {
        let place = mapped(Reservation::new(LEN));
        env.armed(|| moved(anon(POPULATE).map_in(place), Kept::Mapping, Kept::Reservation))
    };
    "map memory in a reservation, locked": |env| {
        let place = mapped(Reservation::new(LEN));
        env.armed(|| moved(anon(LOCKED).map_in(place), Kept::Mapping, Kept::Reservation))
    };
    "reserve": |env| env.armed(|| kept(Reservation::new(LEN), Kept::Reservation));
    "reserve, aligned": |env| env.armed(|| kept(Reservation::aligned(LEN, 1 << 24), Kept::Reservation));
    "reserve at an address": |env| {
        let address = mapped(Reservation::new(LEN)).as_ptr().addr();
        // SAFETY: nothing is there, and one thread.
        env.armed(|| kept(unsafe { Reservation::at(address, LEN) }, Kept::Reservation))
    };
    "reserve where something is": |env| {
        let there = mapped(Reservation::new(LEN));
        // SAFETY: it is, and stays.
        let result = env.armed(|| unsafe { Reservation::at(there.as_ptr().addr(), LEN) });
        (Kept::Reservation(there), result.map(drop))
    };
    "split": |env| {
        let place = mapped(Reservation::new(LEN));
        env.armed(|| moved(place.split(page_size()), |(first, rest)| Kept::Two(first, rest), Kept::Reservation))
    };
    "release": |env| {
        let place = mapped(Reservation::new(LEN));
        env.armed(|| moved(place.release(), nothing, Kept::Reservation))
    };
    "unmap a file": |env| {
        let map = mapped(env.file(Prot::WRITE, Flags::default()));
        env.armed(|| moved(map.unmap(), nothing, Kept::Mapping))
    };
    "unmap memory": |env| {
        let map = mapped(anon(LOCKED).map());
        env.armed(|| moved(map.unmap(), nothing, Kept::Mapping))
    };
    "make a reservation of a file": |env| {
        let map = mapped(env.file(Prot::WRITE, LOCKED));
        env.armed(|| moved(map.into_reservation(), Kept::Reservation, Kept::Mapping))
    };
    "make a reservation of memory": |env| {
        let map = mapped(anon(LOCKED).map());
        env.armed(|| moved(map.into_reservation(), Kept::Reservation, Kept::Mapping))
    };
    "protect to write": |env| {
        let mut map = mapped(env.file(Prot::READ, Flags::default()));
        let result = env.armed(|| map.protect(Prot::WRITE));
        (Kept::Mapping(map), result)
    };
    "protect to execute": |env| {
        let mut map = mapped(anon(Flags::default()).map());
        let result = env.armed(|| map.protect(Prot::EXEC));
        (Kept::Mapping(map), result)
    };
    "flush": |env| {
        let map = mapped(env.file(Prot::WRITE, Flags::default()));
        let result = env.armed(|| map.flush().and_then(|()| map.flush_async()));
        (Kept::Mapping(map), result)
    };
    "lock": |env| {
        let map = mapped(env.file(Prot::WRITE, Flags::default()));
        let result = env.armed(|| map.lock());
        (Kept::Mapping(map), result)
    };
    "lock and unlock superpages": |env| {
        let Ok(map) = anon(Flags::HUGETLB).map() else { return (Nothing, Ok(())) };
        let result = env.armed(|| map.lock().and_then(|()| map.unlock()));
        (Kept::Mapping(map), result)
    };
    "unlock": |env| {
        let map = mapped(env.file(Prot::WRITE, LOCKED));
        let result = env.armed(|| map.unlock());
        (Kept::Mapping(map), result)
    };
    "advise": |env| {
        let map = mapped(env.file(Prot::WRITE, Flags::default()));
        let result = env.armed(|| map.advise(Advice::WillNeed));
        (Kept::Mapping(map), result)
    };
    "discard": |env| {
        let map = mapped(anon(Flags::default()).map());
        // SAFETY: nothing relies on the contents.
        let result = env.armed(|| unsafe { map.discard(Discard::DontNeed) });
        (Kept::Mapping(map), result)
    };
    "let go": |env| {
        let map = mapped(anon(Flags::default()).map());
        // SAFETY: as above.
        let result = env.armed(|| unsafe { map.discard(Discard::Free) });
        (Kept::Mapping(map), result)
    };
}

/// What is left where undoing fails too, with the calls that were made: memory that nobody knows of, and never a
/// reservation that is none. And a mapping that was locked and is no more, where a call fails that xnu does not refuse.
const LEFT: &[(&str, &str)] = &[
    ("map a file, locked", "fstat mmap mlock! munmap! "),
    ("map a copy, locked, populated", "fstat mmap mlock! munmap! "),
    ("map a part", "fstat mmap mlock! munmap! "),
    ("map memory, locked", "mmap mlock! munmap! "),
    ("map a file in a reservation, locked", "fstat mmap mlock! munlock mmap! "),
    ("map memory in a reservation, locked", "mmap mlock! munlock mmap! "),
    ("make a reservation of a file", "munlock mmap! "),
    ("make a reservation of memory", "munlock mmap! "),
    ("reserve, aligned", "mmap munmap! munmap! munmap "),
    ("reserve, aligned", "mmap munmap! munmap munmap! "),
    ("reserve, aligned", "mmap munmap munmap! munmap! munmap "),
    ("reserve, aligned", "mmap munmap munmap! munmap munmap! "),
    ("reserve where something is", "mmap munmap! "),
];

/// What a signal can interrupt.
const REPEATED: &[&str] = &["open!", "fstat!", "ftruncate!", "fcntl!", "fsync!", "pread!", "mmap!", "msync!"];

/// Does an operation once, with two calls that fail. Gives the number of its calls.
fn run(env: &Env, (name, operation): Operation, first: u32, second: u32, code: c_int) -> u32 {
    use core::cell::Cell;
    let (mut count, armed) = (0, Cell::new(0));
    // SAFETY: the loader's functions, here and below.
    let before = unsafe { macho_state() };
    let arm = || {
        // SAFETY: as above.
        unsafe {
            armed.set(macho_state());
            macho_fail(first, second, code);
        }
    };
    let (kept, result) = operation(&Env { arm: &arm, ..*env });
    // SAFETY: as above.
    let (calls, after) = unsafe { (CStr::from_ptr(macho_calls(&mut count)), macho_state()) };
    let calls = calls.to_str().unwrap_or("?");
    drop(kept);
    // SAFETY: as above.
    let end = unsafe { macho_state() };
    let is_broken = match result {
        Err(_) => after != armed.get(),
        Ok(()) => code == EINTR && first == 0 && count == 0,
    };
    if is_broken || end != before {
        let is_known = LEFT.contains(&(name, calls));
        let _ = writeln!(Output, "{}{name}: {calls}leaves something", if is_known { "" } else { "FAILED " });
        FAILED.fetch_add(u32::from(!is_known), Relaxed);
    }
    if let Err(error) = result {
        let is_repeated = code == EINTR
            && error.kind() != ErrorKind::Busy
            && calls.split(' ').any(|call| REPEATED.contains(&call));
        // What is not asked for fails alone.
        let is_unasked = first == 0 && !matches!(error.kind(), ErrorKind::Unsupported | ErrorKind::Busy);
        if is_repeated || is_unasked {
            let _ = writeln!(Output, "FAILED {name}: {calls}ends with {error}");
            FAILED.fetch_add(1, Relaxed);
        }
    }
    DONE.fetch_add(1, Relaxed);
    count
}

use core::sync::atomic::{AtomicU32, Ordering::Relaxed};

static DONE: AtomicU32 = AtomicU32::new(0);
static FAILED: AtomicU32 = AtomicU32::new(0);

/// Code for a mapping of which one page was ever touched: the others are not fetched to be made executable.
fn sparse() -> Result<(), Error> {
    const PAGES: usize = 4096;
    let mut map = Mmap::anon(PAGES * page_size()).prot(Prot::WRITE).map()?;
    map.bytes_mut()?[17 * page_size()] = 1;
    map.protect(Prot::EXEC)?;
    let mut pages = [0; PAGES];
    // SAFETY: a byte for each page.
    unsafe { mincore(map.as_ptr().cast(), map.len(), pages.as_mut_ptr()) };
    let present = pages.iter().filter(|page| *page & 1 != 0).count();
    if present != 1 {
        let _ = writeln!(Output, "FAILED protect to execute: {present} pages were fetched");
        FAILED.fetch_add(1, Relaxed);
    }
    Ok(())
}

/// A mapping of a file that is open for writing, made read-only.
fn writable_later(file: &File) -> Result<(), Error> {
    // SAFETY: the file is this program's alone.
    let mut map = unsafe { Mmap::new(file).map()? };
    map.protect(Prot::WRITE)?;
    map.bytes_mut()?[9] = 9;
    map.flush()?;
    let mut byte = [0];
    file.read_at(&mut byte, 9)?;
    assert!(byte == [9]);
    Ok(())
}

/// # Safety
/// None: the only process that it can harm is its own.
#[unsafe(no_mangle)]
unsafe extern "C" fn main(_: c_int, arguments: *const *const c_char) -> c_int {
    // SAFETY: C's arguments.
    let folder = unsafe { CStr::from_ptr(*arguments.add(1)) };
    let mut paths = [[0; 512]; 2];
    for (path, name) in paths.iter_mut().zip(["/file", "/other"]) {
        for (to, from) in path.iter_mut().zip(folder.to_bytes().iter().chain(name.as_bytes())) {
            *to = *from;
        }
    }
    let [path, other] = paths.each_ref().map(|path| CStr::from_bytes_until_nul(path).unwrap_or(c""));
    drop(mapped(File::create(other)));
    let file = mapped(File::create(path));
    mapped(file.set_len(LEN as u64));
    // A record lock on the whole file, which closing any other descriptor of it would drop: F_SETLK of F_WRLCK.
    // SAFETY: `struct flock`.
    let locked = unsafe {
        let descriptor = baremap::FileRef::from(&file).as_raw();
        fcntl(descriptor, 8, &raw const LOCK)
    };
    assert!(locked == 0, "no record lock");
    let env = Env { path: other, file: &file, arm: &|| () };
    for &operation in OPERATIONS {
        let count = run(&env, operation, 0, 0, 0);
        let mut first = 1;
        // A call that fails may have others made.
        let mut most = count;
        while first <= most {
            most = most.max(run(&env, operation, first, 0, ENOMEM));
            most = most.max(run(&env, operation, first, 0, EINTR));
            let mut second = first + 1;
            while second <= most {
                most = most.max(run(&env, operation, first, second, ENOMEM));
                second += 1;
            }
            first += 1;
        }
    }
    mapped(sparse());
    mapped(writable_later(&file));
    let (done, failed) = (DONE.load(Relaxed), FAILED.load(Relaxed));
    let _ = writeln!(Output, "{done} passed, {failed} failed, 0 skipped");
    c_int::from(failed != 0)
}

#[repr(C)]
struct Lock(i64, i64, c_int, i16, i16);

static LOCK: Lock = Lock(0, 0, 0, 3, 0);
