//! Locks of ranges, what is resident, populating, limits, advice, inheritance, and huge pages by size.

use super::*;
use baremap::{
    Advice, Discard, Flags, Inheritance, RawMapping, Reservation, allocation_granularity, huge_page_sizes,
    lock_limit, page_size, raise_lock_limit,
};
use core::ops::Range;

checks! {
    residency:
    lock_ranges,
    lock_on_fault,
    resident_pages,
    resident_file,
    populate,
    populate_refused,
    populate_truncated,
    limit_is_raised,
    all_advice,
    advice_by_number,
    reusable,
    inheritance,
    huge_page_sizes_of_machine,
    huge_page_size_refused,
    nothing_of_an_empty_mapping,
}

const ALL: &[Advice] = &[
    Advice::Normal,
    Advice::Random,
    Advice::Sequential,
    Advice::WillNeed,
    Advice::Cold,
    Advice::PageOut,
    Advice::HugePage,
    Advice::NoHugePage,
    Advice::Collapse,
    Advice::Mergeable,
    Advice::Unmergeable,
    Advice::DontDump,
    Advice::DoDump,
    Advice::ZeroWiredPages,
];

const ALL_INHERITANCE: &[Inheritance] =
    &[Inheritance::Omit, Inheritance::Wipe, Inheritance::Share, Inheritance::Usual];

/// Returns whether the system takes any advice, as QEMU's user mode does, and so tells nothing by taking it.
fn takes_anything(map: &RawMapping) -> bool {
    // SAFETY: no system has this number.
    unsafe { map.advise_raw(.., 9999) }.is_ok()
}

/// Passes a success on, and skips where this process may lock nothing.
fn lockable(result: Result<(), Error>) -> Result {
    match result {
        Err(error) if matches!(error.kind(), ErrorKind::OutOfMemory | ErrorKind::PermissionDenied) => {
            Err(Failure::Skipped("this process may lock no memory"))
        }
        result => supported(result, "memory cannot be locked here"),
    }
}

fn lock_ranges(env: &mut Env) -> Result {
    let page = page_size();
    let file = env.file("file", 100_000)?;
    // SAFETY: the file is this check's alone.
    let of_file = unsafe { Mmap::new(&file).offset(1000).map()? };
    let memory = Mmap::anon(8 * page - 5).map()?;
    lockable(memory.lock_range(..1))?;
    memory.unlock_range(..1)?;
    let len = memory.len();
    for range in [0..1, page - 1..page + 1, 3 * page..3 * page, 5..len, 7 * page..len, len..len] {
        memory.lock_range(range.clone())?;
        memory.unlock_range(range)?;
    }
    for range in [0..10, 50_000..60_000, 98_999..99_000] {
        of_file.lock_range(range.clone())?;
        of_file.unlock_range(range)?;
    }
    // What is locked in part is unlocked as a whole, and what is not locked at all.
    memory.lock_range(page..2 * page)?;
    memory.lock_range(5 * page..5 * page + 1)?;
    memory.unlock()?;
    memory.unlock()?;
    memory.lock()?;
    memory.unlock_range(2 * page..)?;
    memory.unlock()?;
    for range in [0..len + 1, len + 1..len + 1, usize::MAX..usize::MAX] {
        fails(memory.lock_range(range.clone()), ErrorKind::BeyondEnd)?;
        fails(memory.unlock_range(range.clone()), ErrorKind::BeyondEnd)?;
        fails(memory.lock_on_fault(range), ErrorKind::BeyondEnd)?;
    }
    fails(memory.lock_range(..=usize::MAX), ErrorKind::BeyondEnd)?;
    ensure_pattern(&of_file, 1000)?;
    ensure_filled(&memory, 0)
}

/// It makes nothing resident.
fn lock_on_fault(_: &mut Env) -> Result {
    let page = page_size();
    let mut map = Mmap::anon(64 * page).map_mut()?;
    map.advise(Advice::NoHugePage)?;
    lockable(map.lock_on_fault(page..40 * page))?;
    let before = map.resident(..)?.bytes()?;
    ensure!(before < 64 * page);
    map[2 * page] = 1;
    ensure_eq!(map.resident(..)?.bytes()?, before + page);
    map.unlock()?;
    map.lock_on_fault(..)?;
    map.lock_range(3 * page..4 * page)?;
    ensure!(is_resident(&map.resident(..)?.collect_ranges()?, 3 * page));
    map.unlock()?;
    Ok(())
}

/// A few ranges, without an allocator.
struct Ranges([Range<usize>; 8], usize);

trait CollectRanges {
    fn collect_ranges(self) -> Result<Ranges>;
}

impl CollectRanges for baremap::Resident<'_> {
    fn collect_ranges(self) -> Result<Ranges> {
        let mut ranges = Ranges([const { 0..0 }; 8], 0);
        for range in self {
            let Some(place) = ranges.0.get_mut(ranges.1) else {
                return Err(Failure::broken("at most eight ranges", format_args!("more")));
            };
            *place = range?;
            ranges.1 += 1;
        }
        Ok(ranges)
    }
}

impl Ranges {
    /// The only one.
    fn only(&self) -> Option<Range<usize>> {
        if self.1 == 1 { self.0.first().cloned() } else { None }
    }
}

impl Deref for Ranges {
    type Target = [Range<usize>];

    fn deref(&self) -> &[Range<usize>] {
        &self.0[..self.1]
    }
}

fn is_resident(ranges: &[Range<usize>], at: usize) -> bool {
    ranges.iter().any(|range| range.contains(&at))
}

/// Exactly the pages that were touched, in the longest ranges, however many are asked for at a time.
fn resident_pages(_: &mut Env) -> Result {
    let page = page_size();
    let mut map = Mmap::anon(400 * page - 1).map_mut()?;
    map.advise(Advice::NoHugePage)?;
    supported(map.resident(..)?.bytes(), "what is resident is not known here")?;
    for touched in [0, 3, 4, 127, 128, 129, 300, 399] {
        map[touched * page] = 1;
    }
    let expected = [0..page, 3 * page..5 * page, 127 * page..130 * page, 300 * page..301 * page];
    let ranges = map.resident(..)?.collect_ranges()?;
    ensure_eq!(ranges[..ranges.len().min(4)], expected);
    ensure_eq!(ranges.get(4), Some(&(399 * page..map.len())));
    ensure_eq!(ranges.len(), 5);
    ensure_eq!(map.resident(..)?.bytes()?, 8 * page - 1);
    // Cut as the range is.
    let cut = map.resident(3 * page + 5..4 * page + 10)?.collect_ranges()?;
    ensure_eq!(cut.only(), Some(3 * page + 5..4 * page + 10));
    ensure_eq!(map.resident(3 * page + 5..4 * page + 10)?.bytes()?, page + 5);
    let cut = map.resident(128 * page + 1..300 * page + 1)?.collect_ranges()?;
    ensure_eq!(cut[..], [128 * page + 1..130 * page, 300 * page..300 * page + 1]);
    ensure_eq!(map.resident(200 * page..300 * page)?.next().is_none(), true);
    ensure_eq!(map.resident(5..5)?.bytes()?, 0);
    let mut none = map.resident(map.len()..)?;
    ensure!(none.next().is_none() && none.next().is_none());
    for range in [0..map.len() + 1, usize::MAX..usize::MAX] {
        fails(map.resident(range), ErrorKind::BeyondEnd)?;
    }
    Ok(())
}

/// A mapping that starts and ends inside pages.
fn resident_file(env: &mut Env) -> Result {
    let file = env.file("file", 300_000)?;
    // SAFETY: the file is this check's alone.
    let map = unsafe { Mmap::new(&file).offset(1000).len(298_000).map()? };
    supported(map.resident(..)?.bytes(), "what is resident is not known here")?;
    ensure_pattern(&map, 1000)?;
    let ranges = map.resident(..)?.collect_ranges()?;
    ensure_eq!(ranges.only(), Some(0..298_000));
    ensure_eq!(map.resident(10_000..10_001)?.bytes()?, 1);
    let view = Mmap::new(&file).offset(1000).len(298_000).view()?;
    let bytes = view.resident(..)?.bytes()?;
    ensure!(bytes <= 298_000);
    match view.populate_read(..) {
        Err(error) if error.kind() == ErrorKind::Unsupported => {}
        result => result?,
    }
    Ok(())
}

fn populate(env: &mut Env) -> Result {
    const REASON: &str = "nothing can be populated here";
    let page = page_size();
    let raw = Mmap::anon(300 * page).prot(Prot::WRITE).map_raw()?;
    raw.advise(Advice::NoHugePage)?;
    supported(raw.populate_read(5 * page + 1..10 * page - 1), REASON)?;
    raw.populate_write(10 * page..20 * page)?;
    let is_told = !takes_anything(&raw);
    if is_told {
        let ranges = raw.resident(..)?.collect_ranges()?;
        ensure_eq!(ranges.only(), Some(5 * page..20 * page));
    }
    raw.populate_write(..)?;
    if is_told {
        ensure_eq!(raw.resident(..)?.bytes()?, 300 * page);
    }
    // Contents stay as they are.
    let mut memory = Mmap::anon(3 * page).map_mut()?;
    memory.fill(1);
    memory.populate_read(..)?;
    memory.populate_write(..)?;
    ensure_filled(&memory, 1)?;
    let file = env.file("file", 100_000)?;
    // SAFETY: the file is this check's alone, here and below.
    let mut map = unsafe { Mmap::new(&file).offset(1000).map_mut()? };
    map.populate_read(..)?;
    match map.populate_write(10..90_000) {
        Err(error) if error.kind() == ErrorKind::Unsupported => {}
        result => result?,
    }
    ensure_pattern(&map, 1000)?;
    map[0] = 7;
    // SAFETY: as above.
    let copy = unsafe { Mmap::new(&file).flags(Flags::COW).map_mut()? };
    match copy.populate_write(..) {
        Err(error) if error.kind() == ErrorKind::Unsupported => {}
        result => result?,
    }
    ensure_pattern(&copy[..1000], 0)?;
    ensure_eq!(copy[1000], 7);
    ensure_pattern(&copy[1001..], 1001)
}

fn populate_refused(_: &mut Env) -> Result {
    let map = Mmap::anon(1000).map()?;
    fails(map.populate_write(..), ErrorKind::PermissionDenied)?;
    map.populate_write(5..5)?;
    for range in [0..1001, 1001..1001] {
        fails(map.populate_read(range.clone()), ErrorKind::BeyondEnd)?;
        fails(map.populate_write(range), ErrorKind::BeyondEnd)?;
    }
    Ok(())
}

/// What is gone from the file is an error and no signal.
fn populate_truncated(env: &mut Env) -> Result {
    let file = env.file("file", 1_000_000)?;
    let map = Mmap::new(&file).prot(Prot::WRITE).map_raw()?;
    let is_told = !takes_anything(&map);
    supported(map.populate_read(..), "nothing can be populated here")?;
    match file.set_len(1 << 18) {
        Err(error) if error.kind() == ErrorKind::Busy => {
            return Err(Failure::Skipped("no mapped file can be truncated"));
        }
        result => result?,
    }
    map.populate_read(..1 << 18)?;
    for result in [map.populate_read(..), map.populate_read(500_000..), map.populate_write(500_000..)] {
        match result {
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::Io | ErrorKind::OutOfMemory | ErrorKind::Unsupported
                ) => {}
            Ok(()) if !is_told => {}
            result => return fails(result, ErrorKind::Io),
        }
    }
    Ok(())
}

fn limit_is_raised(_: &mut Env) -> Result {
    let limit = supported(lock_limit(), "the limit on locked memory is not known here")?;
    ensure_eq!(raise_lock_limit(0)?, limit);
    ensure_eq!(raise_lock_limit(limit)?, limit);
    let more = limit.saturating_add(1 << 20);
    let raised = raise_lock_limit(more)?;
    ensure!(limit <= raised && raised <= more);
    ensure_eq!(lock_limit()?, raised);
    // As far as allowed, or an error.
    let most = raise_lock_limit(usize::MAX).unwrap_or(raised);
    ensure!(most >= raised);
    ensure_eq!(lock_limit()?, most);
    Ok(())
}

/// None is refused, none changes contents.
fn all_advice(env: &mut Env) -> Result {
    let file = env.file("file", 100_000)?;
    // SAFETY: the file is this check's alone, here and below.
    let shared = unsafe { Mmap::new(&file).offset(1000).map()? };
    // SAFETY: as above.
    let copy = unsafe { Mmap::new(&file).flags(Flags::COW).map_mut()? };
    let mut memory = Mmap::anon(100_000).map_mut()?;
    memory.fill(1);
    for &advice in ALL {
        for result in [
            shared.advise(advice),
            copy.advise_range(..50_000, advice),
            memory.advise(advice),
            memory.advise_range(10..20, advice),
        ] {
            match result {
                // It does its work at once.
                Err(error)
                    if advice == Advice::Collapse
                        && matches!(error.kind(), ErrorKind::OutOfMemory | ErrorKind::Busy) => {}
                result => result?,
            }
        }
        let _ = advice.is_supported();
    }
    // What a system knows, it knows again.
    ensure_eq!(Advice::WillNeed.is_supported(), Advice::WillNeed.is_supported());
    ensure_pattern(&shared, 1000)?;
    ensure_pattern(&copy, 0)?;
    ensure_filled(&memory, 1)
}

fn advice_by_number(_: &mut Env) -> Result {
    const MADV_SEQUENTIAL: i32 = 2;
    let mut map = Mmap::anon(10_000).map_mut()?;
    map.fill(1);
    // SAFETY: a hint wherever it has a number, here and below.
    supported(unsafe { map.advise_raw(.., MADV_SEQUENTIAL) }, "advice has no numbers here")?;
    // SAFETY: as above.
    unsafe { map.advise_raw(5..10, MADV_SEQUENTIAL)? };
    // SAFETY: as above.
    fails(unsafe { map.advise_raw(..10_001, MADV_SEQUENTIAL) }, ErrorKind::BeyondEnd)?;
    // SAFETY: no system has this number.
    match unsafe { map.advise_raw(.., 9999) } {
        Ok(()) => {}
        result => fails(result, ErrorKind::InvalidInput)?,
    }
    ensure_filled(&map, 1)
}

/// Pages keep their contents or read as zeros, and can be used again.
fn reusable(env: &mut Env) -> Result {
    let page = page_size();
    let mut map = Mmap::anon(4 * page).map_mut()?;
    map.fill(1);
    // SAFETY: nothing relies on the contents, here and below.
    let freed = unsafe { map.discard_range(page..3 * page, Discard::FreeReusable) };
    supported(freed, "no memory is reusable here")?;
    // SAFETY: as above.
    unsafe { map.discard_range(page..3 * page, Discard::FreeReuse)? };
    ensure_filled(&map[..page], 1)?;
    ensure_filled(&map[3 * page..], 1)?;
    map[page..3 * page].fill(2);
    ensure_filled(&map[page..3 * page], 2)?;
    let file = env.file("file", 100_000)?;
    // SAFETY: the file is this check's alone.
    let of_file = unsafe { Mmap::new(&file).map()? };
    for discard in [Discard::FreeReusable, Discard::FreeReuse] {
        // SAFETY: as above.
        fails(unsafe { of_file.discard(discard) }, ErrorKind::InvalidInput)?;
    }
    ensure_pattern(&of_file, 0)
}

/// Nothing changes here.
fn inheritance(env: &mut Env) -> Result {
    let file = env.file("file", 100_000)?;
    // SAFETY: the file is this check's alone.
    let of_file = unsafe { Mmap::new(&file).offset(1000).map()? };
    let mut memory = Mmap::anon(100_000).map_mut()?;
    memory.fill(1);
    // SAFETY: no process is forked while they differ from the usual, which ends the list, here and below.
    let usual = unsafe { memory.set_inheritance(.., Inheritance::Usual) };
    supported(usual, "there is no fork here")?;
    for &inheritance in ALL_INHERITANCE {
        // SAFETY: as above.
        let results = unsafe {
            [
                memory.set_inheritance(.., inheritance),
                of_file.set_inheritance(.., inheritance),
                memory.set_inheritance(5..10, inheritance),
            ]
        };
        for result in results {
            match result {
                Err(error)
                    if error.kind() == ErrorKind::Unsupported
                        && matches!(inheritance, Inheritance::Wipe | Inheritance::Share) => {}
                result => result?,
            }
        }
        // SAFETY: as above.
        fails(unsafe { memory.set_inheritance(..100_001, inheritance) }, ErrorKind::BeyondEnd)?;
    }
    ensure_filled(&memory, 1)?;
    ensure_pattern(&of_file, 1000)
}

/// A mapping has pages of the size, or there is an error that names the flag.
fn huge_page_sizes_of_machine(_: &mut Env) -> Result {
    let mut before = 1 << 15;
    for size in huge_page_sizes() {
        ensure!(size.is_power_of_two() && before < size && size as u64 <= 16 << 30);
        before = size;
        match Mmap::anon(100).huge_page_size(size).map_mut() {
            Ok(mut map) => {
                ensure_eq!((map.len(), map.as_ptr().addr() % size), (100, 0));
                ensure_filled(&map, 0)?;
                map.fill(1);
                map.unmap()?;
            }
            Err(error) => {
                let is_known = matches!(
                    error.kind(),
                    // The last two are emulators', which show sizes that they do not have.
                    ErrorKind::OutOfMemory
                        | ErrorKind::PermissionDenied
                        | ErrorKind::Unsupported
                        | ErrorKind::InvalidInput
                );
                if !is_known {
                    return Err(error.into());
                }
                ensure_eq!(error.flag(), Some(Flags::HUGETLB));
            }
        }
    }
    ensure_eq!(huge_page_sizes().count(), huge_page_sizes().count());
    Ok(())
}

fn huge_page_size_refused(env: &mut Env) -> Result {
    let file = env.file("file", 100_000)?;
    let unsupported = |result: Result<RawMapping, Error>, flag| match result {
        Err(error) if error.flag() == Some(flag) => fails(Err::<(), _>(error), ErrorKind::Unsupported),
        result => fails(result, ErrorKind::Unsupported),
    };
    // Which a machine may have.
    const SIZES: Range<usize> = 1 << 16..(1 << 30) + 1;
    for size in [0, 1, 3, 4096, 1 << 15, 1 << 17, 1 << 20, (2 << 20) + 1, 6 << 20, 1 << 30, usize::MAX] {
        // Whatever flags are set, and when.
        for request in [
            Mmap::anon(100).huge_page_size(size),
            Mmap::anon(100).huge_page_size(size).flags(Flags::empty()),
            Mmap::anon(100).flags(Flags::POPULATE).huge_page_size(size),
        ] {
            match request.map_raw() {
                result if !size.is_power_of_two() || !SIZES.contains(&size) => {
                    unsupported(result, Flags::HUGETLB)?;
                }
                Ok(map) => ensure_eq!(map.as_ptr().addr() % size, 0),
                Err(error) => ensure_eq!(error.flag(), Some(Flags::HUGETLB)),
            }
        }
        unsupported(Mmap::new(&file).huge_page_size(size).map_raw(), Flags::HUGETLB)?;
    }
    for size in huge_page_sizes() {
        let request = Mmap::anon(100).huge_page_size(size);
        unsupported(request.flags(Flags::NORESERVE).map_raw(), Flags::NORESERVE)?;
        let Ok(reservation) = Reservation::new(allocation_granularity()) else { continue };
        let request = Mmap::anon(allocation_granularity()).huge_page_size(size);
        fails(request.map_in(reservation), ErrorKind::Unsupported)?;
    }
    fails(Mmap::anon(0).huge_page_size(2 << 20).map(), ErrorKind::ZeroLength)
}

fn nothing_of_an_empty_mapping(_: &mut Env) -> Result {
    let map: Mapping = Mapping::default();
    map.lock_range(..)?;
    map.unlock_range(..)?;
    map.lock_on_fault(..)?;
    map.populate_read(..)?;
    map.populate_write(..)?;
    ensure_eq!(map.resident(..)?.bytes()?, 0);
    // SAFETY: there is no memory.
    unsafe {
        map.advise_raw(.., 9999)?;
        map.set_inheritance(.., Inheritance::Share)?;
    }
    Ok(())
}
