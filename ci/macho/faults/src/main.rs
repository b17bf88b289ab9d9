//! `faults FOLDER` performs every operation of the crate that calls the system: once for each call that fails, and once for
//! each pair of calls that fail. After each it compares what the process has open, mapped and locked with the state before.
//!
//! It runs in ci/macho alone, which offers `macho_fail`, `macho_calls` and `macho_state` for this (src/faults.rs there).

#![no_std]
#![no_main]

use Kept::Nothing;
use baremap::{
    Advice, Code, Contents, Discard, Error, ErrorKind, File, FileRef, Flags, Inheritance, Mapping,
    MappingMut, Mmap, Prot, RawMapping, Refused, Reservation, SharedMemory, Stack, guard, lock_limit,
    page_size, process, raise_lock_limit,
};
use core::cell::Cell;
use core::ffi::{CStr, c_char, c_int, c_void};
use core::fmt::{self, Write};
use core::ops::ControlFlow;
use core::sync::atomic::{AtomicU32, Ordering::Relaxed};

unsafe extern "C" {
    fn exit(status: c_int) -> !;
    fn fcntl(file: c_int, command: c_int, ...) -> c_int;
    fn macho_calls(count: *mut u32) -> *const c_char;
    fn macho_fail(first: u32, second: u32, code: c_int);
    fn macho_state() -> u64;
    fn mincore(address: *const c_void, len: usize, states: *mut c_char) -> c_int;
    fn write(file: c_int, buffer: *const c_void, len: usize) -> isize;
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

/// What an operation leaves; dropped when calls no longer fail.
#[allow(dead_code, reason = "its values are dropped, and not read")]
enum Kept {
    Nothing,
    Contents(Contents),
    File(File),
    Mapping(Mapping),
    MappingMut(MappingMut),
    Raw(RawMapping),
    Shared(SharedMemory, Option<RawMapping>),
    Named(Name, Option<SharedMemory>),
    Reservation(Reservation),
    Two(Reservation, Reservation),
    Code(Code),
    Stack(Stack),
    Extended(MappingMut, Reservation),
    Three(MappingMut, MappingMut, MappingMut),
}

/// A name of its own for each run, as some leave theirs. Removed at the end.
struct Name([u8; 16]);

impl Name {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Relaxed);
        let mut name = *b"baremap-000000\0\0";
        for (i, digit) in name[8..14].iter_mut().enumerate() {
            *digit += (count / 10_u32.pow(i as u32) % 10) as u8;
        }
        Self(name)
    }

    fn get(&self) -> &CStr {
        CStr::from_bytes_until_nul(&self.0).unwrap_or(c"")
    }
}

impl Drop for Name {
    fn drop(&mut self) {
        let _ = SharedMemory::remove(self.get());
    }
}

/// The memory of a name.
fn named(name: Name, result: Result<SharedMemory, Error>) -> Outcome {
    match result {
        Ok(memory) => (Kept::Named(name, Some(memory)), Ok(())),
        Err(error) => (Kept::Named(name, None), Err(error)),
    }
}

type Outcome = (Kept, Result<(), Error>);

/// The outcome of a call that makes something.
fn made<T>(result: Result<T, Error>, keep: fn(T) -> Kept) -> Outcome {
    match result {
        Ok(value) => (keep(value), Ok(())),
        Err(error) => (Nothing, Err(error)),
    }
}

/// The outcome of a call that consumes a value and returns it if it fails.
fn consumed<T, U>(
    result: Result<T, Refused<U>>,
    keep: fn(T) -> Kept,
    keep_refused: fn(U) -> Kept,
) -> Outcome {
    match result {
        Ok(value) => (keep(value), Ok(())),
        Err(Refused { value, error, .. }) => (keep_refused(value), Err(error)),
    }
}

fn nothing(_: ()) -> Kept {
    Nothing
}

struct Env<'a> {
    folder: &'a CStr,
    /// Another file than `file`, as closing a descriptor of that would drop the record lock on it.
    path: &'a CStr,
    file: &'a File,
    /// Starts to count calls, and to let them fail.
    arm: &'a dyn Fn(),
}

impl<'f> Env<'f> {
    fn armed<T>(&self, f: impl FnOnce() -> T) -> T {
        (self.arm)();
        f()
    }

    fn request(&self, flags: Flags) -> Mmap<'f> {
        Mmap::new(self.file).flags(flags)
    }

    fn map(&self, flags: Flags) -> Result<Mapping, Error> {
        // SAFETY: no other process changes the file, here and below.
        unsafe { self.request(flags).map() }
    }

    fn map_mut(&self, flags: Flags) -> Result<MappingMut, Error> {
        // SAFETY: as above.
        unsafe { self.request(flags).map_mut() }
    }
}

const LEN: usize = 100_000;
const NONE: Flags = Flags::empty();
const LOCKED: Flags = Flags::LOCKED;
const COW: Flags = Flags::COW;
const POPULATE: Flags = Flags::POPULATE;

fn anon(flags: Flags) -> baremap::Anon {
    Mmap::anon(LEN).flags(flags)
}

/// Unwraps what an operation needs before it is armed.
fn ready<T>(result: Result<T, Error>) -> T {
    result.unwrap_or_else(|error| panic!("{error}"))
}

fn reservation() -> Reservation {
    ready(Reservation::new(LEN))
}

/// Extends a mapping of which a page is there to the end of its file.
fn extended(env: &Env, extend: impl Fn(&mut MappingMut, &mut Reservation) -> Result<(), Error>) -> Outcome {
    let (first, mut rest) = ready(reservation().split(page_size()).map_err(|refused| refused.error));
    // SAFETY: as for `Env::map`.
    let map = unsafe { env.request(NONE).len(page_size()).map_mut_in(first) };
    let mut map = ready(map.map_err(|refused| refused.error));
    let result = env.armed(|| extend(&mut map, &mut rest));
    (Kept::Extended(map, rest), result)
}

fn extended_memory(env: &Env, flags: Flags) -> Outcome {
    let (first, mut rest) = ready(reservation().split(page_size()).map_err(|refused| refused.error));
    let map = Mmap::anon(page_size() - 1).map_mut_in(first);
    let mut map = ready(map.map_err(|refused| refused.error));
    let result = env.armed(|| anon(flags).extend(&mut map, &mut rest));
    (Kept::Extended(map, rest), result)
}

/// Locks another file than that with the record lock.
fn locked(env: &Env, lock: fn(&File) -> Result<(), Error>) -> Outcome {
    let file = ready(File::open_rw(env.path));
    let result = env.armed(|| lock(&file));
    (Kept::File(file), result)
}

/// An address that is free, but not where the system would map by itself.
fn free_address() -> usize {
    let reservation = ready(Reservation::new(64 * LEN));
    (reservation.as_ptr().addr() + 8 * LEN).next_multiple_of(page_size())
}

/// Resizes a mapping of a part of the file to the whole.
fn resized(env: &Env, flags: Flags) -> Outcome {
    let request = env.request(flags);
    // SAFETY: as for `Env::map`, here and below.
    let mut map = ready(unsafe { env.request(flags - LOCKED).len(5000).map_mut() });
    // SAFETY: as above.
    let result = env.armed(|| unsafe { request.resize(&mut map) });
    (Kept::MappingMut(map), result)
}

type Operation = (&'static str, fn(&Env) -> Outcome);

macro_rules! operations {
    ($($name:literal: |$env:ident| $operation:expr;)*) => {
        const OPERATIONS: &[Operation] = &[$(($name, |$env| $operation)),*];
    };
}

operations! {
    "open": |env| env.armed(|| made(File::open(env.path), Kept::File));
    "open to write": |env| env.armed(|| made(File::open_rw(env.path), Kept::File));
    "create": |env| env.armed(|| made(File::create(env.path), Kept::File));
    "create a file that exists": |env| env.armed(|| made(File::create_new(env.path), Kept::File));
    "open or create": |env| env.armed(|| made(File::open_or_create(env.path), Kept::File));
    "length": |env| env.armed(|| (Nothing, env.file.len().map(drop)));
    "set the length": |env| env.armed(|| (Nothing, env.file.set_len(LEN as u64)));
    "read": |env| env.armed(|| (Nothing, env.file.read_at(&mut [0; 9], 7).map(drop)));
    "write": |env| env.armed(|| (Nothing, env.file.write_at(&[0; 9], 7).map(drop)));
    "allocate space": |env| {
        let file = ready(File::create(env.path));
        let result = env.armed(|| file.allocate(5000, LEN as u64));
        (Kept::File(file), result)
    };
    "make a file in memory": |env| env.armed(|| made(File::memory(), Kept::File));
    "make a temporary file": |env| env.armed(|| made(File::temporary(env.folder), Kept::File));
    "lock a file": |env| locked(env, File::lock);
    "lock a file, shared": |env| locked(env, File::lock_shared);
    "try to lock a file": |env| locked(env, File::try_lock);
    "try to lock a file, shared": |env| locked(env, File::try_lock_shared);
    "unlock a file": |env| {
        let file = ready(File::open_rw(env.path));
        ready(file.lock());
        let result = env.armed(|| file.unlock());
        (Kept::File(file), result)
    };
    "find a region": |env| {
        let map = ready(env.map(NONE));
        let start = map.as_ptr().addr();
        let found = env.armed(|| process::region_at(start + 5, |region| {
            // Under QEMU it does not end where the last page does.
            let is_range = region.range().start == start && region.range().end >= start + map.len();
            let is_right = is_range && region.prot() == Prot::READ && region.is_shared();
            // What cannot be named has no offset.
            let is_named = region.name().ends_with(b"/file") && region.offset() == Some(0);
            is_right && (is_named || region.name().is_empty() && region.offset().is_none())
        }));
        if found.as_ref().is_ok_and(|found| *found != Some(true)) {
            panic!("the region is not found: {found:?}");
        }
        (Kept::Mapping(map), found.map(drop))
    };
    "list regions": |env| {
        let (first, rest) = ready(reservation().split(page_size()).map_err(|refused| refused.error));
        let start = first.as_ptr().addr();
        let map = ready(Mmap::anon(rest.len()).map_mut_in(rest).map_err(|refused| refused.error));
        let end = map.as_ptr().addr() + map.len();
        let mut count = 0;
        let listed = env.armed(|| process::regions(start..end, |_| {
            count += 1;
            ControlFlow::<()>::Continue(())
        }));
        if listed.is_ok() && count != 2 {
            panic!("{count} regions are listed");
        }
        (Kept::Extended(map, first), listed.map(drop))
    };
    "map memory at a hint": |env| {
        let address = free_address();
        env.armed(|| made(anon(NONE).hint(address).map_mut(), Kept::MappingMut))
    };
    "map a file at a hint": |env| {
        let address = free_address();
        // SAFETY: as above.
        env.armed(|| made(unsafe { env.request(NONE).hint(address).map() }, Kept::Mapping))
    };
    "give a name": |env| {
        let map = ready(anon(NONE).map_mut());
        let result = env.armed(|| map.set_name(c"name"));
        (Kept::MappingMut(map), result)
    };
    "share memory": |env| env.armed(|| made(SharedMemory::new(LEN), |memory| Kept::Shared(memory, None)));
    "share memory by a name": |env| {
        let name = Name::new();
        let result = env.armed(|| SharedMemory::create(name.get(), LEN));
        named(name, result)
    };
    "open a name": |env| {
        let name = Name::new();
        drop(ready(SharedMemory::create(name.get(), LEN)));
        let result = env.armed(|| SharedMemory::open(name.get()));
        named(name, result)
    };
    "remove a name": |env| {
        let name = Name::new();
        drop(ready(SharedMemory::create(name.get(), LEN)));
        let result = env.armed(|| SharedMemory::remove(name.get()));
        (Kept::Named(name, None), result)
    };
    "map shared memory": |env| {
        let memory = ready(SharedMemory::new(LEN));
        match env.armed(|| Mmap::new(&memory).flags(POPULATE).map_raw()) {
            Ok(map) => (Kept::Shared(memory, Some(map)), Ok(())),
            Err(error) => (Kept::Shared(memory, None), Err(error)),
        }
    };
    "share with a fork, locked": |env| env.armed(|| made(anon(LOCKED).map_shared(), Kept::Raw));
    "map past the end": |env| {
        let request = env.request(Flags::PAST_END).len(1 << 24);
        env.armed(|| made(request.map_raw(), Kept::Raw))
    };
    "sync": |env| env.armed(|| (Nothing, env.file.sync()));
    "read contents": |env| env.armed(|| made(Contents::read(env.file), Kept::Contents));
    "map contents": |env| env.armed(|| {
        // SAFETY: as above.
        made(unsafe { Contents::options().nul_terminated().map(env.file) }, Kept::Contents)
    });
    "map a file": |env| env.armed(|| made(env.map(NONE), Kept::Mapping));
    "map a file to write": |env| env.armed(|| made(env.map_mut(NONE), Kept::MappingMut));
    "map a file, locked": |env| env.armed(|| made(env.map_mut(LOCKED), Kept::MappingMut));
    "map a file, populated": |env| env.armed(|| made(env.map(POPULATE), Kept::Mapping));
    "map a file, read ahead": |env| env.armed(|| made(env.map(Flags::READAHEAD), Kept::Mapping));
    "map a copy, locked, populated": |env| {
        env.armed(|| made(env.map_mut(COW | LOCKED | POPULATE), Kept::MappingMut))
    };
    "map a part": |env| env.armed(|| {
        // SAFETY: as above.
        made(unsafe { env.request(LOCKED).offset(5000).len(5000).map() }, Kept::Mapping)
    });
    "map memory": |env| env.armed(|| made(anon(NONE).map_mut(), Kept::MappingMut));
    "map memory, locked": |env| env.armed(|| made(anon(LOCKED | Flags::NORESERVE).map_mut(), Kept::MappingMut));
    "map memory, populated": |env| env.armed(|| made(anon(POPULATE).map_mut(), Kept::MappingMut));
    "map superpages, locked": |env| {
        env.armed(|| made(anon(Flags::HUGETLB | LOCKED | POPULATE).map_mut(), Kept::MappingMut))
    };
    "map a file in a reservation": |env| {
        let reservation = reservation();
        // SAFETY: as above, here and below.
        env.armed(|| consumed(unsafe { env.request(NONE).map_mut_in(reservation) }, Kept::MappingMut, Kept::Reservation))
    };
    "map a file in a reservation, locked": |env| {
        let reservation = reservation();
        // SAFETY: as above.
        env.armed(|| consumed(unsafe { env.request(LOCKED).map_mut_in(reservation) }, Kept::MappingMut, Kept::Reservation))
    };
    "map memory in a reservation": |env| {
        let reservation = reservation();
        env.armed(|| consumed(anon(POPULATE).map_mut_in(reservation), Kept::MappingMut, Kept::Reservation))
    };
    "map memory in a reservation, locked": |env| {
        let reservation = reservation();
        env.armed(|| consumed(anon(LOCKED).map_mut_in(reservation), Kept::MappingMut, Kept::Reservation))
    };
    "reserve": |env| env.armed(|| made(Reservation::new(LEN), Kept::Reservation));
    "reserve, aligned": |env| env.armed(|| made(Reservation::aligned(LEN, 1 << 24), Kept::Reservation));
    "reserve at an address": |env| {
        let address = reservation().as_ptr().addr();
        // SAFETY: the range is free, as the process has one thread.
        env.armed(|| made(unsafe { Reservation::at(address, LEN) }, Kept::Reservation))
    };
    "reserve a taken range": |env| {
        let taken = reservation();
        // SAFETY: the range is taken, so nothing is reserved.
        let result = env.armed(|| unsafe { Reservation::at(taken.as_ptr().addr(), LEN) });
        (Kept::Reservation(taken), result.map(drop))
    };
    "split": |env| {
        let reservation = reservation();
        let keep = |(first, rest)| Kept::Two(first, rest);
        env.armed(|| consumed(reservation.split(page_size()), keep, Kept::Reservation))
    };
    "release": |env| {
        let reservation = reservation();
        env.armed(|| consumed(reservation.release(), nothing, Kept::Reservation))
    };
    "unmap a file": |env| {
        let map = ready(env.map_mut(NONE));
        env.armed(|| consumed(map.unmap(), nothing, Kept::MappingMut))
    };
    "unmap memory": |env| {
        let map = ready(anon(LOCKED).map_mut());
        env.armed(|| consumed(map.unmap(), nothing, Kept::MappingMut))
    };
    "make a reservation of a file": |env| {
        let map = ready(env.map_mut(LOCKED));
        env.armed(|| consumed(map.into_reservation(), Kept::Reservation, Kept::MappingMut))
    };
    "make a reservation of memory": |env| {
        let map = ready(anon(LOCKED).map_mut());
        env.armed(|| consumed(map.into_reservation(), Kept::Reservation, Kept::MappingMut))
    };
    "make writable": |env| {
        let map = ready(env.map(NONE));
        env.armed(|| consumed(map.into_mut(), Kept::MappingMut, Kept::Mapping))
    };
    "make read-only": |env| {
        let map = ready(env.map_mut(NONE));
        env.armed(|| consumed(map.into_read_only(), Kept::Mapping, Kept::Mapping))
    };
    "make executable": |env| {
        let map = ready(anon(NONE).map_mut());
        env.armed(|| consumed(map.into_exec(), Kept::Mapping, Kept::Mapping))
    };
    "map code": |env| env.armed(|| made(Code::new(LEN), Kept::Code));
    "write code": |env| {
        let mut code = ready(Code::new(LEN));
        let result = env.armed(|| code.write(5000, b"code"));
        if result.is_ok() && code.bytes()[4999..5005] != *b"\0code\0" {
            panic!("code is not written");
        }
        (Kept::Code(code), result)
    };
    "map a stack": |env| env.armed(|| made(Stack::new(LEN), Kept::Stack));
    "grow a stack": |env| {
        let mut stack = ready(Stack::with_guard(LEN, LEN));
        let result = env.armed(|| stack.grow(LEN + 50_000));
        (Kept::Stack(stack), result)
    };
    "unmap a stack": |env| {
        let stack = ready(Stack::new(LEN));
        env.armed(|| consumed(stack.unmap(), nothing, Kept::Stack))
    };
    "flush": |env| {
        let map = ready(env.map_mut(NONE));
        let result = env.armed(|| map.flush().and_then(|()| map.flush_async()));
        (Kept::MappingMut(map), result)
    };
    "lock": |env| {
        let map = ready(env.map_mut(NONE));
        let result = env.armed(|| map.lock());
        (Kept::MappingMut(map), result)
    };
    "lock and unlock superpages": |env| {
        let Ok(map) = anon(Flags::HUGETLB).map_mut() else { return (Nothing, Ok(())) };
        let result = env.armed(|| map.lock().and_then(|()| map.unlock()));
        (Kept::MappingMut(map), result)
    };
    "unlock": |env| {
        let map = ready(env.map_mut(LOCKED));
        let result = env.armed(|| map.unlock());
        (Kept::MappingMut(map), result)
    };
    "lock a part": |env| {
        let map = ready(env.map_mut(NONE));
        let result = env.armed(|| map.lock_range(5..50_000));
        (Kept::MappingMut(map), result)
    };
    "populate": |env| {
        let map = ready(env.map_mut(NONE));
        let result = env.armed(|| map.populate_read(..));
        (Kept::MappingMut(map), result)
    };
    "populate memory to write": |env| {
        let map = ready(anon(NONE).map_mut());
        let result = env.armed(|| map.populate_write(5..));
        (Kept::MappingMut(map), result)
    };
    "look for resident pages": |env| {
        let map = ready(env.map_mut(NONE));
        let result = env.armed(|| map.resident(..).and_then(|pages| pages.bytes()).map(drop));
        (Kept::MappingMut(map), result)
    };
    "set what is inherited": |env| {
        let map = ready(anon(NONE).map_mut());
        let set = |inheritance| {
            // SAFETY: nothing is forked.
            unsafe { map.set_inheritance(.., inheritance) }
        };
        let result = env.armed(|| set(Inheritance::Omit).and_then(|()| set(Inheritance::Usual)));
        (Kept::MappingMut(map), result)
    };
    "limit": |env| env.armed(|| (Nothing, lock_limit().map(drop)));
    "raise the limit": |env| env.armed(|| (Nothing, raise_lock_limit(usize::MAX).map(drop)));
    "advise": |env| {
        let map = ready(env.map_mut(NONE));
        let result = env.armed(|| map.advise(Advice::WillNeed));
        (Kept::MappingMut(map), result)
    };
    "discard": |env| {
        let map = ready(anon(NONE).map_mut());
        // SAFETY: nothing relies on the contents.
        let result = env.armed(|| unsafe { map.discard(Discard::DontNeed) });
        (Kept::MappingMut(map), result)
    };
    "extend a file": |env| extended(env, |map, reservation| {
        // SAFETY: as above.
        unsafe { env.request(NONE).extend(map, reservation) }
    });
    "extend a file, locked": |env| extended(env, |map, reservation| {
        // SAFETY: as above.
        unsafe { env.request(LOCKED).extend(map, reservation) }
    });
    "extend memory": |env| extended_memory(env, NONE);
    "extend memory, locked": |env| extended_memory(env, LOCKED);
    "resize a file": |env| resized(env, NONE);
    "resize a file, locked": |env| resized(env, LOCKED);
    "resize a copy": |env| resized(env, COW | LOCKED);
    "resize memory": |env| {
        let mut map = ready(anon(NONE).map_mut());
        let result = env.armed(|| Mmap::anon(2 * LEN).flags(LOCKED).resize(&mut map));
        (Kept::MappingMut(map), result)
    };
    "resize code": |env| {
        let mut map = ready(ready(anon(NONE).map_mut()).into_exec().map_err(|refused| refused.error));
        let result = env.armed(|| Mmap::anon(2 * LEN).resize(&mut map));
        (Kept::Mapping(map), result)
    };
    "shorten memory": |env| {
        let mut map = ready(anon(NONE).map_mut());
        let result = env.armed(|| Mmap::anon(LEN / 2).resize(&mut map));
        (Kept::MappingMut(map), result)
    };
    "unmap a part": |env| {
        let mut map = ready(anon(NONE).map_mut());
        let mut part = ready(map.split_off(page_size()));
        let rest = ready(part.split_off(page_size()));
        let (kept, result) = env.armed(|| consumed(part.unmap(), nothing, Kept::MappingMut));
        match kept {
            Kept::MappingMut(part) => (Kept::Three(map, part, rest), result),
            _ => (Kept::Three(map, MappingMut::default(), rest), result),
        }
    };
    "take access from a part": |env| {
        let mut map = ready(anon(NONE).map_mut()).into_raw();
        // SAFETY: no pointer is in use.
        let result = env.armed(|| unsafe { map.protect_range(page_size().., Prot::NONE) });
        (Kept::Raw(map), result)
    };
    "discard lazily": |env| {
        let map = ready(anon(NONE).map_mut());
        // SAFETY: as above.
        let result = env.armed(|| unsafe { map.discard(Discard::Free) });
        (Kept::MappingMut(map), result)
    };
}

/// The calls after which something is left, because undoing failed too: memory that nobody knows of, but never a
/// `Reservation` whose range is lost; or an empty file; or a mapping that is no longer locked, after a failure that xnu does
/// not report; or code that stays writable.
const LEFT: &[(&str, &str)] = &[
    ("read contents", "fstat mmap pread! munmap! "),
    ("read contents", "fstat mmap pread pread! munmap! "),
    ("read contents", "fstat! mmap pread mmap munmap! pread pread "),
    ("make a file in memory", "shm_open shm_unlink! close "),
    ("make a file in memory", "shm_open shm_unlink! close! "),
    ("make a temporary file", "open openat unlinkat! close close "),
    ("make a temporary file", "open openat unlinkat! close! close "),
    ("make a temporary file", "open openat unlinkat! close close! "),
    ("share memory", "shm_open shm_unlink! close "),
    ("share memory", "shm_open shm_unlink! close! "),
    ("share memory by a name", "shm_open ftruncate! shm_unlink! close "),
    ("share memory by a name", "shm_open ftruncate fstat! shm_unlink! close "),
    ("share with a fork, locked", "mmap mlock! munmap! "),
    ("map a file, locked", "fstat mmap mlock! munmap! "),
    ("map a copy, locked, populated", "fstat mmap mlock! munmap! "),
    ("map a part", "fstat mmap mlock! munmap! "),
    ("map memory, locked", "mmap mlock! munmap! "),
    ("map a file in a reservation, locked", "fstat mmap mlock! munlock mmap! "),
    ("map memory in a reservation, locked", "mmap mlock! munlock mmap! "),
    ("make a reservation of a file", "munlock mmap! "),
    ("make a reservation of memory", "munlock mmap! "),
    ("write code", "mprotect mprotect! "),
    ("map a stack", "mmap mprotect! munmap! "),
    ("extend a file, locked", "fstat mmap mlock! munlock mmap! "),
    ("extend memory, locked", "mmap mlock! munlock mmap! "),
    ("resize a file", "fstat mmap munmap! munmap! "),
    ("resize a file, locked", "fstat mmap mlock! munmap! "),
    ("resize a file, locked", "fstat mmap mlock munmap! munmap! "),
    ("resize a copy", "fstat mmap mlock! munmap! "),
    ("resize a copy", "fstat mmap mlock munmap! munmap! "),
    ("resize memory", "mmap mlock! munmap! "),
    ("resize memory", "mmap mlock munmap! munmap! "),
    ("resize code", "mmap mprotect! munmap! "),
    ("resize code", "mmap mprotect munmap! munmap! "),
    ("resize code", "mmap mprotect mincore munmap! munmap! "),
    ("reserve, aligned", "mmap munmap! munmap! munmap "),
    ("reserve, aligned", "mmap munmap! munmap munmap! "),
    ("reserve, aligned", "mmap munmap munmap! munmap! munmap "),
    ("reserve, aligned", "mmap munmap munmap! munmap munmap! "),
    ("reserve a taken range", "mmap munmap! "),
    ("populate", "mlock munlock! "),
    ("populate memory to write", "mlock munlock! "),
];

/// The calls that the crate repeats after a signal.
const REPEATED: &[&str] = &[
    "open!",
    "openat!",
    "flock!",
    "fstat!",
    "ftruncate!",
    "fcntl!",
    "fsync!",
    "pread!",
    "pwrite!",
    "mmap!",
    "msync!",
    "shm_open!",
    "shm_unlink!",
];

static DONE: AtomicU32 = AtomicU32::new(0);
static FAILED: AtomicU32 = AtomicU32::new(0);

macro_rules! fail {
    ($($message:tt)*) => {{
        let _ = writeln!(Output, "FAILED {}", format_args!($($message)*));
        FAILED.fetch_add(1, Relaxed);
    }};
}

/// Performs an operation with up to two calls that fail. Returns the number of its calls.
fn run(env: &Env, (name, operation): Operation, first: u32, second: u32, code: c_int) -> u32 {
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
    if result.is_err() && after != armed.get() || end != before {
        if LEFT.contains(&(name, calls)) {
            let _ = writeln!(Output, "{name}: {calls}leaves something");
        } else {
            fail!("{name}: {calls}leaves something");
        }
    }
    if let Err(error) = result {
        let is_expected = matches!(error.kind(), ErrorKind::Busy | ErrorKind::AlreadyExists);
        let is_interrupted = code == EINTR && calls.split(' ').any(|call| REPEATED.contains(&call));
        let is_unsupported = first == 0 && error.kind() == ErrorKind::Unsupported;
        if !is_expected && !is_unsupported && (is_interrupted || first == 0) {
            fail!("{name}: {calls}fails with {error}");
        }
    }
    DONE.fetch_add(1, Relaxed);
    count
}

/// Checks that making memory executable does not fetch the pages that were never touched.
fn fetches_no_pages() -> Result<(), Error> {
    const PAGES: usize = 4096;
    let mut map = Mmap::anon(PAGES * page_size()).map_mut()?;
    map[17 * page_size()] = 1;
    let map = map.into_exec()?;
    let mut states = [0; PAGES];
    // SAFETY: a byte for each page.
    unsafe { mincore(map.as_ptr().cast(), map.len(), states.as_mut_ptr()) };
    let resident = states.iter().filter(|state| *state & 1 != 0).count();
    if resident != 1 {
        fail!("make executable: {resident} pages are resident");
    }
    Ok(())
}

/// Checks that a read-only mapping of a file that is open for writing can become writable.
fn becomes_writable(env: &Env) -> Result<(), Error> {
    let mut map = env.map(NONE)?.into_mut()?;
    map[9] = 9;
    map.flush()?;
    let mut byte = [0];
    env.file.read_at(&mut byte, 9)?;
    if byte != [9] {
        fail!("make writable: the file has {byte:?}");
    }
    Ok(())
}

/// Checks that the guard can be installed after each of its calls failed, and then repairs a copy.
fn installs_after_failures(env: &Env) -> Result<(), Error> {
    let mut count = 0;
    // `sigaction` asks and sets for each signal, and only asks for the first one when that is done.
    for number in [1, 2, 3, 2, 3] {
        // SAFETY: the loader's functions.
        unsafe { macho_fail(number, 0, ENOMEM) };
        let result = guard::install();
        // SAFETY: as above.
        unsafe { macho_calls(&mut count) };
        if result.is_ok() || guard::is_in_force() {
            fail!("install the guard: installed although call {number} failed");
        }
    }
    guard::install()?;
    let view = Mmap::new(env.file).view()?;
    env.file.set_len(5)?;
    let mut buffer = [1; 9];
    let read = view.read_at(&mut buffer, 0);
    let gone = view.read_at(&mut buffer, 50_000).map_err(|error| error.kind());
    env.file.set_len(LEN as u64)?;
    if read != Ok(5) || gone != Err(ErrorKind::Truncated) || !guard::is_in_force() {
        fail!("install the guard: views read {read:?} and {gone:?}");
    }
    Ok(())
}

/// `struct flock`.
#[repr(C)]
struct Lock(i64, i64, c_int, i16, i16);

/// Takes a record lock on a whole file. Closing any other descriptor of the file would drop it.
fn take_record_lock(file: &File) {
    const F_SETLK: c_int = 8;
    const F_WRLCK: i16 = 3;
    static LOCK: Lock = Lock(0, 0, 0, F_WRLCK, 0);
    // SAFETY: the command takes a pointer to `struct flock`.
    let result = unsafe { fcntl(FileRef::from(file).as_raw(), F_SETLK, &raw const LOCK) };
    assert!(result == 0, "no record lock");
}

/// # Safety
/// The arguments are those of C's `main`.
#[unsafe(no_mangle)]
unsafe extern "C" fn main(_: c_int, arguments: *const *const c_char) -> c_int {
    // SAFETY: the caller's arguments.
    let folder = unsafe { CStr::from_ptr(*arguments.add(1)) };
    let mut paths = [[0; 512]; 2];
    for (path, name) in paths.iter_mut().zip(["/file", "/other"]) {
        for (to, from) in path.iter_mut().zip(folder.to_bytes().iter().chain(name.as_bytes())) {
            *to = *from;
        }
    }
    let [path, other] = paths.each_ref().map(|path| CStr::from_bytes_until_nul(path).unwrap_or(c""));
    drop(ready(File::create(other)));
    let file = ready(File::create(path));
    ready(file.set_len(LEN as u64));
    take_record_lock(&file);
    let env = Env { folder, path: other, file: &file, arm: &|| () };
    for &operation in OPERATIONS {
        let mut most = run(&env, operation, 0, 0, 0);
        let mut first = 1;
        // An operation may make more calls after one that fails.
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
    ready(fetches_no_pages());
    ready(becomes_writable(&env));
    ready(installs_after_failures(&env));
    let (done, failed) = (DONE.load(Relaxed), FAILED.load(Relaxed));
    let _ = writeln!(Output, "{done} passed, {failed} failed, 0 skipped");
    c_int::from(failed != 0)
}
