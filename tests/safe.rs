//! Attempts upon the crate by safe code alone: to corrupt memory, to fault, to leak, to hang, to make it panic inside.
//! Each test is one attempt, and says what it tries and why that could hurt. What exhausts a process, or compares its
//! mappings and descriptors before and after, runs in a process of its own, which is this binary again.

#![forbid(unsafe_code)]

use baremap::{
    Advice, Error, ErrorKind, File, FileRef, Flags, Mapping, Mmap, Prot, Reservation, allocation_granularity,
    page_size,
};
use std::cell::Cell;
use std::collections::HashSet;
use std::ffi::CString;
use std::fmt::{self, Write};
use std::ops::{Bound, RangeBounds};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Barrier, Mutex, mpsc};
use std::time::{Duration, Instant};
use std::{env, fs, mem, thread};

const FLAGS: [Flags; 6] =
    [Flags::COW, Flags::HUGETLB, Flags::READAHEAD, Flags::POPULATE, Flags::NORESERVE, Flags::LOCKED];

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

fn prots() -> [Prot; 4] {
    [Prot::READ, Prot::WRITE, Prot::EXEC, Prot::WRITE | Prot::EXEC]
}

/// All sets of flags.
fn all_flags() -> impl Iterator<Item = Flags> {
    (0..1 << FLAGS.len()).map(|set: usize| {
        let members = FLAGS.iter().enumerate().filter(|(i, _)| set >> i & 1 == 1);
        members.fold(Flags::default(), |all, (_, &flag)| all | flag)
    })
}

/// What a consuming call returns when it fails comes with what it consumed.
fn done<T, U>(result: Result<T, (U, Error)>) -> T {
    result.map_err(|(_, error)| error).unwrap()
}

/// `None`, and words, where the system has no reservations.
fn reserve(len: usize) -> Option<Reservation> {
    match Reservation::new(len) {
        Err(error) if error.kind() == ErrorKind::Unsupported => {
            println!("skipped: {error}");
            None
        }
        result => Some(result.unwrap()),
    }
}

/// One unit of address space each.
fn units(count: usize) -> Option<Vec<Reservation>> {
    let unit = allocation_granularity();
    let mut rest = reserve(count * unit)?;
    let mut parts = Vec::with_capacity(count);
    while rest.len() > unit {
        let (first, second) = done(rest.split(unit));
        parts.push(first);
        rest = second;
    }
    parts.push(rest);
    Some(parts)
}

fn fresh(len: usize) -> Mapping {
    Mmap::anon(len).prot(Prot::WRITE).map().unwrap()
}

fn is_zero(map: &Mapping) -> bool {
    map.iter().all(|&byte| byte == 0)
}

/// The byte at an index of what was stamped with this number.
fn stamp_at(number: usize, i: usize) -> u8 {
    (number.wrapping_mul(31).wrapping_add(i) % 251) as u8
}

fn stamp(map: &mut Mapping, number: usize) {
    for (i, byte) in map.bytes_mut().unwrap().iter_mut().enumerate() {
        *byte = stamp_at(number, i);
    }
}

#[track_caller]
fn assert_stamped(map: &Mapping, number: usize) {
    let wrong = map.iter().enumerate().find(|&(i, &byte)| byte != stamp_at(number, i));
    assert_eq!(wrong, None, "index and byte of {map:?}, which nobody wrote to");
}

/// Numbers that look like chance and are the same in each run.
fn chance(state: &mut u64, below: usize) -> usize {
    *state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
    (*state >> 33) as usize % below
}

/// A folder that goes with the test.
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

    /// A file with these contents, open for reading and writing.
    fn file(&self, name: &str, contents: &[u8]) -> File {
        fs::write(self.0.join(name), contents).unwrap();
        File::open_rw(&self.path(name)).unwrap()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

const ATTEMPT: &str = "BAREMAP_ATTEMPT";

/// What a hung process is given, far more than any attempt takes.
const PATIENCE: Duration = Duration::from_secs(300);

/// Runs the current test alone in a process of its own, after a line of shell that sets its limits; gives how it ended
/// and what it wrote, or `None`, and words, where that cannot be.
fn again(limits: &str) -> Option<(ExitStatus, String)> {
    let thread = thread::current();
    let (name, folder) = (thread.name().unwrap(), Folder::new());
    let mut command = if limits.is_empty() {
        Command::new(env::current_exe().unwrap())
    } else {
        let mut shell = Command::new("sh");
        shell.args(["-c", &format!("{limits}\nexec \"$0\" \"$@\"")]).arg(env::current_exe().unwrap());
        shell
    };
    let output = folder.0.join("output");
    let to = fs::File::create(&output).unwrap();
    let child = command
        .args([name, "--exact", "--include-ignored", "--nocapture", "--test-threads=1"])
        .env(ATTEMPT, name)
        .env("RUST_BACKTRACE", "0")
        // One heap for all threads, which glibc gives a name in /proc.
        .env("MALLOC_ARENA_MAX", "1")
        .stdin(Stdio::null())
        .stdout(to.try_clone().unwrap())
        .stderr(to)
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
            None if start.elapsed() > PATIENCE => {
                child.kill().unwrap();
                child.wait().unwrap();
                panic!("{name} hangs: {}", fs::read_to_string(&output).unwrap_or_default());
            }
            None => thread::sleep(Duration::from_millis(5)),
        }
    };
    let text = String::from_utf8_lossy(&fs::read(&output).unwrap()).into_owned();
    // So the shell says that it cannot start a program.
    if matches!(status.code(), Some(126 | 127)) {
        println!("skipped {name}: {text}");
        return None;
    }
    Some((status, text))
}

/// Whether this is the process that [`again`] started.
fn is_again() -> bool {
    env::var(ATTEMPT).is_ok_and(|name| Some(&*name) == thread::current().name())
}

/// A file of /proc. To a program for Windows Wine shows that of the system below, which has other rules.
fn proc(name: &str) -> Option<String> {
    if std::path::MAIN_SEPARATOR == '/' { fs::read_to_string(format!("/proc/{name}")).ok() } else { None }
}

/// The process's mappings, but for the heap and the stack, and the number of its descriptors, where /proc tells.
fn state() -> Option<(Vec<String>, usize)> {
    let maps = proc("self/maps")?;
    let maps = maps.lines().filter(|line| !line.ends_with("[heap]") && !line.ends_with("[stack]"));
    Some((maps.map(String::from).collect(), fs::read_dir("/proc/self/fd").ok()?.count()))
}

/// Makes the attempt in a process of its own, which must end well.
fn alone(limits: &str, attempt: impl FnOnce()) {
    if is_again() {
        attempt();
        println!("the attempt was made");
        return;
    }
    let Some((status, text)) = again(limits) else { return };
    assert!(status.success() && text.contains("the attempt was made"), "{status}: {text}");
    text.lines().filter(|line| line.starts_with("skipped")).for_each(|line| println!("{line}"));
}

/// The same, twice, and the second time must leave the process's mappings and descriptors as they were. What std and
/// the allocator set up for good they set up the first time.
fn alone_and_clean(limits: &str, attempt: impl Fn()) {
    alone(limits, || {
        attempt();
        drop(state());
        let before = state();
        attempt();
        let after = state();
        if let (Some((maps, files)), Some((maps_after, files_after))) = (before, after) {
            let only = |maps: &[String], other: &[String]| -> Vec<String> {
                maps.iter().filter(|line| !other.contains(line)).cloned().collect()
            };
            let (gone, new) = (only(&maps, &maps_after), only(&maps_after, &maps));
            assert!(
                gone.is_empty() && new.is_empty() && files == files_after,
                "gone {gone:#?}, new {new:#?}, descriptors {files} and {files_after}"
            );
        } else {
            println!("skipped: no /proc tells here what is mapped and open");
        }
    });
}

/// Takes the privilege away by which root locks as much as it likes, and sets a limit of 64 KiB.
const FEW_LOCKS: &str = r#"ulimit -l 64
drop="setpriv --bounding-set=-ipc_lock --inh-caps=-ipc_lock"
if $drop true 2>/dev/null; then exec $drop "$0" "$@"; fi"#;

/// A reservation cannot be accessed, and is there, where /proc tells.
#[track_caller]
fn assert_held(place: &Reservation) {
    let Some(maps) = proc("self/maps") else { return };
    let first = place.as_ptr().addr();
    for address in [first, first + place.len() - 1] {
        let line = maps.lines().find(|line| {
            let range =
                line.split([' ', '-']).take(2).map(|number| usize::from_str_radix(number, 16).unwrap());
            let range: Vec<_> = range.collect();
            (range[0]..range[1]).contains(&address)
        });
        assert!(line.is_some_and(|line| line.contains(" ---p ")), "{place:?}: {line:?}");
    }
}

/// How much the process has locked in KiB, where /proc tells.
fn locked() -> Option<usize> {
    let status = proc("self/status")?;
    let line = status.lines().find(|line| line.starts_with("VmLck:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

/// How much address space one may reserve here without regret: emulators that note every page want less.
fn address_space() -> usize {
    env::var("BAREMAP_ADDRESS_SPACE").map_or(usize::MAX, |bytes| bytes.parse().unwrap())
}

// Reservations.

/// Splits at every place that cannot be one: what comes back must be the whole, not a part that overlaps another.
#[test]
fn splits_a_reservation_at_odd_places() {
    let unit = allocation_granularity();
    let Some(mut whole) = reserve(4 * unit) else { return };
    let (ptr, len) = (whole.as_ptr(), whole.len());
    for at in [0, 1, unit - 1, unit + 1, len - 1, len, len + unit, isize::MAX as usize, usize::MAX, 1 << 31] {
        let (again, error) = whole.split(at).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert_eq!((again.as_ptr(), again.len()), (ptr, len));
        whole = again;
    }
    let mut map = done(Mmap::anon(len).prot(Prot::WRITE).map_in(whole));
    assert!(is_zero(&map));
    stamp(&mut map, 1);
    assert_stamped(&map, 1);
}

/// Drops the parts of a reservation in every order, some mapped: each must take its own range along and nothing else.
#[test]
fn drops_parts_in_every_order() {
    alone_and_clean("", || {
        let unit = allocation_granularity();
        for order in 0..24 * 16 {
            let Some(parts) = units(4) else { return };
            let (mut order, mapped) = (order / 16, order % 16);
            let mut parts: Vec<_> = (0..4)
                .zip(parts)
                .map(|(i, place)| {
                    if mapped >> i & 1 == 0 {
                        return (i, Some(place), None);
                    }
                    let mut map = done(Mmap::anon(unit).prot(Prot::WRITE).map_in(place));
                    stamp(&mut map, i);
                    (i, None, Some(map))
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

/// Maps with every wrong length in a reservation, which must come back as it was: a mapping that is longer than its place
/// would lie over a neighbour.
#[test]
fn maps_in_a_place_of_another_length() {
    let unit = allocation_granularity();
    let Some(parts) = units(3) else { return };
    let mut parts = parts.into_iter().map(|place| done(Mmap::anon(unit).prot(Prot::WRITE).map_in(place)));
    let (mut before, place, mut after) =
        (parts.next().unwrap(), parts.next().unwrap(), parts.next().unwrap());
    stamp(&mut before, 1);
    stamp(&mut after, 2);
    let mut place = done(place.into_reservation());
    let (ptr, len) = (place.as_ptr(), place.len());
    for wrong in [
        0,
        unit + 1,
        2 * unit,
        3 * unit,
        1 << 30,
        isize::MAX as usize,
        usize::MAX,
        0_usize.wrapping_sub(unit),
    ] {
        for flags in all_flags() {
            let request = Mmap::anon(wrong).prot(Prot::WRITE).flags(flags);
            place = request.map_in(place).unwrap_err().0;
            assert_eq!((place.as_ptr(), place.len()), (ptr, len));
        }
    }
    for offset in [1, unit as u64, u64::MAX] {
        place = Mmap::anon(unit).offset(offset).map_in(place).unwrap_err().0;
    }
    assert_held(&place);
    let mut map = done(Mmap::anon(unit).prot(Prot::WRITE).map_in(place));
    assert!(map.as_ptr() == ptr && is_zero(&map));
    stamp(&mut map, 3);
    assert_stamped(&before, 1);
    assert_stamped(&after, 2);
}

/// Uses a reservation again after each failure and each success a hundred times: what was there before must not show
/// through, as fresh memory is zeroed.
#[test]
fn finds_old_contents_in_a_used_place() {
    let unit = allocation_granularity();
    let Some(mut place) = reserve(2 * unit) else { return };
    for round in 0..100 {
        for flags in all_flags() {
            match Mmap::anon(2 * unit).prot(Prot::WRITE).flags(flags).map_in(place) {
                Ok(mut map) => {
                    assert!(is_zero(&map), "{flags:?}");
                    stamp(&mut map, round);
                    let _ = map.protect(prots()[round % 4]);
                    place = done(map.into_reservation());
                }
                Err((same, _)) => place = same,
            }
        }
    }
}

/// Lets the lock of a fresh mapping in a reservation fail: what is undone must be undone wholly, or the next mapping there
/// has the old one's memory.
#[test]
fn fails_to_lock_in_a_reservation() {
    alone_and_clean(FEW_LOCKS, || {
        let len = 1 << 20;
        let Some(mut place) = reserve(len) else { return };
        for flags in [Flags::LOCKED, Flags::LOCKED | Flags::POPULATE, Flags::LOCKED | Flags::NORESERVE] {
            match Mmap::anon(len).prot(Prot::WRITE).flags(flags).map_in(place) {
                Ok(map) => {
                    assert!(locked().is_none_or(|locked| locked >= len >> 10), "{map:?} is not locked");
                    return println!("skipped: as much as one likes can be locked here");
                }
                Err((same, _)) => place = same,
            }
            assert_held(&place);
            let mut map = done(Mmap::anon(len).prot(Prot::WRITE).map_in(place));
            assert!(is_zero(&map));
            stamp(&mut map, 7);
            assert!(map.lock().is_err());
            assert_stamped(&map, 7);
            place = done(map.into_reservation());
        }
        assert!(Mmap::anon(len).flags(Flags::LOCKED).map().is_err());
    });
}

/// Locks too much and looks whether some of it stays locked: the rest of the process would be short of it.
#[test]
fn fails_to_lock_and_keeps_some_locked() {
    alone(FEW_LOCKS, || {
        let Some(before) = locked() else { return println!("skipped: nobody tells here what is locked") };
        let map = fresh(1 << 20);
        match map.lock() {
            Ok(()) => println!("skipped: as much as one likes can be locked here"),
            Err(_) => assert_eq!(locked(), Some(before)),
        }
    });
}

/// Aligns to every power of two, to other numbers, and to more than there is: sums of length and alignment could
/// overflow, and what is reserved too much could stay.
#[test]
fn aligns_to_everything() {
    alone_and_clean("", || {
        drop(reserve(1));
        for bit in 0..usize::BITS {
            for len in [1, 1 << 20, 1 << (usize::BITS - 20), isize::MAX as usize, usize::MAX] {
                let align = 1_usize << bit;
                // What nobody has fails at once.
                if (address_space()..1 << (usize::BITS - 2)).contains(&len.max(align)) {
                    continue;
                }
                if let Ok(place) = Reservation::aligned(len, align) {
                    assert!(
                        place.as_ptr().addr() % align == 0
                            && place.len() >= len
                            && place.len() - len < 1 << 20
                    );
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

/// Reserves lengths that nothing has, and that wrap around when they are rounded up.
#[test]
fn reserves_absurd_lengths() {
    assert_eq!(Reservation::new(0).unwrap_err().kind(), ErrorKind::EmptyAnon);
    assert_eq!(Reservation::aligned(0, 1).unwrap_err().kind(), ErrorKind::EmptyAnon);
    for len in [isize::MAX as usize, isize::MAX as usize + 1, usize::MAX - 65536, usize::MAX - 1, usize::MAX]
    {
        assert_eq!(Reservation::new(len).unwrap_err().kind(), ErrorKind::TooLong);
    }
    let most = isize::MAX as usize + 1 - allocation_granularity();
    let kind = Reservation::new(most).unwrap_err().kind();
    assert!(matches!(kind, ErrorKind::OutOfMemory | ErrorKind::Unsupported), "{kind:?}");
}

/// Maps in a reservation, fails to, and takes it back, while other threads map whatever they can get: were the range free
/// for a moment, one of them would get it, and two would write to the same memory.
#[test]
fn steals_the_range_while_it_is_mapped() {
    let unit = allocation_granularity();
    let Some(mut place) = reserve(4 * unit) else { return };
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        for thief in 0..3 {
            let stop = &stop;
            scope.spawn(move || {
                let mut held: Vec<(usize, Mapping)> = Vec::new();
                for round in 0.. {
                    if stop.load(Ordering::Relaxed) {
                        break;
                    }
                    let mut map = fresh(unit * (1 + round % 2));
                    assert!(is_zero(&map));
                    stamp(&mut map, thief * 1000 + round);
                    held.push((thief * 1000 + round, map));
                    if held.len() == 8 {
                        let (number, map) = held.swap_remove(round % 8);
                        assert_stamped(&map, number);
                    }
                }
                held.iter().for_each(|(number, map)| assert_stamped(map, *number));
            });
        }
        // The others stop, whatever becomes of this.
        let result = catch_unwind(AssertUnwindSafe(|| {
            for round in 0..300 {
                let flags = [Flags::default(), Flags::POPULATE, Flags::NORESERVE][round % 3];
                place = Mmap::anon(4 * unit).flags(Flags::HUGETLB).map_in(place).unwrap_err().0;
                place = Mmap::anon(5 * unit).map_in(place).unwrap_err().0;
                match Mmap::anon(4 * unit).prot(Prot::WRITE).flags(flags).map_in(place) {
                    Ok(mut map) => {
                        assert!(is_zero(&map));
                        stamp(&mut map, round);
                        thread::yield_now();
                        assert_stamped(&map, round);
                        place = done(map.into_reservation());
                    }
                    Err((same, _)) => place = same,
                }
            }
            drop(place);
        }));
        stop.store(true, Ordering::Relaxed);
        result.unwrap();
    });
}

/// Splits in one thread, maps in a second, unmaps in a third, and reserves meanwhile: a range is owned by no thread, and
/// must not be used by two.
#[test]
fn hands_reservations_from_thread_to_thread() {
    let unit = allocation_granularity();
    drop(reserve(1));
    let (to_map, from_split) = mpsc::channel::<(usize, Reservation)>();
    let (to_unmap, from_map) = mpsc::channel::<(usize, Mapping)>();
    thread::scope(|scope| {
        scope.spawn(move || {
            for round in 0..100 {
                let Some(parts) = units(8) else { return };
                parts
                    .into_iter()
                    .enumerate()
                    .for_each(|(i, part)| to_map.send((8 * round + i, part)).unwrap());
            }
        });
        scope.spawn(move || {
            for (number, place) in from_split {
                let mut map = done(Mmap::anon(unit).prot(Prot::WRITE).map_in(place));
                stamp(&mut map, number);
                to_unmap.send((number, map)).unwrap();
            }
        });
        scope.spawn(move || {
            for (number, map) in from_map {
                assert_stamped(&map, number);
                match number % 3 {
                    0 => drop(map),
                    1 => done(map.unmap()),
                    _ => done(done(map.into_reservation()).release()),
                }
            }
        });
    });
}

/// Reserves all the address space there is: what then fails must say so, and what was mapped before must stay.
#[test]
fn takes_all_address_space() {
    if address_space() != usize::MAX {
        return println!("skipped: an emulator needs some itself");
    }
    alone_and_clean("", || {
        let mut map = fresh(1 << 16);
        stamp(&mut map, 5);
        let mut held: Vec<Reservation> = Vec::with_capacity(10_000);
        let mut len = 1_usize << (usize::BITS - 2);
        let smallest = 64 << 10;
        while len >= smallest && held.len() < held.capacity() {
            match Reservation::new(len) {
                Ok(place) => held.push(place),
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
        let mut ranges: Vec<_> = held.iter().map(|place| (place.as_ptr().addr(), place.len())).collect();
        ranges.push((map.as_ptr().addr(), map.len()));
        ranges.sort_unstable();
        assert!(ranges.windows(2).all(|pair| pair[0].0 + pair[0].1 <= pair[1].0), "two overlap");
        // Of what is held memory can still be made, but where that takes room elsewhere first.
        let place = held.pop().unwrap();
        let len = place.len();
        match Mmap::anon(len).prot(Prot::WRITE).map_in(place) {
            Ok(mut inner) => stamp(&mut inner, 6),
            Err((place, error)) => assert_eq!((place.len(), error.kind()), (len, ErrorKind::OutOfMemory)),
        }
        assert_stamped(&map, 5);
    });
}

/// Makes reservations of mappings of every kind, splits them and maps there: a mapping that began within a page, or had
/// other rights or locks, could leave some of them behind.
#[test]
fn takes_back_mappings_of_every_kind() {
    alone_and_clean("", || {
        let unit = allocation_granularity();
        drop(reserve(1));
        for flags in all_flags() {
            for prot in prots() {
                let Ok(mut map) = Mmap::anon(3 * unit - 7).prot(prot).flags(flags).map() else { continue };
                ADVICE.iter().for_each(|&advice| map.advise(advice).unwrap());
                let _ = map.lock();
                if let Ok(bytes) = map.bytes_mut() {
                    bytes.fill(0xee);
                }
                let place = match map.into_reservation() {
                    Ok(place) => place,
                    // Kept as it was.
                    Err((map, _)) => {
                        assert!(map.iter().all(|&byte| byte == map[0]) && map.len() == 3 * unit - 7);
                        continue;
                    }
                };
                assert!(place.len() >= 3 * unit);
                assert_held(&place);
                let (first, rest) = done(place.split(unit));
                let len = rest.len();
                let mut map = done(Mmap::anon(len).prot(Prot::WRITE).map_in(rest));
                assert!(is_zero(&map));
                map.bytes_mut().unwrap()[len - 1] = 1;
                assert!(is_zero(&done(Mmap::anon(unit).map_in(first))));
            }
        }
    });
}

/// Forgets reservations and mappings, which no destructor then releases: their ranges must stay theirs.
#[test]
fn forgets_what_it_holds() {
    let unit = allocation_granularity();
    let mut held = Vec::new();
    let mut hold = |ptr: *const u8, len| held.push((ptr.addr(), len));
    for _ in 0..50 {
        if let Some(place) = reserve(2 * unit) {
            hold(place.as_ptr(), place.len());
            mem::forget(place);
        }
        let map = fresh(unit);
        hold(map.as_ptr(), map.len());
        mem::forget(map);
        let (ptr, len, _) = fresh(unit).into_raw_parts();
        hold(ptr.as_ptr(), len);
    }
    for len in (0..100).map(|i| unit * (1 + i % 5)) {
        let map = fresh(len);
        let start = map.as_ptr().addr();
        assert!(held.iter().all(|&(other, other_len)| start + len <= other || other + other_len <= start));
    }
}

/// Exhausts the number of mappings that a process may have, where a neighbour that the system merged cannot be split:
/// each call then fails in its second half, if it has one, and must leave what it says it leaves.
#[test]
fn runs_out_of_mappings() {
    const COUNT: usize = 32;
    let most = proc("sys/vm/max_map_count").and_then(|text| text.trim().parse().ok());
    let most: usize = match most {
        Some(most) if most <= 100_000 => most,
        _ => return println!("skipped: no limit on mappings that could be reached here"),
    };
    // So many may still be had: some calls need more than one, or a margin.
    let attempt = |spare| {
        let page = page_size();
        let mut merged: Vec<_> = (0..COUNT).map(|_| Some(fresh(page))).collect();
        merged.iter_mut().flatten().enumerate().for_each(|(i, map)| stamp(map, i));
        let mut places: Vec<_> = units(COUNT).unwrap().into_iter().map(Some).collect();
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
        // Of the merged ones every other, each of which would split its neighbours off.
        for i in (1..COUNT - 1).step_by(2) {
            let mut map = merged[i].take().unwrap();
            let ptr = map.as_ptr();
            let result = match i % 8 {
                1 => map.protect(Prot::READ),
                3 => map.lock(),
                5 => map.advise(Advice::Random),
                _ => map.protect(Prot::EXEC),
            };
            // What may have lost the right to be written is not written.
            assert_eq!(map.bytes_mut().is_ok(), matches!(i % 8, 3 | 5));
            result.unwrap_or_else(&mut note);
            assert_stamped(&map, i);
            // Whole again, where that takes no call that fails.
            let _ = (map.unlock(), map.advise(Advice::Normal), map.protect(Prot::WRITE));
            if map.bytes_mut().is_ok() {
                stamp(&mut map, i);
            }
            match map.into_reservation() {
                Ok(place) => {
                    assert!(place.as_ptr() == ptr && place.len() == page);
                    places.push(Some(place));
                }
                Err((map, error)) => {
                    note(error);
                    assert_stamped(&map, i);
                    merged[i] = map.unmap().err().map(|(map, error)| {
                        note(error);
                        assert!(map.as_ptr() == ptr);
                        map
                    });
                }
            }
            let place = places[i].take().unwrap();
            let (ptr, len) = (place.as_ptr(), place.len());
            let flags = [Flags::default(), Flags::NORESERVE, Flags::LOCKED][i / 4 % 3];
            let result = match i % 4 {
                1 => place.release(),
                _ => Mmap::anon(len).prot(Prot::WRITE).flags(flags).map_in(place).map(|mut map| {
                    assert!(is_zero(&map));
                    stamp(&mut map, i);
                    many.push(map);
                }),
            };
            places[i] = result.err().map(|(place, error)| {
                note(error);
                assert_eq!((place.as_ptr(), place.len()), (ptr, len));
                place
            });
            for (i, map) in merged.iter().enumerate() {
                map.iter().for_each(|map| assert_stamped(map, i));
            }
        }
        // The last first, so that there is room for what must be split.
        while let Some(map) = many.pop() {
            done(map.unmap());
        }
        merged.into_iter().flatten().for_each(|map| done(map.unmap()));
        for place in places.into_iter().flatten() {
            assert_held(&place);
            done(place.release());
        }
        seen.sort_unstable();
        seen.dedup();
        println!("with {spare} to spare failed: {seen:?}");
    };
    alone_and_clean("", || [0, 2, 5].into_iter().for_each(attempt));
}

// Memory.

/// Maps memory with every set of flags and every permission, in a reservation and without: it is zeroed, can be read to
/// its last byte, and is written only where it may be.
#[test]
fn maps_with_every_flag_and_permission() {
    alone_and_clean("", || {
        let unit = allocation_granularity();
        let has_reservations = reserve(1).is_some();
        for flags in all_flags() {
            for prot in prots() {
                for placed in [false, true] {
                    let len = 2 * unit - 1;
                    let request = Mmap::anon(len).prot(prot).flags(flags);
                    let result = match placed {
                        false => request.map(),
                        true if !has_reservations => continue,
                        true => request.map_in(reserve(len).unwrap()).map_err(|(_, error)| error),
                    };
                    let mut map = match result {
                        Ok(map) => map,
                        Err(error) => {
                            assert!(
                                error.flag().is_none_or(|flag| flags.contains(flag)),
                                "{flags:?} {prot:?}: {error}"
                            );
                            continue;
                        }
                    };
                    assert!(is_zero(&map) && map.len() == len);
                    assert_eq!(map.bytes_mut().is_ok(), prot.contains(Prot::WRITE));
                    if let Ok(bytes) = map.bytes_mut() {
                        bytes.fill(0x5a);
                        assert!(map.iter().all(|&byte| byte == 0x5a));
                    }
                }
            }
        }
    });
}

/// Changes permissions in every order, four times: were what the mapping remembers ever more than what the pages have, a
/// safe write would fault.
#[test]
fn protects_in_every_order() {
    let len = 2 * page_size() + 1;
    for order in 0..256_usize {
        let mut map = fresh(len);
        stamp(&mut map, order);
        let mut number = order;
        for step in 0..4 {
            let prot = prots()[order >> (2 * step) & 3];
            let result = map.protect(prot);
            assert_stamped(&map, number);
            match map.bytes_mut() {
                Ok(_) => {
                    assert!(result.is_err() || prot.contains(Prot::WRITE));
                    number += 1;
                    stamp(&mut map, number);
                }
                Err(error) => {
                    assert!(result.is_err() || !prot.contains(Prot::WRITE));
                    assert_eq!(error.kind(), ErrorKind::NotWritable);
                }
            }
        }
        assert_stamped(&map, number);
    }
}

/// Lets the change of permissions fail, as memory that can be written counts against a limit: what then cannot be
/// written must say so, where a safe write would fault.
#[test]
fn fails_to_protect() {
    alone_and_clean("ulimit -d 400000", || {
        let len = 1 << 30;
        let mut map = Mmap::anon(len).map().unwrap();
        for prot in [Prot::WRITE, Prot::WRITE | Prot::EXEC, Prot::WRITE] {
            match map.protect(prot) {
                Ok(()) => return println!("skipped: this is not refused here"),
                Err(error) => assert_eq!(error.kind(), ErrorKind::OutOfMemory, "{error}"),
            }
            assert_eq!(map.bytes_mut().unwrap_err().kind(), ErrorKind::NotWritable);
            assert!(map[0] == 0 && map[len - 1] == 0);
        }
        map.protect(Prot::EXEC).unwrap();
        map.protect(Prot::READ).unwrap();
        let Some(mut place) = reserve(len) else { return };
        for flags in [Flags::default(), Flags::NORESERVE, Flags::POPULATE] {
            let (same, error) = Mmap::anon(len).prot(Prot::WRITE).flags(flags).map_in(place).unwrap_err();
            assert_eq!((same.len(), error.kind()), (len, ErrorKind::OutOfMemory));
            assert_held(&same);
            place = same;
        }
        let inner = done(Mmap::anon(len).map_in(place));
        assert!(inner[0] == 0 && inner[len - 1] == 0);
        assert_eq!(Mmap::anon(len).prot(Prot::WRITE).map().unwrap_err().kind(), ErrorKind::OutOfMemory);
    });
}

/// Maps until the address space that a process is allowed is used up, with everything that maps: an end by an error, not
/// by a signal, and all works again when some is given back.
#[test]
fn runs_out_of_memory() {
    alone_and_clean("ulimit -v 1000000", || {
        for flags in [Flags::default(), Flags::NORESERVE] {
            let mut held = Vec::with_capacity(10_000);
            let error = loop {
                match Mmap::anon(1 << 20).prot(Prot::WRITE).flags(flags).map() {
                    Ok(map) => held.push(map),
                    Err(error) => break error,
                }
                if held.len() == held.capacity() {
                    return println!("skipped: there is no such limit here");
                }
            };
            // On Windows the flag is refused.
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

/// Takes a slice of memory that is not writable, in every way there is: a slice to write to would fault.
#[test]
fn writes_to_what_is_read_only() {
    for prot in [Prot::READ, Prot::EXEC] {
        let mut map = Mmap::anon(100).prot(prot).map().unwrap();
        for _ in 0..3 {
            assert_eq!(map.bytes_mut().unwrap_err().kind(), ErrorKind::NotWritable);
        }
        map.protect(Prot::WRITE).unwrap();
        map.bytes_mut().unwrap().fill(1);
        map.protect(prot).unwrap();
        assert_eq!(map.bytes_mut().unwrap_err().kind(), ErrorKind::NotWritable);
        assert!(map.iter().all(|&byte| byte == 1));
    }
}

/// Joins permissions and flags in every way: one without READ would make a slice that cannot be read.
#[test]
fn makes_a_permission_without_reading() {
    let mut all: HashSet<Prot> = prots().into_iter().chain([Prot::default()]).collect();
    let mut all_flags: HashSet<Flags> = FLAGS.into_iter().chain([Flags::default()]).collect();
    for _ in 0..FLAGS.len() {
        let pairs: Vec<_> = all.iter().flat_map(|&a| all.iter().map(move |&b| (a, b))).collect();
        all.extend(pairs.iter().flat_map(|&(a, b)| [a | b, a & b]));
        let few: Vec<_> = all_flags.iter().copied().collect();
        all_flags.extend(few.iter().flat_map(|&a| FLAGS.map(|b| [a | b, a & b])).flatten());
    }
    assert!(all.len() == 4 && all_flags.len() == 64);
    for &prot in &all {
        assert!(prot.contains(Prot::READ) && prot.bits() & Prot::READ.bits() != 0);
        let map = Mmap::anon(10).prot(prot).map();
        map.iter().for_each(|map| assert!(is_zero(map)));
    }
    for flags in all_flags {
        drop(Mmap::anon(10).flags(flags).map());
    }
}

/// Maps lengths that wrap around when they are rounded up, to pages or to huge ones, or that no address space has.
#[test]
fn maps_absurd_lengths() {
    for flags in all_flags() {
        // To populate what could be had would take too long.
        if flags.contains(Flags::POPULATE) || flags.contains(Flags::LOCKED) {
            continue;
        }
        for prot in prots() {
            let map = |len| Mmap::anon(len).prot(prot).flags(flags).map();
            assert!(map(0).is_err());
            for below in [0, 1, 4095, 4096, 65535, 1 << 20, (2 << 20) - 1, 2 << 20] {
                assert!(map(isize::MAX as usize - below).is_err());
                assert!(map(usize::MAX - below).is_err());
                assert_eq!(map(isize::MAX as usize + 1 + below).unwrap_err().kind(), ErrorKind::TooLong);
            }
            let error = Mmap::anon(1).prot(prot).flags(flags).offset(u64::MAX).map().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::OffsetAnon);
        }
    }
}

/// Asks for huge pages that the system may not have: memory that is granted and missing at the first touch would fault.
#[test]
fn touches_huge_pages() {
    alone_and_clean("", || {
        for flags in all_flags().filter(|flags| flags.contains(Flags::HUGETLB)) {
            for len in [1, (2 << 20) - 1, 2 << 20, 5 << 20] {
                match Mmap::anon(len).prot(Prot::WRITE).flags(flags).map() {
                    Err(error) => assert!(error.flag().is_some(), "{flags:?}: {error}"),
                    Ok(mut map) => {
                        stamp(&mut map, len);
                        map.protect(Prot::READ).unwrap();
                        assert_stamped(&map, len);
                    }
                }
            }
        }
    });
}

/// Maps, writes and unmaps two thousand times in eight threads at once, with dozens alive in each: every one that lives must have its own
/// bytes at any time.
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
                let mut live: Vec<(usize, Mapping)> = Vec::new();
                for round in 0..250 {
                    let mut map = fresh(1 + chance(&mut seed, 3 * page));
                    assert!(is_zero(&map));
                    stamp(&mut map, number * 1000 + round);
                    live.push((number * 1000 + round, map));
                    if live.len() > 32 {
                        let (number, map) = live.swap_remove(chance(&mut seed, 32));
                        assert_stamped(&map, number);
                        if round % 2 == 0 {
                            done(map.unmap());
                        }
                    }
                    let (number, map) = &live[chance(&mut seed, live.len())];
                    assert_stamped(map, *number);
                }
                live.iter().for_each(|(number, map)| assert_stamped(map, *number));
            });
        }
    });
}

/// Unmaps from the middle of what the system merged, and looks at the neighbours.
#[test]
fn unmaps_between_neighbours() {
    alone_and_clean("", || {
        let page = page_size();
        let mut maps: Vec<_> = (0..64).map(|i| (i, fresh(1 + i * page / 16))).collect();
        maps.iter_mut().for_each(|(i, map)| stamp(map, *i));
        let mut seed = 1;
        while !maps.is_empty() {
            let (i, mut map) = maps.swap_remove(chance(&mut seed, maps.len()));
            map.protect(prots()[i % 4]).unwrap();
            done(map.unmap());
            maps.iter().for_each(|(i, map)| assert_stamped(map, *i));
        }
    });
}

/// Sends a mapping to a thread that ends, and one that a thread made back from it: the memory belongs to no thread.
#[test]
fn outlives_the_thread_that_made_it() {
    let mut map = fresh(100_000);
    stamp(&mut map, 1);
    let mut map = thread::spawn(move || {
        assert_stamped(&map, 1);
        drop(map);
        let mut other = fresh(100_000);
        stamp(&mut other, 2);
        other
    })
    .join()
    .unwrap();
    assert_stamped(&map, 2);
    stamp(&mut map, 3);
    thread_local!(static LAST: Cell<Option<Mapping>> = const { Cell::new(None) });
    // Unmapped when the thread's own variables are.
    thread::spawn(move || LAST.set(Some(map))).join().unwrap();
}

/// Advises, locks, unlocks and flushes one mapping from many threads, whole and in parts, while others read it: what only
/// takes `&self` must change no byte.
#[test]
fn works_on_one_mapping_from_many_threads() {
    let len = 16 * page_size() + 77;
    let mut map = fresh(len);
    stamp(&mut map, 9);
    let map = Arc::new(map);
    let threads: Vec<_> = (0..8_u64)
        .map(|number| {
            let map = map.clone();
            thread::spawn(move || {
                let mut seed = number;
                for round in 0..50 {
                    let start = chance(&mut seed, len);
                    let range = start..start + chance(&mut seed, len - start + 1);
                    let _ = match (number + round) % 6 {
                        0 => map.lock(),
                        1 => map.unlock(),
                        2 => map.flush_range(range),
                        3 => map.flush_async_range(range),
                        _ => map.advise_range(range, ADVICE[chance(&mut seed, 8)]),
                    };
                    assert_stamped(&map, 9);
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    assert_stamped(&map, 9);
}

/// Says another range each time it is asked.
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

/// Hands every method that takes a range such as overflow, end before they start, lie beyond the end, or change while they
/// are looked at: a range that is not checked reaches other memory.
#[test]
fn passes_ranges_that_overflow() {
    let len = 3 * page_size() + 5;
    let mut map = fresh(len);
    stamp(&mut map, 4);
    let each = |range: (Bound<usize>, Bound<usize>)| {
        let results = [map.flush_range(range), map.flush_async_range(range)]
            .into_iter()
            .chain(ADVICE.map(|advice| map.advise_range(range, advice)));
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
            for result in each((start, end)) {
                assert_eq!(
                    result,
                    if is_within { Ok(()) } else { Err(ErrorKind::BeyondEnd) },
                    "{start:?}, {end:?}"
                );
            }
        }
    }
    assert!(
        map.flush_range(0..=usize::MAX).is_err()
            && map.advise_range(usize::MAX..=usize::MAX, Advice::Cold).is_err()
    );
    for shift in 0..64 {
        let liar = || Liar(Cell::new(shift), [values[shift % 8], 0, usize::MAX, values[shift / 8]]);
        let _ = (map.flush_range(liar()), map.flush_async_range(liar()));
        let _ = ADVICE.map(|advice| map.advise_range(liar(), advice));
    }
    assert_stamped(&map, 4);
}

/// Does everything to parts of no length, wherever they lie: the system takes a length of 0 for an error, or for all.
#[test]
fn works_on_nothing() {
    let len = 2 * page_size();
    let mut map = fresh(len);
    stamp(&mut map, 4);
    for at in [0, 1, page_size(), len - 1, len] {
        map.flush_range(at..at).unwrap();
        map.flush_async_range(at..at).unwrap();
        ADVICE.iter().for_each(|&advice| map.advise_range(at..at, advice).unwrap());
    }
    assert_stamped(&map, 4);
}

/// Leaks mappings and reads them from other threads while others come and go: what is leaked must stay for good.
#[test]
fn reads_what_was_leaked() {
    let leaked: Vec<(usize, &'static [u8])> = (0..20)
        .map(|i| {
            let mut map = fresh(1 + i * 1000);
            stamp(&mut map, i);
            map.protect(prots()[i % 4]).unwrap();
            (i, map.leak())
        })
        .collect();
    let reader = thread::spawn({
        let leaked = leaked.clone();
        move || {
            for _ in 0..50 {
                for (number, bytes) in &leaked {
                    assert!(bytes.iter().enumerate().all(|(i, &byte)| byte == stamp_at(*number, i)));
                }
            }
        }
    });
    for i in 0..2000 {
        drop(fresh(1 + i * 10));
        drop(reserve(1));
    }
    reader.join().unwrap();
}

/// Maps where others were a moment ago, after everything that could leave something behind: fresh memory is zeroed.
#[test]
fn finds_old_contents_in_fresh_memory() {
    for round in 0..2000 {
        let flags = [Flags::default(), Flags::POPULATE, Flags::NORESERVE, Flags::COW][round % 4];
        let Ok(mut map) = Mmap::anon(3 * page_size()).prot(Prot::WRITE).flags(flags).map() else { continue };
        assert!(is_zero(&map));
        map.bytes_mut().unwrap().fill(0xff);
        let _ = (map.lock(), map.advise(ADVICE[round % 8]), map.protect(prots()[round % 4]));
        if round % 2 == 0 {
            done(map.unmap());
        }
    }
}

/// Panics with mappings and reservations alive, in the middle of their use and in another thread: each is released once.
#[test]
fn panics_with_mappings_alive() {
    alone_and_clean("", || {
        let unit = allocation_granularity();
        for round in 0..20 {
            let result = catch_unwind(|| {
                let _places = units(3);
                let mut map = fresh(unit);
                let _other = Mmap::anon(unit).map().unwrap();
                let bytes = map.bytes_mut().unwrap();
                // Beyond the end.
                bytes[unit + round] = 1;
            });
            assert!(result.is_err());
        }
        let shared = Arc::new(Mutex::new(fresh(unit)));
        let poisoner = shared.clone();
        let result = catch_unwind(AssertUnwindSafe(move || {
            let mut map = poisoner.lock().unwrap();
            stamp(&mut map, 1);
            panic!("on purpose");
        }));
        assert!(result.is_err());
        let mut map = shared.lock().unwrap_err().into_inner();
        assert_stamped(&map, 1);
        map.protect(Prot::READ).unwrap();
    });
}

/// Lets a hundred threads drop the last references to the same mappings: one of them unmaps, the others do not read
/// what is gone.
#[test]
fn drops_the_last_reference_in_any_thread() {
    let maps: Vec<Arc<Mapping>> = (0..20)
        .map(|i| {
            let mut map = fresh(1000 + i);
            stamp(&mut map, i);
            Arc::new(map)
        })
        .collect();
    let threads: Vec<_> = (0..100)
        .map(|_| {
            let maps = maps.clone();
            thread::spawn(move || {
                for (i, map) in maps.into_iter().enumerate() {
                    assert_stamped(&map, i);
                }
            })
        })
        .collect();
    drop(maps);
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}

/// Asks for the sizes first from many threads at once: they are kept from the first time, and two that differ would cut
/// mappings in different places.
#[test]
fn asks_for_sizes_from_many_threads() {
    alone("", || {
        let barrier = Arc::new(Barrier::new(16));
        let threads: Vec<_> = (0..16)
            .map(|_| {
                let barrier = barrier.clone();
                thread::spawn(move || {
                    barrier.wait();
                    (page_size(), allocation_granularity())
                })
            })
            .collect();
        let sizes: HashSet<_> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
        assert_eq!(sizes.len(), 1);
        let (page, unit) = sizes.into_iter().next().unwrap();
        assert!(page.is_power_of_two() && unit.is_power_of_two() && unit % page == 0);
    });
}

/// Uses up the stack of a thread that has mappings and reservations all around: the thread must run into its guard page,
/// and not into them.
#[test]
fn uses_up_the_stack_beside_mappings() {
    fn deep(n: u64) -> u64 {
        let frame = std::hint::black_box([n; 64]);
        if n == u64::MAX { 0 } else { deep(n + 1).wrapping_add(std::hint::black_box(frame)[0]) }
    }
    const LEN: usize = 1 << 20;
    if is_again() {
        // Holes of many sizes, one of which the stack takes; and below and above it these.
        let mut maps: Vec<_> = (0..200).map(|i| (i, fresh(LEN / 16))).collect();
        maps.iter_mut().for_each(|(i, map)| stamp(map, *i));
        let places: Vec<_> = (0..50).filter_map(|_| reserve(LEN / 16)).collect();
        thread::spawn(move || {
            loop {
                if maps
                    .iter()
                    .any(|(i, map)| map.iter().enumerate().any(|(j, &byte)| byte != stamp_at(*i, j)))
                {
                    println!("the stack grew into a mapping");
                }
            }
        });
        drop(places);
        let map = fresh(LEN / 8);
        thread::Builder::new().stack_size(LEN).spawn(move || deep(map[0].into())).unwrap().join().unwrap();
        return;
    }
    let Some((status, text)) = again("ulimit -c 0") else { return };
    assert!(!status.success() && !text.contains("the stack grew into a mapping"), "{status}: {text}");
}

/// Runs calls of the crate on a stack that is nearly used up, as a thread of the smallest size has it: a large frame would
/// reach over the guard page.
#[test]
fn runs_on_the_smallest_stack() {
    let folder = Folder::new();
    let path = folder.path("file");
    let long = CString::new("x/".repeat(20_000)).unwrap();
    let work = move || {
        let mut map = fresh(1000);
        map.protect(Prot::READ).unwrap();
        map.advise(Advice::Cold).unwrap();
        let file = File::create(&path).unwrap();
        file.set_len(10).unwrap();
        assert!(File::open(&long).is_err());
        if let Ok(place) = Reservation::aligned(1, 1 << 20) {
            drop(done(done(Mmap::anon(1).map_in(place)).into_reservation()));
        }
        file.read_at(&mut [0; 10], 0).unwrap()
    };
    assert_eq!(thread::Builder::new().stack_size(1).spawn(work).unwrap().join().unwrap(), 10);
}

// What it says.

/// Takes so many bytes and fails then.
struct Full(usize);

impl Write for Full {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0 = self.0.checked_sub(text.len()).ok_or(fmt::Error)?;
        Ok(())
    }
}

/// Prints everything in every format to a writer that fails after each number of bytes: an error must come back as one,
/// and not as a panic.
#[test]
fn prints_to_a_writer_that_fails() {
    let folder = Folder::new();
    let file = folder.file("file", b"text");
    let map = fresh(10);
    let place = Reservation::new(1);
    let error = File::open(&folder.path("missing")).unwrap_err();
    let own = map.flush_range(11..).unwrap_err();
    let (request, anon) = (Mmap::new(&file).offset(u64::MAX).len(usize::MAX), Mmap::anon(usize::MAX));
    let reference = FileRef::from(&file);
    let print = |to: &mut dyn Write| {
        write!(to, "{map:?}{map:#?}{map:1000?}{map:<5.3?}{map:#x?}{map:#010X?}")?;
        write!(to, "{place:?}{place:#?}{place:^100?}{file:?}{file:#?}{reference:?}{reference:#?}")?;
        write!(
            to,
            "{error}{error:#}{error:?}{error:#?}{error:1000}{error:.1}{own}{own:?}{:?}",
            error.kind()
        )?;
        write!(to, "{request:?}{request:#?}{anon:?}{anon:#?}")?;
        for flags in all_flags() {
            write!(to, "{flags:?}{flags:#?}{flags:100?}")?;
        }
        prots().iter().try_for_each(|prot| write!(to, "{prot:?}{prot:#?}{prot:x?}"))?;
        ADVICE.iter().try_for_each(|advice| write!(to, "{advice:?}{advice:#?}"))
    };
    let mut text = String::new();
    print(&mut text).unwrap();
    assert!(!text.is_empty());
    for most in 0..text.len() {
        assert!(print(&mut Full(most)).is_err());
    }
    print(&mut Full(text.len())).unwrap();
}

/// Compares, copies and asks every error that can be had: eight bytes, in which fields are packed and looked up late.
#[test]
fn asks_errors_for_everything() {
    let folder = Folder::new();
    let file = folder.file("file", b"text");
    let map = fresh(1);
    let mut errors = vec![
        File::open(&folder.path("missing")).unwrap_err(),
        File::open_rw(&folder.path("file/below")).unwrap_err(),
        File::create(&folder.path("")).unwrap_err(),
        File::open(&CString::new("y".repeat(100_000)).unwrap()).unwrap_err(),
        file.set_len(u64::MAX).unwrap_err(),
        map.flush_range(2..).unwrap_err(),
        map.advise_range(2.., Advice::Normal).unwrap_err(),
        Mmap::anon(0).map().unwrap_err(),
        Mmap::anon(1).offset(1).map().unwrap_err(),
        Mmap::anon(usize::MAX).map().unwrap_err(),
        Mmap::anon(isize::MAX as usize).map().unwrap_err(),
        Mmap::anon(1).flags(Flags::HUGETLB | Flags::NORESERVE).map().unwrap_err(),
        Reservation::new(0).unwrap_err(),
        Reservation::aligned(1, 3).unwrap_err(),
    ];
    errors.extend(Mmap::anon(1).map().unwrap().bytes_mut().err());
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

/// Reads at offsets that wrap around or are negative to the system, and looks beyond what was read: only bytes that are
/// counted may have been written.
#[test]
fn reads_at_absurd_offsets() {
    let folder = Folder::new();
    let file = folder.file("file", &[1; 10_000]);
    let max = i64::MAX as u64;
    for offset in [
        0,
        1,
        9_999,
        10_000,
        10_001,
        1 << 32,
        max - 1,
        max,
        max + 1,
        max + 4096,
        u64::MAX - 4096,
        u64::MAX - 1,
        u64::MAX,
    ] {
        for len in [0, 1, 4096, 20_000] {
            let mut bytes = vec![7; len];
            let read = file.read_at(&mut bytes, offset).unwrap_or(0);
            assert_eq!(read, len.min(10_000_u64.saturating_sub(offset) as usize), "at {offset}");
            assert!(
                bytes[..read].iter().all(|&byte| byte == 1) && bytes[read..].iter().all(|&byte| byte == 7)
            );
        }
    }
}

/// Reads into more than 2 GiB and more than 4 GiB, a length that systems cut to 31 or 32 bits: one that became 0 would be
/// taken for the end of the file, and one that became negative for something else.
#[test]
fn reads_into_more_than_4_gib() {
    let folder = Folder::new();
    let file = folder.file("file", &[1; 100]);
    for len in [(1_u64 << 31) - 1, 1 << 31, (1 << 31) + 1, 1 << 32, (1 << 32) + 1] {
        let map = usize::try_from(len)
            .map_err(|_| ())
            .and_then(|len| Mmap::anon(len).prot(Prot::WRITE).map().map_err(drop));
        let Ok(mut map) = map else {
            println!("skipped {len} bytes: there is no room for them here");
            continue;
        };
        assert_eq!(file.read_at(map.bytes_mut().unwrap(), 0).unwrap(), 100);
        assert!(map[..100].iter().all(|&byte| byte == 1) && map[100..1 << 20].iter().all(|&byte| byte == 0));
    }
}

/// Opens, as files, what is none, by every name that might hurt, and does to it what can be done to files: none may hang
/// or kill the process.
#[test]
fn opens_what_is_no_file() {
    alone_and_clean("", || {
        let folder = Folder::new();
        fs::create_dir(folder.0.join("folder")).unwrap();
        let fifo = folder.0.join("fifo");
        if !Command::new("mkfifo").arg(&fifo).status().is_ok_and(|status| status.success()) {
            println!("skipped the FIFO: nobody makes one here");
        }
        let long = |len| CString::new("z".repeat(len)).unwrap();
        let mut names: Vec<CString> =
            ["folder", "fifo", "", ".", "..", "folder/", "nothing/below", "a\u{301}/", "*?<>|:\""]
                .iter()
                .map(|name| folder.path(name))
                .collect();
        names.extend(
            [c"", c".", c"/", c"//", c"/dev/full", c"/dev/null", c"/dev/zero", c"/dev/ptmx"]
                .map(CString::from),
        );
        names.extend(
            [c"/proc/self/mem", c"/proc/self/maps", c"/proc/self/fd", c"/proc/self/exe", c"/dev/fd/99999"]
                .map(CString::from),
        );
        names.extend(
            [c"CON", c"NUL", c"\\\\.\\pipe\\nothing", c"\\\\?\\", c"\\\\", c"C:", c"\xff\xfe"]
                .map(CString::from),
        );
        names.extend([247, 248, 249, 255, 256, 4095, 4096, 32_766, 32_767, 32_768, 1 << 20].map(long));
        let mut bytes = [7; 64];
        for name in &names {
            let is_fifo = name.to_bytes().ends_with(b"fifo");
            // To open that for reading waits for a writer, and is no attempt.
            let for_reading = if is_fifo { None } else { Some(File::open(name)) };
            for file in for_reading.into_iter().chain([File::open_rw(name)]).flatten() {
                let _ = (file.len(), file.is_empty(), file.sync(), format!("{file:?}"));
                for len in [u64::MAX, i64::MAX as u64 + 1] {
                    assert_eq!(file.set_len(len).unwrap_err().kind(), ErrorKind::TooLong, "{name:?}");
                }
                for offset in [0, 1, i64::MAX as u64, u64::MAX] {
                    // A terminal would wait.
                    if !name.to_bytes().ends_with(b"ptmx") && !name.to_bytes().starts_with(b"CON") {
                        let read = file.read_at(&mut bytes, offset).unwrap_or(0);
                        assert!(bytes[read..].iter().all(|&byte| byte == 7));
                        bytes.fill(7);
                    }
                }
            }
        }
        for name in ["folder", ".", "folder/", "nothing/below"] {
            assert!(File::create(&folder.path(name)).is_err(), "{name}");
        }
        drop(File::create(&folder.path("fifo")));
        if let Ok(full) = File::create(c"/dev/full") {
            let _ = (full.set_len(0), full.set_len(1), full.sync());
        }
    });
}

/// Sets every length, to files and to what is none: a length that is cut off or becomes negative would lose what the file
/// has.
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
    let read_only = File::open(&folder.path("file")).unwrap();
    assert!(read_only.set_len(10).is_err() && file.is_empty().unwrap());
}

/// Truncates a file after its contents were copied to memory: memory of no file must not follow it.
#[test]
fn truncates_what_was_copied() {
    let folder = Folder::new();
    let file = folder.file("file", &[3; 50_000]);
    let mut map = fresh(100_000);
    assert_eq!(file.read_at(map.bytes_mut().unwrap(), 0).unwrap(), 50_000);
    file.set_len(0).unwrap();
    drop(file);
    fs::remove_file(folder.0.join("file")).unwrap();
    assert!(map[..50_000].iter().all(|&byte| byte == 3) && map[50_000..].iter().all(|&byte| byte == 0));
}

/// Reads the process's own memory as a file, into the same memory, and where a reservation is: reading is all that is
/// done, and what cannot be read is an error.
#[test]
fn reads_its_own_memory_as_a_file() {
    let Some(file) = proc("self/maps").and_then(|_| File::open(c"/proc/self/mem").ok()) else {
        return println!("skipped: memory is no file here");
    };
    let mut map = fresh(100_000);
    stamp(&mut map, 8);
    let address = map.as_ptr().addr() as u64;
    let mut copy = vec![0; 200];
    assert_eq!(file.read_at(&mut copy, address).unwrap(), 200);
    assert_eq!(copy, map[..200]);
    assert_eq!(file.read_at(map.bytes_mut().unwrap(), address).unwrap(), 100_000);
    assert_stamped(&map, 8);
    assert!(file.read_at(&mut copy, 0).is_err());
    // Linux reads it, as a debugger may, and finds zeros.
    let place = reserve(200).unwrap();
    if file.read_at(&mut copy, place.as_ptr().addr() as u64).is_ok() {
        assert_eq!(copy, [0; 200]);
    }
    assert!(is_zero(&done(Mmap::anon(200).map_in(place))));
}

/// Opens files until there are no more descriptors: the error must say so, and each must be closed once, as the next one
/// has its number.
#[test]
fn runs_out_of_descriptors() {
    alone_and_clean("ulimit -n 64", || {
        let folder = Folder::new();
        drop(folder.file("file", b"text"));
        let path = folder.path("file");
        for _ in 0..3 {
            let mut files = Vec::with_capacity(10_000);
            let error = loop {
                match File::open(&path) {
                    Ok(file) => files.push(file),
                    Err(error) => break error,
                }
                if files.len() == files.capacity() {
                    return println!("skipped: there is no such limit here");
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

/// Looks into a child process for the descriptors of files that are open here, opened while other threads start children:
/// one that is inherited stays open there, and keeps locks and ends of pipes.
#[test]
fn lets_children_inherit_files() {
    let listed = || {
        let output = Command::new("sh").args(["-c", "ls /proc/self/fd"]).output().ok()?;
        output.status.success().then(|| output.stdout.split(|&byte| byte == b'\n').count())
    };
    alone("", || {
        let folder = Folder::new();
        drop(folder.file("file", b"text"));
        let Some(before) = listed() else { return println!("skipped: nobody lists descriptors here") };
        let stop = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| {
                let path = folder.path("file");
                while !stop.load(Ordering::Relaxed) {
                    let files = [File::open(&path), File::open_rw(&path), File::create(&path)];
                    assert!(files.iter().all(|file| file.is_ok()));
                }
            });
            let result = catch_unwind(|| (0..50).for_each(|_| assert_eq!(listed(), Some(before))));
            stop.store(true, Ordering::Relaxed);
            result.unwrap();
        });
    });
}

/// Opens and closes files in many threads at once, each with contents of its own: were a descriptor closed twice, it
/// would be another thread's the second time.
#[test]
fn closes_the_file_of_another_thread() {
    let folder = Folder::new();
    for number in 0..4 {
        drop(folder.file(&number.to_string(), &[number; 100]));
    }
    thread::scope(|scope| {
        for number in 0..4_u8 {
            let path = folder.path(&number.to_string());
            scope.spawn(move || {
                for _ in 0..1000 {
                    let file = File::open(&path).unwrap();
                    assert!(File::open(c"").is_err());
                    let mut bytes = [0xff; 100];
                    assert_eq!((file.read_at(&mut bytes, 0).unwrap(), bytes), (100, [number; 100]));
                }
            });
        }
    });
}

/// Extends a file over the limit that the process has, with the signal ignored by which the system would end it: an error
/// that says so, and no longer file.
#[test]
fn extends_a_file_over_the_limit() {
    alone("trap '' XFSZ; ulimit -f 1", || {
        let folder = Folder::new();
        let file = File::create(&folder.path("file")).unwrap();
        match file.set_len(1 << 30) {
            Ok(()) => println!("skipped: there is no such limit here"),
            Err(error) => assert_eq!(file.len().unwrap(), 0, "{error}"),
        }
    });
}

/// Turns files of the crate into std's and back, many times and in threads, and panics on the way: each is closed once.
#[cfg(feature = "std")]
#[test]
fn converts_files_to_and_fro() {
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

/// Makes errors of std's of the crate's, and back: none may be lost, and none made of nothing.
#[cfg(feature = "std")]
#[test]
fn converts_errors() {
    let folder = Folder::new();
    let missing = File::open(&folder.path("missing")).unwrap_err();
    let own = Mmap::anon(0).map().unwrap_err();
    for error in [missing, own] {
        let io: std::io::Error = error.into();
        assert!(!io.to_string().is_empty() && !format!("{io:?}").is_empty());
        assert_eq!(io.kind() == std::io::ErrorKind::NotFound, error == missing);
    }
}

// Reader. Whatever happens to the file meanwhile, it reads what `read` would.

#[cfg(feature = "alloc")]
mod reader {
    use super::*;
    use baremap::Reader;

    /// Stops a Reader, and keeps its error if that stopped it.
    #[derive(Debug)]
    struct Stop(#[allow(dead_code, reason = "printed")] Option<Error>);

    impl From<Error> for Stop {
        fn from(error: Error) -> Self {
            Self(Some(error))
        }
    }

    /// Zeros without end, where there is such a device.
    fn zeros() -> Option<File> {
        let file = File::open(c"/dev/zero");
        file.inspect_err(|error| println!("skipped: no zeros without end here: {error}")).ok()
    }

    /// Truncates and extends a file all the time while it is read: were a chunk a mapping, the next touch would be a
    /// fault, and bytes would change in a slice.
    #[test]
    fn truncates_what_is_read() {
        alone("", || {
            let folder = Folder::new();
            let file = folder.file("file", &[5; 3 << 20]);
            let writer = File::open_rw(&folder.path("file")).unwrap();
            let stop = AtomicBool::new(false);
            thread::scope(|scope| {
                scope.spawn(|| {
                    let mut seed = 1;
                    while !stop.load(Ordering::Relaxed) {
                        writer.set_len(chance(&mut seed, 3 << 20) as u64).unwrap();
                    }
                });
                let result = catch_unwind(|| {
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
                stop.store(true, Ordering::Relaxed);
                result.unwrap();
            });
        });
    }

    /// Reads in chunks of every odd length: 0 would never get on, and the greatest would be all the memory there is.
    #[test]
    fn reads_in_absurd_chunks() {
        let folder = Folder::new();
        let file = folder.file("file", &[6; 5000]);
        for chunk_len in [0, 1, 4095, 4097, 1 << 30, isize::MAX as usize, isize::MAX as usize + 1, usize::MAX]
        {
            let read = Reader::new(&file).chunk_len(chunk_len).for_each(|chunk| {
                assert!(chunk.len() <= chunk_len.max(1) && chunk.iter().all(|&byte| byte == 6));
                Ok::<_, Error>(())
            });
            assert_eq!(read.unwrap(), 5000);
            let Some(zeros) = zeros() else { continue };
            let mut count = 0;
            let result = Reader::new(&zeros).chunk_len(chunk_len).for_each(|chunk| {
                count += 1;
                assert!(!chunk.is_empty() && chunk.iter().all(|&byte| byte == 0));
                if count == 10 { Err(Stop(None)) } else { Ok(()) }
            });
            assert!(matches!(result, Err(Stop(None))), "{result:?}");
        }
    }

    /// Reads from offsets that are negative to the system, or wrap around with the length of a chunk.
    #[test]
    fn reads_from_absurd_offsets() {
        let folder = Folder::new();
        let file = folder.file("file", &[6; 5000]);
        let max = i64::MAX as u64;
        for offset in
            [5000, 5001, 1 << 40, max - 4096, max - 1, max, max + 1, u64::MAX - 4096, u64::MAX - 1, u64::MAX]
        {
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

    /// Changes the offset and the length of chunks of a Reader that has begun: what is left of the old chunk could lie
    /// beyond the start of the new one.
    #[cfg(feature = "std")]
    #[test]
    fn changes_its_mind_while_it_reads() {
        use std::io::{BufRead, Read, Seek};
        let folder = Folder::new();
        let contents: Vec<u8> = (0..200_000).map(|i| stamp_at(0, i)).collect();
        let file = folder.file("file", &contents);
        let mut reader = Reader::new(&file);
        let mut seed = 1;
        for round in 0..500 {
            let offset = [chance(&mut seed, 250_000) as u64, 0, u64::MAX, i64::MAX as u64][round % 7 % 4];
            reader = reader.offset(offset).chunk_len(chance(&mut seed, 100_000));
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

    /// Takes every byte for the delimiter, of contents in which it is everywhere, nowhere, and at every end of a chunk.
    #[test]
    fn takes_every_byte_for_the_delimiter() {
        let folder = Folder::new();
        for (name, contents) in [
            ("all", (0..=255).cycle().take(70_000).collect::<Vec<u8>>()),
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

    /// Seeks everywhere, and reads there: positions before the start, past the end, and past what a position can be.
    #[cfg(feature = "std")]
    #[test]
    fn seeks_everywhere() {
        use std::io::{BufRead, Read, Seek, SeekFrom};
        let folder = Folder::new();
        let contents: Vec<u8> = (0..100_000).map(|i| stamp_at(1, i)).collect();
        let file = folder.file("file", &contents);
        let mut reader = Reader::new(&file);
        let signed =
            [i64::MIN, i64::MIN + 1, -100_001, -100_000, -1, 0, 1, 99_999, 100_000, i64::MAX - 1, i64::MAX];
        let starts =
            [0, 1, 99_999, 100_000, 100_001, i64::MAX as u64, i64::MAX as u64 + 1, u64::MAX - 1, u64::MAX];
        let mut seed = 2;
        for round in 0..5000 {
            let before = reader.stream_position().unwrap();
            let to = match round % 3 {
                0 => SeekFrom::Start(starts[chance(&mut seed, starts.len())]),
                1 => SeekFrom::Current(signed[chance(&mut seed, signed.len())]),
                _ => SeekFrom::End(signed[chance(&mut seed, signed.len())]),
            };
            match reader.seek(to) {
                Ok(position) => assert_eq!(reader.stream_position().unwrap(), position, "{to:?}"),
                Err(_) => assert_eq!(reader.stream_position().unwrap(), before, "{to:?}"),
            }
            let _ = reader.seek_relative(signed[chance(&mut seed, signed.len())]);
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

    /// Consumes more than there is, before the first read, at the end, and after an error.
    #[cfg(feature = "std")]
    #[test]
    fn consumes_more_than_there_is() {
        use std::io::{BufRead, Read, Seek};
        let folder = Folder::new();
        let file = folder.file("file", &[1; 100]);
        fs::create_dir(folder.0.join("folder")).unwrap();
        let of_folder = File::open(&folder.path("folder"));
        let mut readers: Vec<_> = of_folder.iter().chain([&file]).map(Reader::new).collect();
        for reader in &mut readers {
            for _ in 0..3 {
                reader.consume(usize::MAX);
                let _ = reader.fill_buf();
                reader.consume(50);
                reader.consume(usize::MAX);
                reader.consume(usize::MAX - 1);
                let _ = (
                    reader.read(&mut []),
                    reader.read(&mut [0; 1]),
                    reader.stream_position(),
                    reader.rewind(),
                );
            }
        }
        let reader = readers.last_mut().unwrap();
        let mut all = vec![];
        assert_eq!((reader.read_to_end(&mut all).unwrap(), all), (100, vec![1; 100]));
    }

    /// Reads what is no file, or only looks like one: an error or an end, and no hang.
    #[test]
    fn reads_what_is_no_file() {
        alone_and_clean("", || {
            let folder = Folder::new();
            let mut paths =
                [c"/proc/self/maps", c"/proc/self/fd", c"/proc/self/mem", c"/dev/null", c"/dev/full"]
                    .map(CString::from)
                    .to_vec();
            paths.extend([folder.path(""), folder.path("empty")]);
            drop(folder.file("empty", b""));
            for file in paths.iter().filter_map(|path| File::open(path).ok()) {
                for (chunk_len, offset) in [(1, 0), (usize::MAX, 0), (4096, 1), (1 << 20, u64::MAX)] {
                    let mut left = 100;
                    let reader = || Reader::new(&file).chunk_len(chunk_len).offset(offset);
                    // /dev/full has nothing else.
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

    /// Reads one pipe by two Readers at once, one whose child is gone, and one that is seeked: each byte is read once, and
    /// the end is an end.
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

    /// Panics in the closure, in the middle of a record and of a chunk, and drops what is left: everything is freed once.
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

    /// Reads a record that no memory holds, and Readers where there is no memory left: an error, and no end of the process;
    /// and what failed can be asked again.
    #[cfg(feature = "std")]
    #[test]
    fn reads_without_memory() {
        use std::io::{BufRead, Read};
        alone_and_clean("ulimit -v 120000", || {
            let Some(zeros) = zeros() else { return };
            let result = Reader::new(&zeros).records(b'\n', |_| Ok::<_, Error>(()));
            assert_eq!(result.unwrap_err().kind(), ErrorKind::OutOfMemory);
            let mut readers: Vec<_> = (0..64).map(|_| Reader::new(&zeros)).collect();
            for reader in &mut readers {
                assert!(reader.fill_buf().unwrap().iter().all(|&byte| byte == 0));
            }
            // All that is left, down to single pages.
            let mut held = Vec::with_capacity(100_000);
            let mut len = 1 << 26;
            while len >= page_size() {
                match Mmap::anon(len).map() {
                    Ok(map) => held.push(map),
                    Err(_) => len /= 2,
                }
            }
            for reader in &mut readers {
                for _ in 0..100 {
                    let len = reader.fill_buf().map(|chunk| chunk.len()).unwrap_or(0);
                    reader.consume(len);
                }
            }
            drop(held);
            let mut bytes = [1; 100_000];
            for reader in &mut readers {
                reader.read_exact(&mut bytes).unwrap();
                assert!(bytes.iter().all(|&byte| byte == 0));
            }
        });
    }
}
