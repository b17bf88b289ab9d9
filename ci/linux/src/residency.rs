//! What a forked process finds, huge pages by size, collapsed pages, and the limit on locked memory.

use crate::{HUGE_PAGE, checked, memory_file, pool};
use baremap::{
    Advice, ErrorKind, Flags, Inheritance, Mapping, Mmap, huge_page_sizes, lock_limit, page_size,
    raise_lock_limit,
};
use std::fs;

/// Whether memory is mapped, asked without touching it.
fn is_mapped(address: *const u8) -> bool {
    let mut state = 0_u8;
    // SAFETY: `state` has a byte for the page.
    unsafe { libc::mincore(address.cast_mut().cast(), 1, (&raw mut state).cast()) == 0 }
}

/// Runs `child` in a forked process, and returns whether it returned true.
fn forked(child: impl FnOnce() -> bool) -> Result<bool, String> {
    // SAFETY: this process has one thread, and the child ends without running anything of its own.
    let pid = checked("fork", unsafe { libc::fork() })?;
    if pid == 0 {
        let is_right = child();
        // SAFETY: it has no condition.
        unsafe { libc::_exit(i32::from(!is_right)) };
    }
    let mut status = 0;
    // SAFETY: `status` is writable.
    checked("waitpid", unsafe { libc::waitpid(pid as i32, &mut status, 0) })?;
    Ok(libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 0)
}

/// Omitted memory is not there, wiped memory is zeroed, and the rest of the mapping is as it was.
pub fn fork() -> Result<(), String> {
    let page = page_size();
    let mut map = Mmap::anon(5 * page).map_mut().unwrap();
    map.fill(7);
    // SAFETY: no forked process uses what it does not have.
    unsafe {
        map.set_inheritance(page..2 * page, Inheritance::Omit).unwrap();
        map.set_inheritance(3 * page + 5..3 * page + 6, Inheritance::Wipe).unwrap();
    }
    let base = map.as_ptr();
    let is = |i: usize, byte| {
        // SAFETY: pages that are there.
        is_mapped(base.wrapping_add(i * page)) && unsafe { *base.add(i * page + 5) } == byte
    };
    let is_right =
        forked(|| is(0, 7) && !is_mapped(base.wrapping_add(page)) && is(2, 7) && is(3, 0) && is(4, 7));
    assert!(is_right?);
    assert!(map.iter().all(|&byte| byte == 7));
    // SAFETY: as above.
    unsafe { map.set_inheritance(.., Inheritance::Usual).unwrap() };
    assert!(forked(|| (0..5).all(|i| is(i, 7)))?);
    Ok(())
}

/// Whether something becomes true. Other checks of the machine may take a page of the pool for a moment.
fn settles(is_so: impl Fn() -> bool) -> bool {
    (0..300).any(|_| {
        is_so() || {
            std::thread::sleep(std::time::Duration::from_millis(10));
            false
        }
    })
}

/// The folders of sysfs are the sizes, and a mapping has the one that it asked for.
pub fn huge_pages_by_size() -> Result<(), String> {
    let mut sizes: Vec<usize> = fs::read_dir("/sys/kernel/mm/hugepages")
        .map_err(|error| error.to_string())?
        .map(|entry| {
            let name = entry.unwrap().file_name().into_string().unwrap();
            let size: usize = name.trim_start_matches("hugepages-").trim_end_matches("kB").parse().unwrap();
            size << 10
        })
        .collect();
    sizes.sort_unstable();
    assert_eq!(huge_page_sizes().collect::<Vec<_>>(), sizes);

    let _undo = pool(4)?;
    let before = free();
    let request = Mmap::anon(HUGE_PAGE + 1).huge_page_size(HUGE_PAGE);
    let mut map = request.map_mut().unwrap();
    assert_eq!((map.len(), map.as_ptr().addr() % HUGE_PAGE), (HUGE_PAGE + 1, 0));
    assert!(settles(|| free() == before - 2));
    assert_eq!(map.resident(..).unwrap().bytes(), Ok(HUGE_PAGE + 1));
    map.fill(1);
    map.lock_range(HUGE_PAGE..).unwrap();
    map.unlock_range(5..6).unwrap();
    map.lock_on_fault(..).unwrap();
    map.populate_read(..).unwrap();
    map.populate_write(HUGE_PAGE..).unwrap();
    map.advise(Advice::DontDump).unwrap();
    // SAFETY: nothing is forked.
    unsafe { map.set_inheritance(5..6, Inheritance::Omit).unwrap() };
    assert!(map.iter().all(|&byte| byte == 1));
    // All of it is given back, and never is more promised than there is.
    assert_eq!(
        Mmap::anon(3 * HUGE_PAGE).huge_page_size(HUGE_PAGE).map().unwrap_err().kind(),
        ErrorKind::OutOfMemory
    );
    map.unmap().unwrap();
    assert!(settles(|| free() == before));

    let file = memory_file(libc::MFD_HUGETLB, 2 * HUGE_PAGE as u64)?;
    let request = Mmap::new(&file).offset(5);
    // SAFETY: no other process knows the file.
    let mut map = unsafe { request.huge_page_size(HUGE_PAGE).map_mut() }.unwrap();
    map.fill(1);
    drop(map);
    assert!(settles(|| free() == before - 2));
    for size in [1 << 16, 4 << 20, 1 << 30] {
        let error = request.huge_page_size(size).map_raw().unwrap_err();
        assert_eq!((error.kind(), error.flag()), (ErrorKind::Unsupported, Some(Flags::HUGETLB)));
    }
    Ok(())
}

/// How many huge pages of 2 MiB are free.
fn free() -> usize {
    let free = fs::read_to_string("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages").unwrap();
    free.trim().parse().unwrap()
}

/// Pages of 1 GiB, if the machine can set one aside.
pub fn gigantic_page() -> Result<(), String> {
    const SIZE: usize = 1 << 30;
    const POOL: &str = "/sys/kernel/mm/hugepages/hugepages-1048576kB/nr_hugepages";
    let before = fs::read_to_string(POOL).map_err(|error| format!("{POOL}: {error}"))?;
    let error = Mmap::anon(1).huge_page_size(SIZE).map().map(drop).err();
    if before.trim() == "0" {
        assert_eq!(error.map(|error| error.kind()), Some(ErrorKind::OutOfMemory));
    }
    let _ = fs::write(POOL, "1");
    let undo = crate::Undo(vec![Box::new(move || fs::write(POOL, before).unwrap())]);
    if fs::read_to_string(POOL).unwrap().trim() == "0" {
        return Err("there is no GiB of memory in one piece".into());
    }
    let mut map = Mmap::anon(1).huge_page_size(SIZE).map_mut().unwrap();
    map[0] = 1;
    assert_eq!(map.as_ptr().addr() % SIZE, 0);
    map.unmap().unwrap();
    drop(undo);
    Ok(())
}

pub fn collapsed() -> Result<(), String> {
    if !Advice::Collapse.is_supported() {
        return Err("this kernel has no MADV_COLLAPSE".into());
    }
    let mut map = Mmap::anon(3 * HUGE_PAGE).map_mut().unwrap();
    map.advise(Advice::NoHugePage).unwrap();
    map.fill(1);
    let huge = |map: &Mapping<_>| {
        let smaps = fs::read_to_string("/proc/self/smaps").unwrap();
        let start = format!("{:x}-", map.as_ptr().addr());
        let mut lines = smaps.lines().skip_while(|line| !line.starts_with(&start));
        let line = lines.find_map(|line| line.strip_prefix("AnonHugePages:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() << 10
    };
    assert_eq!(huge(&map), 0);
    map.advise(Advice::HugePage).unwrap();
    match map.advise(Advice::Collapse) {
        Err(error) if matches!(error.kind(), ErrorKind::OutOfMemory | ErrorKind::Busy) => {
            return Err(error.to_string());
        }
        result => result.unwrap(),
    }
    assert!(huge(&map) >= HUGE_PAGE);
    assert!(map.iter().all(|&byte| byte == 1));
    Ok(())
}

/// Up to the hard limit, which only root may exceed.
pub fn lock_limit_is_raised() -> Result<(), String> {
    let set = |rlim_cur, rlim_max| {
        let limit = libc::rlimit { rlim_cur, rlim_max };
        // SAFETY: `limit` is the struct that the call reads.
        checked("setrlimit", unsafe { libc::setrlimit(libc::RLIMIT_MEMLOCK, &limit) })
    };
    if set(libc::RLIM_INFINITY, libc::RLIM_INFINITY).is_ok() {
        assert_eq!((lock_limit(), raise_lock_limit(1)), (Ok(usize::MAX), Ok(usize::MAX)));
    }
    set(1 << 16, 1 << 20)?;
    assert_eq!(lock_limit(), Ok(1 << 16));
    // Root of a container may not.
    assert!(matches!(raise_lock_limit(1 << 21), Ok(limit) if limit == 1 << 21 || limit == 1 << 20));
    set(1 << 16, 1 << 20)?;
    // SAFETY: its argument is a number.
    checked("setuid", unsafe { libc::setuid(65534) })?;
    let map = Mmap::anon(2 << 20).map_mut().unwrap();
    let half = ..map.len() / 4;
    assert_eq!(map.lock_range(half).unwrap_err().kind(), ErrorKind::OutOfMemory);
    assert_eq!(raise_lock_limit(1 << 15), Ok(1 << 16));
    assert_eq!(raise_lock_limit(map.len()), Ok(1 << 20));
    map.lock_range(half).unwrap();
    // On fault all of it counts too.
    assert_eq!(map.lock_on_fault(..).unwrap_err().kind(), ErrorKind::OutOfMemory);
    assert_eq!(raise_lock_limit(usize::MAX), Ok(1 << 20));
    Ok(())
}
