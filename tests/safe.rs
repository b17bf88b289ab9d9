//! Attempts to break the crate from safe code: to corrupt memory, to fault, leak or hang, or to make the crate panic.
//!
//! Each test is one attempt; its comment says what it tries and how that could do harm. An attempt that exhausts a
//! limit, or that compares the process's mappings and descriptors before and after, runs in a child process: this
//! binary again.

#![forbid(unsafe_code)]

use baremap::{
    Advice, Error, ErrorKind, File, FileRef, Flags, Mapping, MappingMut, Mmap, Prot, Reservation,
    allocation_granularity, page_size,
};
use std::cell::Cell;
use std::collections::HashSet;
use std::ffi::CString;
use std::fmt::{self, Write};
use std::ops::{Bound, Deref, RangeBounds};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Barrier, Mutex, mpsc};
use std::time::{Duration, Instant};
use std::{array, env, fs, mem, thread};

const FLAGS: [Flags; 9] = [
    Flags::COW,
    Flags::HUGETLB,
    Flags::READAHEAD,
    Flags::POPULATE,
    Flags::NORESERVE,
    Flags::LOCKED,
    Flags::PAST_END,
    Flags::SECRET,
    Flags::SYNC,
];

const ADVICE: [Advice; 8] = [
    Advice::Normal,
    Advice::Random,
    Advice::Sequential,
    Advice::WillNeed,
    Advice::Cold,
    Advice::PageOut,
    Advice::HugePage,
    Advice::NoHugePage,
];

const PROTS: [Prot; 4] = [Prot::READ, Prot::WRITE, Prot::EXEC, Prot::WRITE.union(Prot::EXEC)];

/// Offsets and lengths around `i64::MAX`, from which they are negative to the system, and around `u64::MAX`.
const HUGE: [u64; 7] = {
    let max = i64::MAX as u64;
    [max - 1, max, max + 1, max + 4096, u64::MAX - 4096, u64::MAX - 1, u64::MAX]
};

/// Every set of flags.
fn all_flags() -> impl Iterator<Item = Flags> {
    (0..1 << FLAGS.len()).map(|set: usize| {
        let members = FLAGS.iter().enumerate().filter(|(i, _)| set >> i & 1 == 1);
        members.fold(Flags::empty(), |all, (_, &flag)| all | flag)
    })
}

/// Returns `None`, and prints that it skips, where the system has no reservations.
fn reserve(len: usize) -> Option<Reservation> {
    match Reservation::new(len) {
        Err(error) if error.kind() == ErrorKind::Unsupported => {
            println!("skipped: {error}");
            None
        }
        result => Some(result.unwrap()),
    }
}

/// Splits a reservation into `count` parts of the smallest length.
fn reserve_parts(count: usize) -> Option<Vec<Reservation>> {
    let granularity = allocation_granularity();
    let mut rest = reserve(count * granularity)?;
    let mut parts = Vec::with_capacity(count);
    while rest.len() > granularity {
        let (first, second) = rest.split(granularity).unwrap();
        parts.push(first);
        rest = second;
    }
    parts.push(rest);
    Some(parts)
}

fn fresh(len: usize) -> MappingMut {
    Mmap::anon(len).map_mut().unwrap()
}

/// Compares slices, as a loop over bytes is slow without optimization.
fn is_filled(bytes: &[u8], byte: u8) -> bool {
    bytes.chunks(4096).all(|chunk| *chunk == [byte; 4096][..chunk.len()])
}

fn is_zero(bytes: &[u8]) -> bool {
    is_filled(bytes, 0)
}

/// What [`stamp`] repeats, for each number another one. Its length is prime, so that no page or chunk looks like the
/// next.
fn pattern(number: usize) -> [u8; 251] {
    array::from_fn(|i| ((number.wrapping_mul(31) + i) % 251) as u8)
}

fn stamp(bytes: &mut [u8], number: usize) {
    let pattern = pattern(number);
    bytes.chunks_mut(pattern.len()).for_each(|chunk| chunk.copy_from_slice(&pattern[..chunk.len()]));
}

fn is_stamped(bytes: &[u8], number: usize) -> bool {
    let pattern = pattern(number);
    bytes.chunks(pattern.len()).all(|chunk| *chunk == pattern[..chunk.len()])
}

/// Fresh memory, which was zeroed and is stamped now.
fn stamped_map(len: usize, number: usize) -> MappingMut {
    stamped_fresh(fresh(len), number)
}

/// As [`stamped_map`], in a reservation.
fn stamped_map_in(reservation: Reservation, number: usize) -> MappingMut {
    stamped_fresh(Mmap::anon(reservation.len()).map_mut_in(reservation).unwrap(), number)
}

fn stamped_fresh(mut map: MappingMut, number: usize) -> MappingMut {
    assert!(is_zero(&map));
    stamp(&mut map, number);
    map
}

#[track_caller]
fn assert_stamped(bytes: &[u8], number: usize) {
    assert!(is_stamped(bytes, number), "a byte of {number} changed");
}

#[cfg(feature = "std")]
fn stamped(len: usize, number: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    stamp(&mut bytes, number);
    bytes
}

/// A number below `below` that looks random and is the same in each run.
fn random(state: &mut u64, below: usize) -> usize {
    *state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
    (*state >> 33) as usize % below
}

/// Runs `f` while other threads repeat one of `disturbances` each.
fn meanwhile<D: FnMut() + Send>(disturbances: impl IntoIterator<Item = D>, f: impl FnOnce()) {
    let stop = &AtomicBool::new(false);
    thread::scope(|scope| {
        for mut disturb in disturbances {
            scope.spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    disturb();
                }
            });
        }
        // The other threads must stop even if this one panics.
        let result = catch_unwind(AssertUnwindSafe(f));
        stop.store(true, Ordering::Relaxed);
        result.unwrap();
    });
}

/// A folder that is removed when it is dropped.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        let thread = thread::current();
        let name = thread.name().unwrap().replace("::", "-");
        let path = env::temp_dir().join(format!("baremap-safe-{}-{name}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn path(&self, name: &str) -> CString {
        CString::new(self.0.join(name).to_str().unwrap()).unwrap()
    }

    fn open(&self, name: &str) -> Result<File, Error> {
        File::open(&*self.path(name))
    }

    fn open_rw(&self, name: &str) -> Result<File, Error> {
        File::open_rw(&*self.path(name))
    }

    fn create(&self, name: &str) -> Result<File, Error> {
        File::create(&*self.path(name))
    }

    /// A file with these contents, open for reading and writing.
    fn file(&self, name: &str, contents: &[u8]) -> File {
        fs::write(self.0.join(name), contents).unwrap();
        self.open_rw(name).unwrap()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Set in a child process, to the name of its test.
const ATTEMPT: &str = "BAREMAP_ATTEMPT";

/// How long a child process may take: far more than any attempt needs.
const TIMEOUT: Duration = Duration::from_secs(300);

/// Runs the current test in a child process, after a line of shell that sets its limits. Returns how the process ended
/// and what it printed, or `None`, and prints that it skips, where it cannot be started.
fn run_child(limits: &str) -> Option<(ExitStatus, String)> {
    let thread = thread::current();
    let (name, folder) = (thread.name().unwrap(), Folder::new());
    let mut command = if limits.is_empty() {
        Command::new(env::current_exe().unwrap())
    } else {
        let mut shell = Command::new("sh");
        shell.args(["-c", &format!("{limits}\nexec \"$0\" \"$@\"")]).arg(env::current_exe().unwrap());
        shell
    };
    let path = folder.0.join("output");
    let output = fs::File::create(&path).unwrap();
    let child = command
        .args([name, "--exact", "--include-ignored", "--nocapture", "--test-threads=1"])
        .env(ATTEMPT, name)
        .env("RUST_BACKTRACE", "0")
        // One heap for all threads, which glibc names in /proc.
        .env("MALLOC_ARENA_MAX", "1")
        .stdin(Stdio::null())
        .stdout(output.try_clone().unwrap())
        .stderr(output)
        .spawn();
    let mut child = match child {
        Ok(child) => child,
        Err(error) => {
            println!("skipped {name}: cannot start such a process here: {error}");
            return None;
        }
    };
    let start = Instant::now();
    let status = loop {
        match child.try_wait().unwrap() {
            Some(status) => break status,
            None if start.elapsed() > TIMEOUT => {
                child.kill().unwrap();
                child.wait().unwrap();
                panic!("{name} hangs: {}", fs::read_to_string(&path).unwrap_or_default());
            }
            None => thread::sleep(Duration::from_millis(5)),
        }
    };
    let text = String::from_utf8_lossy(&fs::read(&path).unwrap()).into_owned();
    // The shell's codes for a program that it cannot start.
    if matches!(status.code(), Some(126 | 127)) {
        println!("skipped {name}: {text}");
        return None;
    }
    Some((status, text))
}

/// Whether this process was started by [`run_child`].
fn is_child() -> bool {
    env::var(ATTEMPT).is_ok_and(|name| Some(&*name) == thread::current().name())
}

/// A file of /proc. A program under Wine sees the host's, which follows other rules.
fn proc(name: &str) -> Option<String> {
    if std::path::MAIN_SEPARATOR == '/' { fs::read_to_string(format!("/proc/{name}")).ok() } else { None }
}

/// The process's mappings, except heap and stack, and how many descriptors are open. `None` without /proc.
fn state() -> Option<(Vec<String>, usize)> {
    let maps = proc("self/maps")?;
    let maps = maps.lines().filter(|line| !line.ends_with("[heap]") && !line.ends_with("[stack]"));
    Some((maps.map(String::from).collect(), fs::read_dir("/proc/self/fd").ok()?.count()))
}

/// Makes the attempt in a child process, which must succeed.
fn alone(limits: &str, attempt: impl FnOnce()) {
    if is_child() {
        attempt();
        println!("the attempt was made");
        return;
    }
    let Some((status, text)) = run_child(limits) else { return };
    assert!(status.success() && text.contains("the attempt was made"), "{status}: {text}");
    text.lines().filter(|line| line.starts_with("skipped")).for_each(|line| println!("{line}"));
}

/// As [`alone`], but twice. The second time must leave the process's mappings and descriptors as they were; the first
/// time std and the allocator set up what they keep.
fn alone_and_clean(limits: &str, attempt: impl Fn()) {
    alone(limits, || {
        attempt();
        drop(state());
        let before = state();
        attempt();
        let (Some((maps, files)), Some((maps_after, files_after))) = (before, state()) else {
            return println!("skipped: no /proc that lists mappings and descriptors here");
        };
        let missing = |maps: &[String], from: &[String]| -> Vec<String> {
            maps.iter().filter(|line| !from.contains(line)).cloned().collect()
        };
        let (gone, new) = (missing(&maps, &maps_after), missing(&maps_after, &maps));
        assert!(
            gone.is_empty() && new.is_empty() && files == files_after,
            "gone {gone:#?}, new {new:#?}, descriptors {files} and {files_after}"
        );
    });
}

/// Limits locked memory to 64 KiB, and drops the capability by which root ignores that limit.
const FEW_LOCKS: &str = r#"ulimit -l 64
drop="setpriv --bounding-set=-ipc_lock --inh-caps=-ipc_lock"
if $drop true 2>/dev/null; then exec $drop "$0" "$@"; fi"#;

/// The whole reservation is mapped and inaccessible, as far as /proc tells.
#[track_caller]
fn assert_reserved(reservation: &Reservation) {
    let Some(maps) = proc("self/maps") else { return };
    let first = reservation.as_ptr().addr();
    for address in [first, first + reservation.len() - 1] {
        let line = maps.lines().find(|line| {
            let range = line.split([' ', '-']).take(2);
            let range: Vec<_> = range.map(|number| usize::from_str_radix(number, 16).unwrap()).collect();
            (range[0]..range[1]).contains(&address)
        });
        assert!(line.is_some_and(|line| line.contains(" ---p ")), "{reservation:?}: {line:?}");
    }
}

/// How much memory the process has locked, in KiB. `None` without /proc.
fn locked() -> Option<usize> {
    let status = proc("self/status")?;
    let line = status.lines().find(|line| line.starts_with("VmLck:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

/// How much address space the tests may reserve: emulators that track every page can afford less.
fn address_space() -> usize {
    env::var("BAREMAP_ADDRESS_SPACE").map_or(usize::MAX, |bytes| bytes.parse().unwrap())
}

// Reservations.

/// Splits at every offset that is not allowed: the whole reservation must be given back, not a part that overlaps another.
#[test]
fn splits_at_invalid_offsets() {
    let granularity = allocation_granularity();
    let Some(mut whole) = reserve(4 * granularity) else { return };
    let (ptr, len) = (whole.as_ptr(), whole.len());
    let near = [granularity - 1, granularity + 1, len - 1, len, len + granularity];
    for at in [0, 1, 1 << 31, isize::MAX as usize, usize::MAX].into_iter().chain(near) {
        let refused = whole.split(at).unwrap_err();
        assert_eq!(refused.error.kind(), ErrorKind::InvalidInput);
        whole = refused.value;
        assert_eq!((whole.as_ptr(), whole.len()), (ptr, len));
    }
    assert_stamped(&stamped_map_in(whole, 1), 1);
}

/// Drops the parts of a reservation in every order, some of them mapped: each must release its own range and nothing
/// else.
#[test]
fn drops_parts_in_every_order() {
    alone_and_clean("", || {
        for order in 0..24 * 16 {
            let Some(parts) = reserve_parts(4) else { return };
            let (mut order, mapped) = (order / 16, order % 16);
            let mut parts: Vec<_> = (0..4)
                .zip(parts)
                .map(|(i, part)| match mapped >> i & 1 {
                    0 => (i, Some(part), None),
                    _ => (i, None, Some(stamped_map_in(part, i))),
                })
                .collect();
            while !parts.is_empty() {
                drop(parts.swap_remove(order % parts.len()));
                order /= 2;
                for (i, _, map) in &parts {
                    map.iter().for_each(|map| assert_stamped(map, *i));
                }
            }
        }
    });
}

/// Maps every wrong length in a reservation, which must be given back unchanged: a mapping longer than its reservation
/// would replace a neighbour.
#[test]
fn maps_another_length_than_the_reservations() {
    let granularity = allocation_granularity();
    let Some(parts) = reserve_parts(3) else { return };
    let mut parts = parts.into_iter().zip(1..).map(|(part, i)| stamped_map_in(part, i));
    let [before, middle, after] = array::from_fn(|_| parts.next().unwrap());
    let mut reservation = middle.into_reservation().unwrap();
    let (ptr, len) = (reservation.as_ptr(), reservation.len());
    let near = [granularity + 1, 2 * granularity, 3 * granularity, granularity.wrapping_neg()];
    for wrong in [0, 1 << 30, isize::MAX as usize, usize::MAX].into_iter().chain(near) {
        for flags in all_flags() {
            reservation = Mmap::anon(wrong).flags(flags).map_mut_in(reservation).unwrap_err().value;
            assert_eq!((reservation.as_ptr(), reservation.len()), (ptr, len));
        }
    }
    assert_reserved(&reservation);
    assert_eq!(stamped_map_in(reservation, 4).as_ptr(), ptr);
    assert_stamped(&before, 1);
    assert_stamped(&after, 3);
}

/// Maps in one reservation again and again, after failures and successes: fresh memory must be zeroed, not show what
/// was there before.
#[test]
fn finds_old_contents_in_a_reservation() {
    let granularity = allocation_granularity();
    let Some(mut reservation) = reserve(2 * granularity) else { return };
    for round in 0..100 {
        for flags in all_flags() {
            match Mmap::anon(2 * granularity).flags(flags).map_mut_in(reservation) {
                Ok(map) => {
                    let mut map = stamped_fresh(map, round).into_read_only().unwrap();
                    let _ = map.protect(PROTS[round % 4]);
                    reservation = map.into_reservation().unwrap();
                }
                Err(refused) => reservation = refused.value,
            }
        }
    }
}

/// Makes the lock of a fresh mapping in a reservation fail: if the mapping were not wholly undone, the next one there
/// would have its memory.
#[test]
fn fails_to_lock_in_a_reservation() {
    alone_and_clean(FEW_LOCKS, || {
        let len = 1 << 20;
        let Some(mut reservation) = reserve(len) else { return };
        for flags in [Flags::LOCKED, Flags::LOCKED | Flags::POPULATE, Flags::LOCKED | Flags::NORESERVE] {
            match Mmap::anon(len).flags(flags).map_mut_in(reservation) {
                Ok(map) => {
                    assert!(locked().is_none_or(|locked| locked >= len >> 10), "{map:?} is not locked");
                    return println!("skipped: no limit on locked memory here");
                }
                Err(refused) => reservation = refused.value,
            }
            assert_reserved(&reservation);
            let map = stamped_map_in(reservation, 7);
            assert!(map.lock().is_err());
            assert_stamped(&map, 7);
            reservation = map.into_reservation().unwrap();
        }
        assert!(Mmap::anon(len).flags(Flags::LOCKED).map().is_err());
    });
}

/// Locks more than the limit: if a part stayed locked, the rest of the process could lock less.
#[test]
fn fails_to_lock_and_keeps_some_locked() {
    alone(FEW_LOCKS, || {
        let Some(before) = locked() else { return println!("skipped: no /proc that tells what is locked") };
        match fresh(1 << 20).lock() {
            Ok(()) => println!("skipped: no limit on locked memory here"),
            Err(_) => assert_eq!(locked(), Some(before)),
        }
    });
}

/// Aligns to every power of two, to other numbers, and beyond the address space: the sum of length and alignment could
/// overflow, and what is reserved in excess could stay.
#[test]
fn aligns_to_everything() {
    alone_and_clean("", || {
        drop(reserve(1));
        for bit in 0..usize::BITS {
            for len in [1, 1 << 20, 1 << (usize::BITS - 20), isize::MAX as usize, usize::MAX] {
                let align = 1_usize << bit;
                // More than the whole address space fails at once.
                if (address_space()..1 << (usize::BITS - 2)).contains(&len.max(align)) {
                    continue;
                }
                if let Ok(reservation) = Reservation::aligned(len, align) {
                    assert_eq!(reservation.as_ptr().addr() % align, 0);
                    assert!(reservation.len() >= len && reservation.len() - len < 1 << 20);
                }
                for odd in [align - 1, align + 1, align | 1 << 3, align.wrapping_neg()] {
                    if !odd.is_power_of_two() {
                        let error = Reservation::aligned(len, odd).unwrap_err();
                        assert!(matches!(error.kind(), ErrorKind::InvalidInput | ErrorKind::Unsupported));
                    }
                }
            }
        }
    });
}

/// Takes so much address space that `isize::MAX` bytes more cannot be had, where an address has 32 bits.
fn crowd() -> Option<Reservation> {
    Reservation::new(isize::MAX as usize & !0xffff).ok()
}

/// Reserves lengths beyond any address space, and lengths that overflow when they are rounded up.
#[test]
fn reserves_absurd_lengths() {
    assert_eq!(Reservation::new(0).unwrap_err().kind(), ErrorKind::ZeroLength);
    assert_eq!(Reservation::aligned(0, 1).unwrap_err().kind(), ErrorKind::ZeroLength);
    for len in [isize::MAX as usize, isize::MAX as usize + 1, usize::MAX - 65536, usize::MAX - 1, usize::MAX]
    {
        assert_eq!(Reservation::new(len).unwrap_err().kind(), ErrorKind::TooLong);
    }
    let most = isize::MAX as usize + 1 - allocation_granularity();
    let _crowd = crowd();
    let kind = Reservation::new(most).unwrap_err().kind();
    assert!(matches!(kind, ErrorKind::OutOfMemory | ErrorKind::Unsupported), "{kind:?}");
}

/// Maps in a reservation, fails to, and makes it a reservation again, while other threads map all they can: if the
/// range were free for a moment, one of them could get it, and two would write to the same memory.
#[test]
fn steals_the_range_while_it_is_mapped() {
    let granularity = allocation_granularity();
    let Some(mut reservation) = reserve(4 * granularity) else { return };
    let thief = |mut number| {
        let mut held: Vec<(usize, MappingMut)> = Vec::new();
        move || {
            number += 1;
            held.push((number, stamped_map(granularity * (1 + number % 2), number)));
            if held.len() == 8 {
                let (number, map) = held.swap_remove(number % 8);
                assert_stamped(&map, number);
            }
        }
    };
    meanwhile([1000, 2000, 3000].map(thief), || {
        for round in 0..100 {
            let flags = [Flags::empty(), Flags::POPULATE, Flags::NORESERVE][round % 3];
            let huge = Mmap::anon(4 * granularity).flags(Flags::HUGETLB);
            reservation = huge.map_in(reservation).unwrap_err().value;
            reservation = Mmap::anon(5 * granularity).map_in(reservation).unwrap_err().value;
            match Mmap::anon(4 * granularity).flags(flags).map_mut_in(reservation) {
                Ok(map) => {
                    let map = stamped_fresh(map, round);
                    thread::yield_now();
                    assert_stamped(&map, round);
                    reservation = map.into_reservation().unwrap();
                }
                Err(refused) => reservation = refused.value,
            }
        }
    });
}

/// Splits in one thread, maps in a second and unmaps in a third, all at once: a range belongs to no thread, and no two
/// may use the same one.
#[test]
fn hands_reservations_from_thread_to_thread() {
    drop(reserve(1));
    let (to_map, from_split) = mpsc::channel::<(usize, Reservation)>();
    let (to_unmap, from_map) = mpsc::channel::<(usize, MappingMut)>();
    thread::scope(|scope| {
        scope.spawn(move || {
            for round in 0..100 {
                let Some(parts) = reserve_parts(8) else { return };
                for (i, part) in parts.into_iter().enumerate() {
                    to_map.send((8 * round + i, part)).unwrap();
                }
            }
        });
        scope.spawn(move || {
            for (number, part) in from_split {
                to_unmap.send((number, stamped_map_in(part, number))).unwrap();
            }
        });
        scope.spawn(move || {
            for (number, map) in from_map {
                assert_stamped(&map, number);
                match number % 3 {
                    0 => drop(map),
                    1 => map.unmap().unwrap(),
                    _ => map.into_reservation().unwrap().release().unwrap(),
                }
            }
        });
    });
}

/// Reserves the whole address space: what then fails must say so, and what was mapped before must stay.
#[test]
fn takes_all_address_space() {
    if address_space() != usize::MAX {
        return println!("skipped: an emulator needs address space itself");
    }
    alone_and_clean("", || {
        let map = stamped_map(1 << 16, 5);
        let mut held: Vec<Reservation> = Vec::with_capacity(10_000);
        let mut len = 1_usize << (usize::BITS - 2);
        let smallest = 64 << 10;
        while len >= smallest && held.len() < held.capacity() {
            match Reservation::new(len) {
                Ok(reservation) => held.push(reservation),
                Err(error) if error.kind() == ErrorKind::Unsupported => return println!("skipped: {error}"),
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::OutOfMemory, "{error}");
                    len /= 2;
                }
            }
        }
        if len < smallest {
            assert_eq!(Mmap::anon(smallest).map().unwrap_err().kind(), ErrorKind::OutOfMemory);
        }
        let mut ranges: Vec<_> = held.iter().map(|held| (held.as_ptr().addr(), held.len())).collect();
        ranges.push((map.as_ptr().addr(), map.len()));
        ranges.sort_unstable();
        assert!(ranges.windows(2).all(|pair| pair[0].0 + pair[0].1 <= pair[1].0), "two overlap");
        // Memory can still be mapped in a reservation, except where that needs a free range first.
        let reservation = held.pop().unwrap();
        let len = reservation.len();
        match Mmap::anon(len).map_mut_in(reservation) {
            Ok(mut inner) => stamp(&mut inner, 6),
            Err(refused) => {
                assert_eq!((refused.value.len(), refused.error.kind()), (len, ErrorKind::OutOfMemory));
            }
        }
        assert_stamped(&map, 5);
    });
}

/// Makes reservations of mappings of every kind, splits them and maps there: a mapping that began within a page, or had
/// other permissions or locks, could leave some of that behind.
#[test]
fn reuses_the_range_of_every_mapping() {
    fn reuse<A>(map: Mapping<A>)
    where
        Mapping<A>: Deref<Target = [u8]>,
    {
        let granularity = allocation_granularity();
        let len = 3 * granularity - 7;
        ADVICE.iter().for_each(|&advice| map.advise(advice).unwrap());
        let _ = map.lock();
        let reservation = match map.into_reservation() {
            Ok(reservation) => reservation,
            Err(refused) => {
                let map = refused.value;
                return assert!(map.len() == len && is_filled(&map, map[0]));
            }
        };
        assert!(reservation.len() >= len);
        assert_reserved(&reservation);
        let (first, rest) = reservation.split(granularity).unwrap();
        drop(stamped_map_in(rest, 1));
        assert!(is_zero(&Mmap::anon(granularity).map_in(first).unwrap()));
    }
    alone_and_clean("", || {
        drop(reserve(1));
        for (flags, prot) in all_flags().flat_map(|flags| PROTS.map(|prot| (flags, prot))) {
            let request = Mmap::anon(3 * allocation_granularity() - 7).prot(prot).flags(flags);
            if !prot.contains(Prot::WRITE) {
                let _ = request.map().map(reuse);
            } else if let Ok(mut map) = request.map_mut() {
                map.fill(0xee);
                reuse(map);
            }
        }
    });
}

/// Forgets reservations and mappings, which no destructor then releases: nothing else may be mapped in their ranges.
#[test]
fn forgets_what_it_holds() {
    let granularity = allocation_granularity();
    let mut held = Vec::new();
    let mut hold = |ptr: *const u8, len| held.push((ptr.addr(), len));
    for _ in 0..50 {
        if let Some(reservation) = reserve(2 * granularity) {
            hold(reservation.as_ptr(), reservation.len());
            mem::forget(reservation);
        }
        let map = fresh(granularity);
        hold(map.as_ptr(), map.len());
        mem::forget(map);
        let (ptr, len, _) = fresh(granularity).into_raw_parts();
        hold(ptr.as_ptr(), len);
    }
    for len in (0..100).map(|i| granularity * (1 + i % 5)) {
        let map = fresh(len);
        let start = map.as_ptr().addr();
        assert!(held.iter().all(|&(other, other_len)| start + len <= other || other + other_len <= start));
    }
}

/// Exhausts the number of mappings that a process may have, where neighbours that the system merged cannot be split: a
/// call of two steps then fails in the second, and must leave what its documentation says.
#[test]
fn runs_out_of_mappings() {
    run_out_of_mappings(&[0]);
}

#[test]
#[ignore = "fills the table of mappings six times"]
fn runs_out_of_mappings_with_some_to_spare() {
    run_out_of_mappings(&[0, 2, 5]);
}

/// For each number of mappings that can still be made then: some calls need more than one, or a margin.
fn run_out_of_mappings(spares: &[usize]) {
    const COUNT: usize = 32;
    let most = proc("sys/vm/max_map_count").and_then(|text| text.trim().parse().ok());
    let most: usize = match most {
        Some(most) if most <= 100_000 => most,
        _ => return println!("skipped: no limit on mappings within reach here"),
    };
    let attempt = |&spare: &usize| {
        let page = page_size();
        // Read-only by type, with pages that are writable, as those between which they lie are.
        let merged = |i| {
            let mut map = stamped_map(page, i).into_read_only().unwrap();
            map.protect(Prot::WRITE).unwrap();
            Some(map)
        };
        let mut merged: Vec<_> = (0..COUNT).map(merged).collect();
        let mut reservations: Vec<_> = reserve_parts(COUNT).unwrap().into_iter().map(Some).collect();
        let mut many: Vec<Mapping> = Vec::with_capacity(most);
        let mut seen = Vec::with_capacity(1000);
        let mut note = |error: Error| {
            assert_eq!(error.kind(), ErrorKind::OutOfMemory, "{error}");
            seen.push(error.call());
        };
        loop {
            let prot = [Prot::READ, Prot::WRITE][many.len() % 2];
            match Mmap::anon(page).prot(prot).map() {
                Ok(map) => many.push(map),
                Err(error) => break note(error),
            }
        }
        many.truncate(many.len() - spare);
        // Every other of the merged ones, each of which would be split from its neighbours.
        for i in (1..COUNT - 1).step_by(2) {
            let mut map = merged[i].take().unwrap();
            let ptr = map.as_ptr();
            let result = match i % 8 {
                1 => map.protect(Prot::READ),
                3 => map.lock(),
                5 => map.advise(Advice::Random),
                _ => match map.into_exec() {
                    Ok(same) => {
                        map = same;
                        Ok(())
                    }
                    Err(refused) => {
                        map = refused.value;
                        Err(refused.error)
                    }
                },
            };
            result.unwrap_or_else(&mut note);
            assert_stamped(&map, i);
            // As its neighbours again, if possible.
            let _ = (map.unlock(), map.advise(Advice::Normal), map.protect(Prot::WRITE));
            assert_stamped(&map, i);
            match map.into_reservation() {
                Ok(reservation) => {
                    assert!(reservation.as_ptr() == ptr && reservation.len() == page);
                    reservations.push(Some(reservation));
                }
                Err(refused) => {
                    note(refused.error);
                    assert_stamped(&refused.value, i);
                    merged[i] = refused.value.unmap().err().map(|refused| {
                        note(refused.error);
                        assert!(refused.value.as_ptr() == ptr);
                        refused.value
                    });
                }
            }
            let reservation = reservations[i].take().unwrap();
            let (ptr, len) = (reservation.as_ptr(), reservation.len());
            let flags = [Flags::empty(), Flags::NORESERVE, Flags::LOCKED][i / 4 % 3];
            let result = match i % 4 {
                1 => reservation.release(),
                _ => Mmap::anon(len).prot(Prot::WRITE).flags(flags).map_in(reservation).map(|map| {
                    assert!(is_zero(&map));
                    many.push(map);
                }),
            };
            reservations[i] = result.err().map(|refused| {
                note(refused.error);
                assert_eq!((refused.value.as_ptr(), refused.value.len()), (ptr, len));
                refused.value
            });
            for (i, map) in merged.iter().enumerate() {
                map.iter().for_each(|map| assert_stamped(map, i));
            }
        }
        // The last one first, so that there are mappings to spare for what must be split.
        while let Some(map) = many.pop() {
            map.unmap().unwrap();
        }
        merged.into_iter().flatten().for_each(|map| map.unmap().unwrap());
        for reservation in reservations.into_iter().flatten() {
            assert_reserved(&reservation);
            reservation.release().unwrap();
        }
        seen.sort_unstable();
        seen.dedup();
        println!("with {spare} to spare failed: {seen:?}");
    };
    alone_and_clean("", || spares.iter().for_each(attempt));
}

// Memory.

/// Maps memory with every set of flags and all permissions, in a reservation and elsewhere: it must be zeroed, readable
/// to its last byte, and writable where the type says so.
#[test]
fn maps_with_every_flag_and_permission() {
    alone_and_clean("", || {
        let len = 2 * allocation_granularity() - 1;
        let has_reservations = reserve(1).is_some();
        for (flags, prot) in all_flags().flat_map(|flags| PROTS.map(|prot| (flags, prot))) {
            let request = || Mmap::anon(len).prot(prot).flags(flags);
            let refused = |error: Error| {
                assert!(error.flag().is_none_or(|flag| flags.contains(flag)), "{flags:?} {prot:?}: {error}");
            };
            let (mut readable, mut writable) = (vec![request().map()], vec![request().map_mut()]);
            if has_reservations {
                readable.push(request().map_in(reserve(len).unwrap()).map_err(Error::from));
                writable.push(request().map_mut_in(reserve(len).unwrap()).map_err(Error::from));
            }
            for map in readable {
                map.map_or_else(refused, |map| assert!(is_zero(&map) && map.len() == len));
            }
            for map in writable {
                map.map_or_else(refused, |mut map| {
                    assert!(is_zero(&map) && map.len() == len);
                    map.fill(0x5a);
                    assert!(is_filled(&map, 0x5a));
                });
            }
            request().map_raw().map_or_else(refused, |map| assert_eq!(map.len(), len));
        }
    });
}

/// A mapping of either type.
enum Either {
    Readable(Mapping),
    Writable(MappingMut),
}

impl Either {
    /// Changes the permissions as the type allows, and the type where the permissions require it.
    fn protect(self, prot: Prot) -> Self {
        let readable = |result: Result<Mapping, baremap::Refused<Mapping>>| {
            Self::Readable(result.unwrap_or_else(|refused| refused.value))
        };
        match self {
            Self::Readable(map) if prot == Prot::EXEC => readable(map.into_exec()),
            Self::Readable(map) if prot == Prot::WRITE => match map.into_mut() {
                Ok(map) => Self::Writable(map),
                Err(refused) => Self::Readable(refused.value),
            },
            Self::Readable(mut map) => {
                let _ = map.protect(prot);
                Self::Readable(map)
            }
            Self::Writable(map) if prot == Prot::EXEC => readable(map.into_exec()),
            Self::Writable(map) if prot == Prot::READ => readable(map.into_read_only()),
            Self::Writable(mut map) => {
                let _ = map.protect(prot);
                Self::Writable(map)
            }
        }
    }
}

/// Changes permissions four times, in every order: if the type ever promised more than the pages allow, a safe write
/// would fault.
#[test]
fn protects_in_every_order() {
    let len = 2 * page_size() + 1;
    for order in 0..256_usize {
        let mut map = Either::Writable(fresh(len));
        let mut number = 0;
        for step in 0..4 {
            match &mut map {
                Either::Readable(map) => assert_stamped(map, number),
                Either::Writable(map) => {
                    assert!(step == 0 || is_stamped(map, number));
                    number = order + step;
                    stamp(map, number);
                }
            }
            map = map.protect(PROTS[order >> (2 * step) & 3]);
        }
        match &map {
            Either::Readable(map) => assert_stamped(map, number),
            Either::Writable(map) => assert_stamped(map, number),
        }
    }
}

/// Makes the change of permissions fail, as writable memory counts against a limit: the mapping must keep a type whose
/// promises the pages keep.
#[test]
fn fails_to_protect() {
    alone_and_clean("ulimit -d 400000", || {
        let len = 1 << 30;
        let mut map = Mmap::anon(len).map().unwrap();
        for prot in [Prot::WRITE, Prot::WRITE | Prot::EXEC, Prot::WRITE] {
            match map.protect(prot) {
                Ok(()) => return println!("skipped: no limit on writable memory here"),
                Err(error) => assert_eq!(error.kind(), ErrorKind::OutOfMemory, "{error}"),
            }
            assert!(map[0] == 0 && map[len - 1] == 0);
        }
        let refused = map.into_mut().unwrap_err();
        assert_eq!(refused.error.kind(), ErrorKind::OutOfMemory, "{refused}");
        let map = refused.value.into_exec().unwrap();
        assert!(map[0] == 0 && map[len - 1] == 0);
        let Some(mut reservation) = reserve(len) else { return };
        for flags in [Flags::empty(), Flags::NORESERVE, Flags::POPULATE] {
            let refused = Mmap::anon(len).flags(flags).map_mut_in(reservation).unwrap_err();
            assert_eq!((refused.value.len(), refused.error.kind()), (len, ErrorKind::OutOfMemory));
            assert_reserved(&refused.value);
            reservation = refused.value;
        }
        let inner = Mmap::anon(len).map_in(reservation).unwrap();
        assert!(inner[0] == 0 && inner[len - 1] == 0);
        assert_eq!(Mmap::anon(len).map_mut().unwrap_err().kind(), ErrorKind::OutOfMemory);
    });
}

/// Maps until the process's address space is exhausted, with everything that maps: that must be an error, not a signal,
/// and all must work again when some of it is unmapped.
#[test]
fn runs_out_of_memory() {
    alone_and_clean("ulimit -v 1000000", || {
        for flags in [Flags::empty(), Flags::NORESERVE] {
            let mut held = Vec::with_capacity(10_000);
            let error = loop {
                match Mmap::anon(1 << 20).flags(flags).map_mut() {
                    Ok(map) => held.push(map),
                    Err(error) => break error,
                }
                if held.len() == held.capacity() {
                    return println!("skipped: no limit on address space here");
                }
            };
            // Windows does not support the flag.
            assert!(matches!(error.kind(), ErrorKind::OutOfMemory | ErrorKind::Unsupported), "{error}");
            for populated in [Flags::POPULATE, Flags::LOCKED, Flags::POPULATE | Flags::LOCKED] {
                assert!(Mmap::anon(1 << 29).flags(populated).map().is_err());
            }
            assert!(Reservation::new(1 << 29).is_err() && Reservation::aligned(1 << 20, 1 << 29).is_err());
            held.pop();
            if let Some(map) = held.last_mut() {
                stamp(map, 3);
                assert_stamped(map, 3);
            }
        }
        drop(fresh(1 << 20));
    });
}

/// Takes the permission to write from a `MappingMut`, whose slice would then fault.
#[test]
fn protects_a_writable_mapping() {
    for prot in [Prot::empty(), Prot::READ, Prot::EXEC] {
        let mut map = Mmap::anon(100).prot(prot).map_mut().unwrap();
        for _ in 0..3 {
            assert_eq!(map.protect(prot).unwrap_err().kind(), ErrorKind::InvalidInput);
            assert!(map.prot().contains(Prot::WRITE));
            map.fill(1);
        }
        let mut map = map.into_read_only().unwrap();
        map.protect(prot).unwrap();
        assert!(is_filled(&map, 1));
        let mut map = map.into_mut().unwrap();
        map.fill(2);
        let map = map.into_exec().unwrap();
        assert!(is_filled(&map, 2) && !map.prot().contains(Prot::WRITE));
    }
}

/// Combines permissions and flags by every operator: memory mapped without READ could not be read through its slice.
#[test]
fn makes_permissions_without_reading() {
    let mut prots: HashSet<Prot> = PROTS.into_iter().chain([Prot::default(), Prot::empty()]).collect();
    let mut flags: HashSet<Flags> = FLAGS.into_iter().chain([Flags::default()]).collect();
    for _ in 0..FLAGS.len() {
        for (a, b) in prots.clone().into_iter().flat_map(|a| PROTS.map(|b| (a, b))) {
            prots.extend([a | b, a & b, a - b, a ^ b, !a]);
        }
        for (a, b) in flags.clone().into_iter().flat_map(|a| FLAGS.map(|b| (a, b))) {
            flags.extend([a | b, a & b, a - b, a ^ b, !a]);
        }
    }
    assert!(prots.len() == 8 && flags.len() == 512);
    for &prot in &prots {
        let map = Mmap::anon(10).prot(prot).map();
        map.iter().for_each(|map| assert!(is_zero(map)));
        let map = Mmap::anon(10).prot(prot).map_mut();
        map.into_iter().for_each(|mut map| map.fill(1));
        let mut map = Mmap::anon(10).map().unwrap();
        let _ = map.protect(prot);
        assert!(is_zero(&map));
    }
    for flags in flags {
        drop(Mmap::anon(10).flags(flags).map());
    }
}

/// Maps lengths that overflow when they are rounded up, to pages or to huge pages, or that exceed any address space.
#[test]
fn maps_absurd_lengths() {
    let _crowd = crowd();
    for flags in all_flags() {
        // A length that succeeds would take too long to populate.
        if flags.contains(Flags::POPULATE) || flags.contains(Flags::LOCKED) {
            continue;
        }
        for prot in PROTS {
            let map = |len| Mmap::anon(len).prot(prot).flags(flags).map();
            assert!(map(0).is_err());
            for below in [0, 1, 4095, 4096, 65535, 1 << 20, (2 << 20) - 1, 2 << 20] {
                assert!(map(isize::MAX as usize - below).is_err());
                assert!(map(usize::MAX - below).is_err());
                assert_eq!(map(isize::MAX as usize + 1 + below).unwrap_err().kind(), ErrorKind::TooLong);
            }
        }
    }
}

/// Maps huge pages, of which the system may have too few: memory that is granted and then missing would fault.
#[test]
fn touches_huge_pages() {
    alone_and_clean("", || {
        for flags in all_flags().filter(|flags| flags.contains(Flags::HUGETLB)) {
            for len in [1, (2 << 20) - 1, 2 << 20, 5 << 20] {
                match Mmap::anon(len).flags(flags).map_mut() {
                    Err(error) => assert!(error.flag().is_some(), "{flags:?}: {error}"),
                    Ok(map) => assert_stamped(&stamped_fresh(map, len).into_read_only().unwrap(), len),
                }
            }
        }
    });
}

/// Maps, writes and unmaps in eight threads at once, with dozens of mappings alive in each: no two may share a byte.
#[test]
fn maps_in_eight_threads() {
    let page = page_size();
    let barrier = Barrier::new(8);
    thread::scope(|scope| {
        for number in 0..8 {
            let barrier = &barrier;
            scope.spawn(move || {
                barrier.wait();
                let mut seed = number as u64;
                let mut live: Vec<(usize, MappingMut)> = Vec::new();
                for round in 0..250 {
                    let number = number * 1000 + round;
                    live.push((number, stamped_map(1 + random(&mut seed, 3 * page), number)));
                    if live.len() > 32 {
                        let (number, map) = live.swap_remove(random(&mut seed, 32));
                        assert_stamped(&map, number);
                        if round % 2 == 0 {
                            map.unmap().unwrap();
                        }
                    }
                    let (number, map) = &live[random(&mut seed, live.len())];
                    assert_stamped(map, *number);
                }
                live.iter().for_each(|(number, map)| assert_stamped(map, *number));
            });
        }
    });
}

/// Unmaps from the middle of mappings that the system merged: the neighbours must stay.
#[test]
fn unmaps_between_neighbours() {
    alone_and_clean("", || {
        let page = page_size();
        let mut maps: Vec<_> = (0..64).map(|i| (i, stamped_map(1 + i * page / 16, i))).collect();
        let mut seed = 1;
        while !maps.is_empty() {
            let (i, map) = maps.swap_remove(random(&mut seed, maps.len()));
            let mut map = map.into_read_only().unwrap();
            map.protect(PROTS[i % 4]).unwrap();
            map.unmap().unwrap();
            maps.iter().for_each(|(i, map)| assert_stamped(map, *i));
        }
    });
}

/// Sends a mapping to a thread that ends, gets another one from it, and leaves one to a thread's destructors: memory
/// belongs to no thread.
#[test]
fn outlives_the_thread_that_mapped_it() {
    let map = stamped_map(100_000, 1);
    let thread = thread::spawn(move || {
        assert_stamped(&map, 1);
        drop(map);
        stamped_map(100_000, 2)
    });
    let mut map = thread.join().unwrap();
    assert_stamped(&map, 2);
    stamp(&mut map, 3);
    thread_local!(static LAST: Cell<Option<MappingMut>> = const { Cell::new(None) });
    thread::spawn(move || LAST.set(Some(map))).join().unwrap();
}

/// Advises, locks, unlocks and flushes one mapping from many threads, whole and in parts, while others read it: methods
/// that take `&self` must not change a byte.
#[test]
fn works_on_one_mapping_from_many_threads() {
    let len = 16 * page_size() + 77;
    let map = stamped_map(len, 9);
    thread::scope(|scope| {
        for number in 0..8_u64 {
            let map = &map;
            scope.spawn(move || {
                let mut seed = number;
                for round in 0..50 {
                    let start = random(&mut seed, len);
                    let range = start..start + random(&mut seed, len - start + 1);
                    let _ = match (number + round) % 6 {
                        0 => map.lock(),
                        1 => map.unlock(),
                        2 => map.flush_range(range),
                        3 => map.flush_async_range(range),
                        _ => map.advise_range(range, ADVICE[random(&mut seed, 8)]),
                    };
                    assert_stamped(map, 9);
                }
            });
        }
    });
    assert_stamped(&map, 9);
}

/// A range that is another one each time its bounds are read.
struct Liar(Cell<usize>, [usize; 4]);

impl RangeBounds<usize> for Liar {
    fn start_bound(&self) -> Bound<&usize> {
        self.0.set(self.0.get() + 1);
        Bound::Included(&self.1[self.0.get() % 4])
    }

    fn end_bound(&self) -> Bound<&usize> {
        self.0.set(self.0.get() + 1);
        Bound::Excluded(&self.1[self.0.get() % 4])
    }
}

/// Passes ranges to every method that takes one: ranges that overflow, end before they start, reach past the end, or
/// change while they are read. One that is not checked would reach other memory.
#[test]
fn passes_ranges_that_overflow() {
    let len = 3 * page_size() + 5;
    let map = stamped_map(len, 4);
    let each = |range: (Bound<usize>, Bound<usize>)| {
        let results = [map.flush_range(range), map.flush_async_range(range)];
        let results = results.into_iter().chain(ADVICE.map(|advice| map.advise_range(range, advice)));
        results.map(|result| result.map_err(|error| error.kind())).collect::<Vec<_>>()
    };
    let values = [0, 1, len - 1, len, len + 1, isize::MAX as usize, usize::MAX - 1, usize::MAX];
    let bounds = |value| [Bound::Included(value), Bound::Excluded(value), Bound::Unbounded];
    for (start, end) in values.iter().flat_map(|&a| values.map(|b| (a, b))) {
        for (start, end) in bounds(start).into_iter().flat_map(|a| bounds(end).map(|b| (a, b))) {
            let first = match start {
                Bound::Included(start) => start as u128,
                Bound::Excluded(start) => start as u128 + 1,
                Bound::Unbounded => 0,
            };
            let past = match end {
                Bound::Included(end) => end as u128 + 1,
                Bound::Excluded(end) => end as u128,
                Bound::Unbounded => len as u128,
            };
            let is_within = first <= past && past <= len as u128;
            let expected = if is_within { Ok(()) } else { Err(ErrorKind::BeyondEnd) };
            for result in each((start, end)) {
                assert_eq!(result, expected, "{start:?}, {end:?}");
            }
        }
    }
    assert!(map.flush_range(0..=usize::MAX).is_err());
    assert!(map.advise_range(usize::MAX..=usize::MAX, Advice::Cold).is_err());
    for shift in 0..64 {
        let liar = || Liar(Cell::new(shift), [values[shift % 8], 0, usize::MAX, values[shift / 8]]);
        let _ = (map.flush_range(liar()), map.flush_async_range(liar()));
        let _ = ADVICE.map(|advice| map.advise_range(liar(), advice));
    }
    assert_stamped(&map, 4);
}

/// Calls every method on empty ranges and empty mappings: the system would reject a length of 0, or take it for
/// everything.
#[test]
fn works_on_nothing() {
    let len = 2 * page_size();
    let map = stamped_map(len, 4);
    for at in [0, 1, page_size(), len - 1, len] {
        map.flush_range(at..at).unwrap();
        map.flush_async_range(at..at).unwrap();
        ADVICE.iter().for_each(|&advice| map.advise_range(at..at, advice).unwrap());
    }
    assert_stamped(&map, 4);
    let empty = <Mapping>::default();
    for result in [empty.flush(), empty.flush_async(), empty.lock(), empty.unlock()] {
        result.unwrap();
    }
    ADVICE.iter().for_each(|&advice| empty.advise(advice).unwrap());
    let mut empty = empty.into_mut().unwrap();
    assert!(empty.is_empty() && empty.bytes_mut().is_empty());
    let _ = empty.protect(Prot::READ);
    let empty = empty.into_exec().unwrap();
    drop(empty.into_reservation());
    assert!(<Mapping>::default().leak().is_empty() && MappingMut::default().leak().is_empty());
    MappingMut::default().unmap().unwrap();
}

/// Leaks mappings and reads them from another thread while others are mapped and unmapped: they must stay forever.
#[test]
fn reads_what_was_leaked() {
    let leaked: Vec<&'static [u8]> = (0..20)
        .map(|i| {
            let map = stamped_map(1 + i * 1000, i);
            if i % 4 == 1 {
                return &*map.leak();
            }
            let mut map = map.into_read_only().unwrap();
            map.protect(PROTS[i % 4]).unwrap();
            map.leak()
        })
        .collect();
    let read = move || leaked.iter().enumerate().for_each(|(i, bytes)| assert_stamped(bytes, i));
    meanwhile([read], || {
        for i in 0..2000 {
            drop(fresh(1 + i * 10));
            drop(reserve(1));
        }
    });
}

/// Maps where other mappings were a moment ago, after calls that could leave something behind: fresh memory is zeroed.
#[test]
fn finds_old_contents_in_fresh_memory() {
    for round in 0..2000 {
        let flags = [Flags::empty(), Flags::POPULATE, Flags::NORESERVE, Flags::COW][round % 4];
        let Ok(mut map) = Mmap::anon(3 * page_size()).flags(flags).map_mut() else { continue };
        assert!(is_zero(&map));
        map.fill(0xff);
        let _ = (map.lock(), map.advise(ADVICE[round % 8]));
        let mut map = map.into_read_only().unwrap();
        let _ = map.protect(PROTS[round % 4]);
        if round % 2 == 0 {
            map.unmap().unwrap();
        }
    }
}

/// Panics while mappings and reservations are in use, here and in another thread: each must be released once.
#[test]
fn panics_with_mappings_alive() {
    alone_and_clean("", || {
        let granularity = allocation_granularity();
        for round in 0..20 {
            let result = catch_unwind(|| {
                let _reservations = reserve_parts(3);
                let mut map = fresh(granularity);
                let _other = Mmap::anon(granularity).map().unwrap();
                map[granularity + round] = 1;
            });
            assert!(result.is_err());
        }
        let shared = Arc::new(Mutex::new(fresh(granularity)));
        let poisoner = shared.clone();
        let result = catch_unwind(AssertUnwindSafe(move || {
            let mut map = poisoner.lock().unwrap();
            stamp(&mut map, 1);
            panic!("on purpose");
        }));
        assert!(result.is_err());
        let map = shared.lock().unwrap_err().into_inner();
        assert_stamped(&map, 1);
    });
}

/// Drops the last references to the same mappings in a hundred threads: one of them unmaps, and none may still read.
#[test]
fn drops_the_last_reference_in_any_thread() {
    let maps: Vec<Arc<MappingMut>> = (0..20).map(|i| Arc::new(stamped_map(1000 + i, i))).collect();
    let thread = |_| {
        let maps = maps.clone();
        thread::spawn(move || {
            for (i, map) in maps.into_iter().enumerate() {
                assert_stamped(&map, i);
            }
        })
    };
    let threads: Vec<_> = (0..100).map(thread).collect();
    drop(maps);
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}

/// Asks for the sizes for the first time from many threads at once: they are cached, and different answers would cut
/// mappings in different places.
#[test]
fn asks_for_sizes_from_many_threads() {
    alone("", || {
        let barrier = Barrier::new(16);
        let ask = || {
            barrier.wait();
            (page_size(), allocation_granularity())
        };
        let sizes: HashSet<_> = thread::scope(|scope| {
            let threads: Vec<_> = (0..16).map(|_| scope.spawn(ask)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(sizes.len(), 1);
        let (page, granularity) = sizes.into_iter().next().unwrap();
        assert!(page.is_power_of_two() && granularity.is_power_of_two() && granularity % page == 0);
    });
}

/// Overflows the stack of a thread that has mappings and reservations around it: the thread must reach its guard page,
/// not them.
#[test]
fn overflows_the_stack_beside_mappings() {
    fn deep(n: u64) -> u64 {
        let frame = std::hint::black_box([n; 64]);
        if n == u64::MAX { 0 } else { deep(n + 1).wrapping_add(std::hint::black_box(frame)[0]) }
    }
    const LEN: usize = 1 << 20;
    if is_child() {
        // Mappings and holes; the stack takes one of the holes, so that mappings lie below and above it.
        let maps: Vec<_> = (0..200).map(|i| (i, stamped_map(LEN / 16, i))).collect();
        let reservations: Vec<_> = (0..50).filter_map(|_| reserve(LEN / 16)).collect();
        thread::spawn(move || {
            loop {
                if !maps.iter().all(|(i, map)| is_stamped(map, *i)) {
                    println!("the stack grew into a mapping");
                }
            }
        });
        drop(reservations);
        let map = fresh(LEN / 8);
        thread::Builder::new().stack_size(LEN).spawn(move || deep(map[0].into())).unwrap().join().unwrap();
        return;
    }
    let Some((status, text)) = run_child("ulimit -c 0") else { return };
    assert!(!status.success() && !text.contains("the stack grew into a mapping"), "{status}: {text}");
}

/// Calls the crate on the smallest stack that a thread of glibc can have: a large frame would reach past the guard page. The
/// 2 KiB of musl are too few for std.
#[test]
fn runs_on_the_smallest_stack() {
    let folder = Folder::new();
    let path = folder.path("file");
    let long = CString::new("x/".repeat(20_000)).unwrap();
    let work = move || {
        let map = fresh(1000).into_read_only().unwrap();
        map.advise(Advice::Cold).unwrap();
        let file = File::create(&*path).unwrap();
        file.set_len(10).unwrap();
        assert!(File::open(&*long).is_err());
        if let Ok(reservation) = Reservation::aligned(1, 1 << 20) {
            drop(Mmap::anon(1).map_in(reservation).unwrap().into_reservation().unwrap());
        }
        file.read_at(&mut [0; 10], 0).unwrap()
    };
    assert_eq!(thread::Builder::new().stack_size(16 << 10).spawn(work).unwrap().join().unwrap(), 10);
}

// Errors and formatting.

/// A writer that fails after so many bytes.
struct Full(usize);

impl Write for Full {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0 = self.0.checked_sub(text.len()).ok_or(fmt::Error)?;
        Ok(())
    }
}

/// Formats everything in every way to a writer that fails after each number of bytes: that must be an error, not a
/// panic.
#[test]
fn prints_to_a_writer_that_fails() {
    let folder = Folder::new();
    let file = folder.file("file", b"text");
    let (map, raw) = (fresh(10), Mmap::new(&file).map_raw().unwrap());
    let reservation = Reservation::new(1);
    let error = folder.open("missing").unwrap_err();
    let own = map.flush_range(11..).unwrap_err();
    let refused = baremap::Refused { value: (), error };
    let (request, anon) = (Mmap::new(&file).offset(u64::MAX).len(usize::MAX), Mmap::anon(usize::MAX));
    let reference = FileRef::from(&file);
    let print = |f: &mut dyn Write| {
        write!(f, "{map:?}{map:#?}{map:1000?}{map:<5.3?}{map:#x?}{map:#010X?}{raw:?}{raw:#?}")?;
        write!(f, "{reservation:?}{reservation:#?}{reservation:^100?}")?;
        write!(f, "{file:?}{file:#?}{reference:?}{reference:#?}{refused}{refused:?}{refused:#?}")?;
        write!(f, "{error}{error:#}{error:?}{error:#?}{error:1000}{error:.1}{own}{own:?}{:?}", error.kind())?;
        write!(f, "{request:?}{request:#?}{anon:?}{anon:#?}")?;
        FLAGS.iter().try_for_each(|flags| write!(f, "{flags:?}"))?;
        write!(f, "{0:#?}{0:100?}", Flags::all())?;
        PROTS.iter().try_for_each(|prot| write!(f, "{prot:?}{prot:#?}{prot:x?}"))?;
        ADVICE.iter().try_for_each(|advice| write!(f, "{advice:?}{advice:#?}"))
    };
    let mut text = String::new();
    print(&mut text).unwrap();
    assert!(!text.is_empty());
    for most in 0..text.len() {
        assert!(print(&mut Full(most)).is_err());
    }
    print(&mut Full(text.len())).unwrap();
}

/// Compares, copies and queries errors of every kind: eight bytes, with packed fields and names that are looked up
/// late.
#[test]
fn queries_errors() {
    let folder = Folder::new();
    let file = folder.file("file", b"text");
    let mut map = fresh(1);
    let _crowd = crowd();
    let errors = [
        folder.open("missing").unwrap_err(),
        folder.open_rw("file/below").unwrap_err(),
        folder.create("").unwrap_err(),
        folder.open(&"y".repeat(100_000)).unwrap_err(),
        file.set_len(u64::MAX).unwrap_err(),
        map.flush_range(2..).unwrap_err(),
        map.advise_range(2.., Advice::Normal).unwrap_err(),
        map.protect(Prot::READ).unwrap_err(),
        Mmap::anon(0).map().unwrap_err(),
        Mmap::anon(usize::MAX).map().unwrap_err(),
        Mmap::anon(isize::MAX as usize).map().unwrap_err(),
        Mmap::anon(1).flags(Flags::HUGETLB | Flags::NORESERVE).map().unwrap_err(),
        Reservation::new(0).unwrap_err(),
        Reservation::aligned(1, 3).unwrap_err(),
    ];
    for (i, &error) in errors.iter().enumerate() {
        let copy = error;
        assert!(size_of_val(&copy) <= 8 && copy == error && !error.call().is_empty());
        assert_eq!(format!("{copy:?} {copy}"), format!("{error:?} {error}"));
        assert_eq!(
            (copy.kind(), copy.flag(), copy.raw_os_error()),
            (error.kind(), error.flag(), error.raw_os_error())
        );
        let boxed: Box<dyn std::error::Error + Send + Sync> = error.into();
        assert!(boxed.source().is_none() && boxed.downcast_ref::<Error>() == Some(&error));
        for other in &errors[i + 1..] {
            assert_eq!(*other == error, format!("{other:?}") == format!("{error:?}"), "{other:?}, {error:?}");
        }
    }
}

// Files.

/// Reads at offsets that overflow or are negative to the system: only the bytes that are counted may change.
#[test]
fn reads_at_absurd_offsets() {
    let folder = Folder::new();
    let file = folder.file("file", &[1; 10_000]);
    for offset in [0, 1, 9_999, 10_000, 10_001, 1 << 32].into_iter().chain(HUGE) {
        for len in [0, 1, 4096, 20_000] {
            let mut bytes = vec![7; len];
            let read = file.read_at(&mut bytes, offset).unwrap_or(0);
            assert_eq!(read, len.min(10_000_u64.saturating_sub(offset) as usize), "at {offset}");
            assert!(is_filled(&bytes[..read], 1) && is_filled(&bytes[read..], 7));
        }
    }
}

/// Writes at offsets that overflow or are negative to the system, and to a file that is open for reading: what is in
/// the file must stay.
#[test]
fn writes_at_absurd_offsets() {
    let folder = Folder::new();
    let file = folder.file("file", &[1; 10_000]);
    for offset in HUGE.into_iter().filter(|&offset| offset > i64::MAX as u64) {
        for len in [1, 4096] {
            assert!(file.write_at(&vec![2; len], offset).is_err(), "at {offset}");
        }
    }
    assert!(folder.open("file").unwrap().write_at(&[2], 0).is_err());
    assert_eq!(file.write_at(&[], 20_000).unwrap(), 0);
    assert!(is_filled(&fs::read(folder.0.join("file")).unwrap(), 1) && file.len().unwrap() == 10_000);
}

/// Reads into buffers of over 2 and over 4 GiB, a length that systems truncate to 31 or 32 bits: if it became 0, that
/// would look like the end of the file, and if it became negative, like an error.
#[test]
fn reads_into_more_than_4_gib() {
    let folder = Folder::new();
    let file = folder.file("file", &[1; 100]);
    for len in [(1_u64 << 31) - 1, 1 << 31, (1 << 31) + 1, 1 << 32, (1 << 32) + 1] {
        let map = usize::try_from(len).ok().and_then(|len| Mmap::anon(len).map_mut().ok());
        let Some(mut map) = map else {
            println!("skipped {len} bytes: not enough memory here");
            continue;
        };
        assert_eq!(file.read_at(&mut map, 0).unwrap(), 100);
        assert!(is_filled(&map[..100], 1) && is_zero(&map[100..1 << 20]));
    }
}

/// Opens what is no file, by every name that might do harm, and does all that files can do: nothing may hang or kill
/// the process.
#[test]
fn opens_what_is_no_file() {
    alone_and_clean("", || {
        let folder = Folder::new();
        fs::create_dir(folder.0.join("folder")).unwrap();
        let fifo = folder.0.join("fifo");
        if !Command::new("mkfifo").arg(&fifo).status().is_ok_and(|status| status.success()) {
            println!("skipped the FIFO: no mkfifo here");
        }
        let in_folder =
            ["folder", "fifo", "", ".", "..", "folder/", "nothing/below", "a\u{301}/", "*?<>|:\""];
        // The first one is empty.
        let names =
            b" . / // /dev/full /dev/null /dev/zero /dev/ptmx /dev/fd/99999 /proc/self/mem /proc/self/maps \
            /proc/self/fd /proc/self/exe CON NUL \\\\.\\pipe\\nothing \\\\?\\ \\\\ C: \xff\xfe";
        let names = names.split(|&byte| byte == b' ').map(|name| CString::new(name).unwrap());
        let lens = [247, 248, 249, 255, 256, 4095, 4096, 32_766, 32_767, 32_768, 1 << 20];
        let names = names.chain(in_folder.map(|name| folder.path(name)));
        for name in names.chain(lens.map(|len| CString::new("z".repeat(len)).unwrap())) {
            let is_fifo = name.to_bytes().ends_with(b"fifo");
            // Opening a FIFO for reading waits for a writer, as it should.
            let for_reading = if is_fifo { None } else { Some(File::open(&*name)) };
            for file in for_reading.into_iter().chain([File::open_rw(&*name)]).flatten() {
                let _ = (file.len(), file.is_empty(), file.sync(), format!("{file:?}"));
                for len in [u64::MAX, i64::MAX as u64 + 1] {
                    assert_eq!(file.set_len(len).unwrap_err().kind(), ErrorKind::TooLong, "{name:?}");
                }
                // Reading from a terminal waits for input.
                if name.to_bytes().ends_with(b"ptmx") || name.to_bytes().starts_with(b"CON") {
                    continue;
                }
                for offset in [0, 1, i64::MAX as u64, u64::MAX] {
                    let mut bytes = [7; 64];
                    let read = file.read_at(&mut bytes, offset).unwrap_or(0);
                    assert!(is_filled(&bytes[read..], 7));
                }
            }
        }
        for name in ["folder", ".", "folder/", "nothing/below"] {
            assert!(folder.create(name).is_err(), "{name}");
        }
        drop(folder.create("fifo"));
        if let Ok(full) = File::create(c"/dev/full") {
            let _ = (full.set_len(0), full.set_len(1), full.sync());
        }
    });
}

/// Sets lengths that overflow or are negative to the system: a length that is truncated would lose contents.
#[test]
fn sets_absurd_lengths() {
    let folder = Folder::new();
    let file = folder.file("file", b"text");
    for len in [i64::MAX as u64 + 1, u64::MAX - 1, u64::MAX] {
        assert_eq!(file.set_len(len).unwrap_err().kind(), ErrorKind::TooLong);
        assert_eq!(file.len().unwrap(), 4);
    }
    for len in [i64::MAX as u64, i64::MAX as u64 - 4095, 1 << 62, 1 << 40, 1 << 33, 1 << 32, 1 << 31] {
        let before = file.len().unwrap();
        let result = file.set_len(len);
        assert_eq!(file.len().unwrap(), if result.is_ok() { len } else { before });
        let mut text = [0; 4];
        assert_eq!((file.read_at(&mut text, 0).unwrap(), &text), (4, b"text"));
    }
    file.set_len(0).unwrap();
    assert!(folder.open("file").unwrap().set_len(10).is_err() && file.is_empty().unwrap());
}

/// Truncates a file whose contents were copied to memory: anonymous memory must not change with it.
#[test]
fn truncates_what_was_copied() {
    let folder = Folder::new();
    let file = folder.file("file", &[3; 50_000]);
    let mut map = fresh(100_000);
    assert_eq!(file.read_at(&mut map, 0).unwrap(), 50_000);
    file.set_len(0).unwrap();
    drop(file);
    fs::remove_file(folder.0.join("file")).unwrap();
    assert!(is_filled(&map[..50_000], 3) && is_zero(&map[50_000..]));
}

/// Truncates a file under a raw mapping, which safe code may make, and calls every method: none may touch the memory.
#[test]
fn truncates_what_is_mapped_raw() {
    alone_and_clean("", || {
        let folder = Folder::new();
        let file = folder.file("file", b"");
        for (i, (flags, prot)) in all_flags().flat_map(|flags| PROTS.map(|prot| (flags, prot))).enumerate() {
            file.set_len(100_000).unwrap();
            let Ok(map) = Mmap::new(&file).prot(prot).flags(flags).map_raw() else { continue };
            // Windows refuses to truncate a mapped file.
            let _ = file.set_len(1);
            let _ = (map.lock(), map.unlock(), map.flush(), map.flush_async(), format!("{map:?}"));
            let _ = ADVICE.map(|advice| map.advise(advice));
            match i % 3 {
                0 => drop(map),
                1 => map.unmap().unwrap(),
                _ => drop(map.into_reservation()),
            }
        }
    });
}

/// Changes a file that a safe slice shows, by every way to change one, from another thread and by another mapping. The slice
/// would change under its reader, or vanish.
#[test]
fn changes_a_sealed_file() {
    const LEN: usize = 1 << 20;
    let make = |seal: bool| {
        let file = File::memory()?;
        file.set_len(LEN as u64)?;
        let mut contents = vec![0; LEN];
        stamp(&mut contents, 1);
        file.write_at(&contents, 0)?;
        if seal { file.seal().map(|()| file) } else { Ok(file) }
    };
    let file = match make(true) {
        Err(error) if matches!(error.kind(), ErrorKind::Unsupported | ErrorKind::NotSeekable) => {
            return println!("skipped: {error}");
        }
        file => file.unwrap(),
    };
    let map = Mmap::new(&file).map_sealed().unwrap();
    let attack = || {
        let _ = file.set_len(0);
        let _ = file.set_len(2 * LEN as u64);
        let _ = file.allocate(0, 2 * LEN as u64);
        let _ = file.write_at(&[0xff; 5000], 0);
        for flags in all_flags() {
            let request = Mmap::new(&file).prot(Prot::WRITE).flags(flags);
            assert!(request.map_raw().is_err() || flags.contains(Flags::COW));
            if let Ok(private) = request.map_sealed().and_then(|map| Ok(map.into_mut()?)) {
                stamp(&mut { private }, 2);
            }
        }
    };
    meanwhile([attack], || (0..200).for_each(|_| assert_stamped(&map, 1)));
    assert_eq!(file.len(), Ok(LEN as u64));
    // While anything can write, nothing is sealed, and while something is sealed, nothing can write.
    for _ in 0..50 {
        let file = make(false).unwrap();
        meanwhile([|| drop(Mmap::new(&file).prot(Prot::WRITE).map_raw())], || {
            while let Err(error) = file.seal() {
                assert_eq!(error.kind(), ErrorKind::Busy);
            }
            assert_stamped(&Mmap::new(&file).map_sealed().unwrap(), 1);
            assert!(Mmap::new(&file).prot(Prot::WRITE).map_raw().is_err());
        });
    }
}

/// Maps without `unsafe` a file that may change, which must never be possible.
#[test]
fn maps_what_is_not_sealed() {
    let folder = Folder::new();
    let file = folder.file("file", b"contents");
    let refused = |result: Result<Mapping, Error>| {
        assert!(matches!(result.unwrap_err().kind(), ErrorKind::NotSealed | ErrorKind::Unsupported));
    };
    for flags in all_flags() {
        for prot in PROTS {
            refused(Mmap::new(&file).flags(flags).prot(prot).map_sealed());
            refused(Mmap::new(&file).flags(flags).prot(prot).len(0).map_sealed());
        }
    }
    refused(Mmap::new(&folder.open("file").unwrap()).map_sealed());
    let _ = file.seal();
    refused(Mmap::new(&file).map_sealed());
    if let Ok(memory) = File::memory() {
        refused(Mmap::new(&memory).map_sealed());
    }
    #[cfg(feature = "std")]
    refused(Mmap::new(&std::io::stdin()).map_sealed());
}

/// A program without `unsafe` reaches every kind of memory: fresh, a file that may change, one that may not.
#[cfg(feature = "alloc")]
#[test]
fn reads_everything_without_unsafe() {
    use baremap::Reader;
    let folder = Folder::new();
    let file = folder.file("file", b"one\ntwo\nthree\n");
    let mut copy = Mmap::anon(100).map_mut().unwrap();
    let view = Mmap::new(&file).offset(4).view().unwrap();
    assert_eq!(view.read_at(&mut copy, 0).unwrap(), 10);
    assert!(copy.starts_with(b"two\nthree\n\0"));
    let mut count = 0;
    let count_one = |_: &[u8]| {
        count += 1;
        Ok::<_, Error>(())
    };
    Reader::new(&file).records(b'\n', count_one).unwrap();
    assert_eq!(count, 3);
    let Ok(memory) = File::memory() else { return };
    if memory.write_at(&copy, 0).is_ok() && memory.seal().is_ok() {
        assert_eq!(Mmap::new(&memory).map_sealed().unwrap()[..], copy[..]);
    }
}

/// Reads the process's own memory as a file, into that same memory, and where a reservation is: reading must change
/// nothing else, and what cannot be read must be an error.
#[test]
fn reads_its_own_memory_as_a_file() {
    let Some(file) = proc("self/maps").and_then(|_| File::open(c"/proc/self/mem").ok()) else {
        return println!("skipped: memory is not a file here");
    };
    let mut map = stamped_map(100_000, 8);
    let address = map.as_ptr().addr() as u64;
    let mut copy = vec![0; 200];
    assert_eq!(file.read_at(&mut copy, address).unwrap(), 200);
    assert_eq!(copy, map[..200]);
    assert_eq!(file.read_at(&mut map, address).unwrap(), 100_000);
    assert_stamped(&map, 8);
    assert!(file.read_at(&mut copy, 0).is_err());
    // Linux reads zeros there, as for a debugger.
    let reservation = reserve(200).unwrap();
    if file.read_at(&mut copy, reservation.as_ptr().addr() as u64).is_ok() {
        assert!(is_zero(&copy));
    }
    assert!(is_zero(&Mmap::anon(200).map_in(reservation).unwrap()));
}

/// Opens files until descriptors run out: the error must say so, and each file must be closed once, as the next one
/// gets its descriptor.
#[test]
fn runs_out_of_descriptors() {
    alone_and_clean("ulimit -n 64", || {
        let folder = Folder::new();
        drop(folder.file("file", b"text"));
        for _ in 0..3 {
            let mut files = Vec::with_capacity(10_000);
            let error = loop {
                match folder.open("file") {
                    Ok(file) => files.push(file),
                    Err(error) => break error,
                }
                if files.len() == files.capacity() {
                    return println!("skipped: no limit on descriptors here");
                }
            };
            assert_eq!(error.kind(), ErrorKind::TooManyFiles);
            drop((fresh(1), Reservation::new(1)));
            for file in files.iter().step_by(2) {
                let mut text = [0; 4];
                assert_eq!((file.read_at(&mut text, 0).unwrap(), &text), (4, b"text"));
            }
        }
    });
}

/// Lists the descriptors of child processes while another thread opens files: an inherited descriptor would keep locks
/// and pipes open there.
#[test]
fn lets_children_inherit_files() {
    let listed = || {
        let output = Command::new("sh").args(["-c", "ls /proc/self/fd"]).output().ok()?;
        output.status.success().then(|| output.stdout.split(|&byte| byte == b'\n').count())
    };
    alone("", || {
        let folder = Folder::new();
        drop(folder.file("file", b"text"));
        let Some(before) = listed() else { return println!("skipped: no /proc that lists descriptors here") };
        let open = || {
            let files = [folder.open("file"), folder.open_rw("file"), folder.create("file")];
            assert!(files.iter().all(|file| file.is_ok()));
        };
        meanwhile([open], || (0..50).for_each(|_| assert_eq!(listed(), Some(before))));
    });
}

/// Opens and closes files in many threads at once: a descriptor that is closed twice would be another thread's the
/// second time.
#[test]
fn closes_the_file_of_another_thread() {
    let folder = Folder::new();
    thread::scope(|scope| {
        for number in 0..4_u8 {
            let name = number.to_string();
            drop(folder.file(&name, &[number; 100]));
            let folder = &folder;
            scope.spawn(move || {
                for _ in 0..1000 {
                    let file = folder.open(&name).unwrap();
                    assert!(File::open(c"").is_err());
                    let mut bytes = [0xff; 100];
                    assert_eq!((file.read_at(&mut bytes, 0).unwrap(), bytes), (100, [number; 100]));
                }
            });
        }
    });
}

/// Extends a file past the process's limit, with the signal ignored that would end the process: that must be an error,
/// and the file must keep its length.
#[test]
fn extends_a_file_past_the_limit() {
    alone("trap '' XFSZ; ulimit -f 1", || {
        let folder = Folder::new();
        let file = folder.create("file").unwrap();
        match file.set_len(1 << 30) {
            Ok(()) => println!("skipped: no limit on the length of files here"),
            Err(error) => assert_eq!(file.len().unwrap(), 0, "{error}"),
        }
    });
}

/// Converts files to std's and back, many times, and panics on the way: each descriptor must be closed once.
#[cfg(feature = "std")]
#[test]
fn converts_files() {
    use std::io::Read;
    alone_and_clean("", || {
        let folder = Folder::new();
        for round in 0..50 {
            let mut file = folder.file("file", b"text");
            for _ in 0..10 {
                let mut std_file = fs::File::from(file);
                let mut text = String::new();
                let _ = std_file.read_to_string(&mut text);
                let (reference, borrowed) = (FileRef::from(&std_file), FileRef::from(&std_file));
                assert_eq!(reference.as_raw(), borrowed.as_raw());
                file = File::from(std_file);
                assert_eq!(file.len().unwrap(), 4);
            }
            let result = catch_unwind(AssertUnwindSafe(|| {
                let file = fs::File::from(file);
                assert_eq!(round, usize::MAX, "on purpose, with {file:?}");
            }));
            assert!(result.is_err());
        }
    });
}

/// Converts errors to std's: none may lose its kind or its words.
#[cfg(feature = "std")]
#[test]
fn converts_errors() {
    let missing = Folder::new().open("missing").unwrap_err();
    let own = Mmap::anon(0).map().unwrap_err();
    for error in [missing, own] {
        let io: std::io::Error = error.into();
        assert!(!io.to_string().is_empty() && !format!("{io:?}").is_empty());
        assert_eq!(io.kind() == std::io::ErrorKind::NotFound, error == missing);
    }
}

// `Reader::new` reads, whatever happens to the file in the meantime.

#[cfg(feature = "alloc")]
mod reader {
    use super::*;
    use baremap::Reader;

    /// Ends a call of a Reader, with its error if that ended it.
    #[derive(Debug)]
    struct Stop(#[allow(dead_code, reason = "printed")] Option<Error>);

    impl From<Error> for Stop {
        fn from(error: Error) -> Self {
            Self(Some(error))
        }
    }

    /// A device of endless zeros, where there is one.
    fn zeros() -> Option<File> {
        let file = File::open(c"/dev/zero");
        file.inspect_err(|error| println!("skipped: no endless zeros here: {error}")).ok()
    }

    /// Truncates and extends a file while it is read: if a chunk were a mapping, touching it would fault, and its bytes
    /// would change.
    #[test]
    fn truncates_what_is_read() {
        alone("", || {
            let folder = Folder::new();
            let file = folder.file("file", &[5; 3 << 20]);
            let writer = folder.open_rw("file").unwrap();
            let mut seed = 1;
            let truncate = || writer.set_len(random(&mut seed, 3 << 20) as u64).unwrap();
            meanwhile([truncate], || {
                for round in 0..60 {
                    let reader = Reader::new(&file).chunk_len(1 << (14 + round % 10));
                    let is_of_file = |bytes: &[u8]| bytes.iter().all(|&byte| byte == 0 || byte == 5);
                    let read = reader.for_each(|chunk| {
                        assert!(is_of_file(chunk) && is_of_file(chunk));
                        Ok::<_, Error>(())
                    });
                    assert!(read.unwrap() <= 3 << 20);
                }
            });
        });
    }

    /// Reads in chunks of absurd lengths: with 0 a Reader would never advance, and the largest would take all memory.
    #[test]
    fn reads_in_absurd_chunks() {
        let folder = Folder::new();
        let file = folder.file("file", &[6; 5000]);
        for chunk_len in [0, 1, 4095, 4097, 1 << 30, isize::MAX as usize, isize::MAX as usize + 1, usize::MAX]
        {
            let read = Reader::new(&file).chunk_len(chunk_len).for_each(|chunk| {
                assert!(chunk.len() <= chunk_len.max(1) && is_filled(chunk, 6));
                Ok::<_, Error>(())
            });
            assert_eq!(read.unwrap(), 5000);
            let Some(zeros) = zeros() else { continue };
            let mut count = 0;
            let result = Reader::new(&zeros).chunk_len(chunk_len).for_each(|chunk| {
                count += 1;
                assert!(!chunk.is_empty() && is_zero(chunk));
                if count == 10 { Err(Stop(None)) } else { Ok(()) }
            });
            assert!(matches!(result, Err(Stop(None))), "{result:?}");
        }
    }

    /// Reads from offsets that are negative to the system, or that overflow with the length of a chunk.
    #[test]
    fn reads_from_absurd_offsets() {
        let folder = Folder::new();
        let file = folder.file("file", &[6; 5000]);
        for offset in [5000, 5001, 1 << 40, i64::MAX as u64 - 4096].into_iter().chain(HUGE) {
            let result = Reader::new(&file).offset(offset).for_each(|_| Ok::<_, Error>(()));
            assert_eq!(result.unwrap_or(0), 0, "{offset}");
            let Some(zeros) = zeros() else { continue };
            let mut count = 0;
            let _ = Reader::new(&zeros).offset(offset).for_each(|chunk| {
                count += chunk.len();
                if count > 10_000 { Err(Stop(None)) } else { Ok(()) }
            });
        }
    }

    /// Changes the offset and the chunk length of a Reader in use: the rest of the old chunk could lie past the end of
    /// the new one.
    #[cfg(feature = "std")]
    #[test]
    fn reconfigures_a_reader_in_use() {
        use std::io::{BufRead, Read, Seek};
        let folder = Folder::new();
        let contents = stamped(200_000, 0);
        let file = folder.file("file", &contents);
        let mut reader = Reader::new(&file);
        let mut seed = 1;
        for round in 0..500 {
            let offset = [random(&mut seed, 250_000) as u64, 0, u64::MAX, i64::MAX as u64][round % 7 % 4];
            reader = reader.offset(offset).chunk_len(random(&mut seed, 100_000));
            assert_eq!(reader.stream_position().unwrap(), offset);
            let chunk = reader.fill_buf().unwrap().to_vec();
            let from = contents.len().min(usize::try_from(offset).unwrap_or(usize::MAX));
            assert_eq!(chunk, contents[from..from + chunk.len()]);
            reader.consume(chunk.len() / 2);
            assert_eq!(reader.stream_position().unwrap(), offset + chunk.len() as u64 / 2);
            reader = reader.chunk_len(1);
            let mut few = [0; 3];
            let read = reader.read(&mut few).unwrap();
            assert_eq!(few[..read], contents[contents.len().min(from + chunk.len() / 2)..][..read]);
            let _ = format!("{reader:?}");
        }
    }

    /// Splits records at every delimiter, in contents where it is everywhere, nowhere, and at the ends of chunks.
    #[test]
    fn splits_records_at_every_byte() {
        let folder = Folder::new();
        for (name, contents) in [
            ("all", (0..=255).cycle().take(9_000).collect::<Vec<u8>>()),
            ("same", vec![7; 4097]),
            ("none", vec![]),
            ("one", vec![9]),
        ] {
            let file = folder.file(name, &contents);
            for delimiter in 0..=255 {
                let mut expected = contents.split(|&byte| byte == delimiter).collect::<Vec<_>>();
                if expected.last().is_some_and(|last| last.is_empty()) {
                    expected.pop();
                }
                for chunk_len in [1 << 20, 64, 4096 + usize::from(delimiter)] {
                    let mut records = expected.iter();
                    let read = Reader::new(&file).chunk_len(chunk_len).records(delimiter, |record| {
                        assert_eq!(Some(&record), records.next());
                        Ok::<_, Error>(())
                    });
                    assert_eq!((read.unwrap(), records.next()), (contents.len() as u64, None));
                }
            }
        }
    }

    /// Seeks before the start, past the end and past the largest position, and reads there.
    #[cfg(feature = "std")]
    #[test]
    fn seeks_everywhere() {
        use std::io::{BufRead, Read, Seek, SeekFrom};
        let folder = Folder::new();
        let contents = stamped(100_000, 1);
        let file = folder.file("file", &contents);
        let mut reader = Reader::new(&file);
        let signed =
            [i64::MIN, i64::MIN + 1, -100_001, -100_000, -1, 0, 1, 99_999, 100_000, i64::MAX - 1, i64::MAX];
        let starts: Vec<_> = [0, 1, 99_999, 100_000, 100_001].into_iter().chain(HUGE).collect();
        let mut seed = 2;
        for round in 0..5000 {
            let before = reader.stream_position().unwrap();
            let to = match round % 3 {
                0 => SeekFrom::Start(starts[random(&mut seed, starts.len())]),
                1 => SeekFrom::Current(signed[random(&mut seed, signed.len())]),
                _ => SeekFrom::End(signed[random(&mut seed, signed.len())]),
            };
            match reader.seek(to) {
                Ok(position) => assert_eq!(reader.stream_position().unwrap(), position, "{to:?}"),
                Err(_) => assert_eq!(reader.stream_position().unwrap(), before, "{to:?}"),
            }
            let _ = reader.seek_relative(signed[random(&mut seed, signed.len())]);
            let position = reader.stream_position().unwrap();
            let rest = contents.get(usize::try_from(position).unwrap_or(usize::MAX)..).unwrap_or_default();
            let chunk = reader.fill_buf().unwrap();
            assert!(rest.starts_with(chunk) && chunk.is_empty() == rest.is_empty(), "at {position}");
            match round % 4 {
                0 => reader.consume(usize::MAX),
                1 => assert!(rest.is_empty() != (1..=10).contains(&reader.read(&mut [0; 10]).unwrap())),
                _ => {}
            }
        }
    }

    /// Consumes more than is buffered, before the first read, at the end, and after an error.
    #[cfg(feature = "std")]
    #[test]
    fn consumes_more_than_is_buffered() {
        use std::io::{BufRead, Read, Seek};
        let folder = Folder::new();
        let file = folder.file("file", &[1; 100]);
        fs::create_dir(folder.0.join("folder")).unwrap();
        let of_folder = folder.open("folder");
        let mut readers: Vec<_> = of_folder.iter().chain([&file]).map(Reader::new).collect();
        for reader in &mut readers {
            for _ in 0..3 {
                reader.consume(usize::MAX);
                let _ = reader.fill_buf();
                reader.consume(50);
                reader.consume(usize::MAX);
                reader.consume(usize::MAX - 1);
                let _ = (reader.read(&mut []), reader.read(&mut [0; 1]));
                let _ = (reader.stream_position(), reader.rewind());
            }
        }
        let reader = readers.last_mut().unwrap();
        let mut all = vec![];
        assert_eq!((reader.read_to_end(&mut all).unwrap(), all), (100, vec![1; 100]));
    }

    /// Reads what is no file, or only looks like one: that must end or fail, not hang.
    #[test]
    fn reads_what_is_no_file() {
        alone_and_clean("", || {
            let folder = Folder::new();
            drop(folder.file("empty", b""));
            let names = [c"/proc/self/maps", c"/proc/self/fd", c"/proc/self/mem", c"/dev/null", c"/dev/full"];
            let names = names.map(CString::from).into_iter().chain([folder.path(""), folder.path("empty")]);
            for file in names.filter_map(|name| File::open(&*name).ok()) {
                for (chunk_len, offset) in [(1, 0), (usize::MAX, 0), (4096, 1), (1 << 20, u64::MAX)] {
                    let mut left = 100;
                    let reader = || Reader::new(&file).chunk_len(chunk_len).offset(offset);
                    // /dev/full is all zeros, without end.
                    let _ = reader().records(0, |_| {
                        left -= 1;
                        if left == 0 { Err(Stop(None)) } else { Ok(()) }
                    });
                    let _ = reader().for_each(|chunk| {
                        left += 1;
                        if chunk.is_empty() || left > 100 { Err(Stop(None)) } else { Ok(()) }
                    });
                }
            }
        });
    }

    /// Reads one pipe through two Readers at once, after attempts to seek: each byte must be read once, and the end
    /// must be an end.
    #[cfg(feature = "std")]
    #[test]
    fn reads_a_pipe_twice() {
        use std::io::{BufRead, Read, Seek, SeekFrom};
        alone("", || {
            let child =
                Command::new("sh").args(["-c", "yes | head -c 300000"]).stdout(Stdio::piped()).spawn();
            let Ok(mut child) = child else { return println!("skipped: no shell here") };
            let pipe = child.stdout.take().unwrap();
            let (mut first, mut second) = (Reader::new(&pipe), Reader::new(&pipe));
            assert!(first.seek(SeekFrom::Start(5)).is_err() && second.stream_position().is_err());
            assert!(first.seek(SeekFrom::End(0)).is_err());
            let count = |reader: &mut Reader| {
                let mut count = 0;
                loop {
                    let chunk = reader.fill_buf().unwrap();
                    assert!(chunk.iter().all(|byte| b"y\n".contains(byte)));
                    match chunk.len() {
                        0 => return count,
                        len => {
                            reader.consume(len);
                            count += len;
                        }
                    }
                }
            };
            let counts = thread::scope(|scope| {
                let other = scope.spawn(|| count(&mut first));
                count(&mut second) + other.join().unwrap()
            });
            assert_eq!(counts, 300_000);
            child.wait().unwrap();
            assert_eq!(first.read(&mut [0; 10]).unwrap() + second.read(&mut [0; 10]).unwrap(), 0);
            assert!(Reader::new(&pipe).offset(1).for_each(|_| Ok::<_, Error>(())).is_err());
        });
    }

    /// Panics in the closure, in the middle of a chunk and of a record: everything must be freed once.
    #[test]
    fn panics_in_the_closure() {
        alone_and_clean("", || {
            let folder = Folder::new();
            let file = folder.file("file", &b"0123456\n".repeat(100_000));
            for round in 0..50 {
                let mut left = round * 100;
                let mut f = |_: &[u8]| {
                    left -= 1;
                    if left < 0 { panic!("on purpose") } else { Ok::<_, Error>(()) }
                };
                let reader = Reader::new(&file).chunk_len(1000);
                let result = catch_unwind(AssertUnwindSafe(|| match round % 2 {
                    0 => reader.records(b'\n', &mut f),
                    _ => reader.for_each(&mut f),
                }));
                assert!(result.is_err() || round > 8);
            }
        });
    }

    /// Reads a record longer than memory, and from Readers when memory is exhausted: that must be an error, after which
    /// they can read on, and not the end of the process.
    #[cfg(feature = "std")]
    #[test]
    fn reads_without_memory() {
        use std::io::{BufRead, Read};
        alone_and_clean("ulimit -v 50000", || {
            let Some(zeros) = zeros() else { return };
            let result = Reader::new(&zeros).records(b'\n', |_| Ok::<_, Error>(()));
            assert_eq!(result.unwrap_err().kind(), ErrorKind::OutOfMemory);
            let mut readers: Vec<_> = (0..16).map(|_| Reader::new(&zeros)).collect();
            for reader in &mut readers {
                assert!(is_zero(reader.fill_buf().unwrap()));
            }
            // All memory that is left, down to single pages.
            let mut held = Vec::with_capacity(100_000);
            let mut len = 1 << 26;
            while len >= page_size() {
                match Mmap::anon(len).map() {
                    Ok(map) => held.push(map),
                    Err(_) => len /= 2,
                }
            }
            for reader in &mut readers {
                for _ in 0..4 {
                    let len = reader.fill_buf().map_or(0, |chunk| chunk.len());
                    reader.consume(len);
                }
            }
            drop(held);
            let mut bytes = [1; 100_000];
            for reader in &mut readers {
                reader.read_exact(&mut bytes).unwrap();
                assert!(is_zero(&bytes));
                bytes.fill(1);
            }
        });
    }
}
