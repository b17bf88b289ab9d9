//! What only root can see on Linux, each check in a process of its own, as it may die of a signal.

use baremap::{
    Discard, ErrorKind, File, FileRef, Flags, Mapping, Mmap, Prot, Reader, Reservation, page_size,
};
use std::ffi::CString;
use std::fs;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitCode, Stdio};

const POOL: &str = "/proc/sys/vm/nr_hugepages";
const HUGE_PAGE: usize = 2 << 20;

/// Ends the process with this status if a check cannot be made here; the reason is on standard output.
const SKIPPED: u8 = 77;

type Check = fn() -> Result<(), String>;

const CHECKS: &[(&str, Check)] = &[
    ("huge pages", huge_pages),
    ("huge pages that a control group refuses", huge_pages_refused),
    ("a file of huge pages", huge_file),
    ("a block device", block_device),
    ("code where no memory may become executable", code_in_reservation),
    ("more locked memory than allowed", locked_memory),
    ("a lock that fails midway", half_a_lock),
    ("rings", rings),
];

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    match (arguments.next(), arguments.next()) {
        // As a child.
        (Some(name), Some(_)) => {
            let check = CHECKS.iter().find(|check| check.0 == name).unwrap();
            match check.1() {
                Ok(()) => ExitCode::SUCCESS,
                Err(reason) => {
                    println!("{reason}");
                    SKIPPED.into()
                }
            }
        }
        (only, _) => run_all(&only.unwrap_or_default()),
    }
}

fn run_all(only: &str) -> ExitCode {
    let (mut passed, mut failed, mut skipped) = (0, 0, 0);
    for (name, _) in CHECKS.iter().filter(|check| check.0.contains(only)) {
        let mut child = Command::new(std::env::current_exe().unwrap());
        let output = child.args([name, "child"]).stdin(Stdio::null()).output().unwrap();
        let (text, errors) =
            (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        match (output.status.code(), output.status.signal()) {
            (Some(0), _) => {
                println!("ok {name}");
                passed += 1;
            }
            (Some(code), _) if code == SKIPPED.into() => {
                println!("skipped {name}: {}", text.trim());
                skipped += 1;
            }
            (code, signal) => {
                println!("FAILED {name}: status {code:?}, signal {signal:?}: {text}{errors}");
                failed += 1;
            }
        }
    }
    println!("{passed} passed, {failed} failed, {skipped} skipped");
    ExitCode::from(u8::from(failed > 0 || passed == 0))
}

/// What a check made of the machine, and how to undo it, last first.
struct Undo(Vec<Box<dyn FnOnce()>>);

impl Drop for Undo {
    fn drop(&mut self) {
        while let Some(undo) = self.0.pop() {
            undo();
        }
    }
}

fn checked(what: &str, result: impl Into<i64>) -> Result<i64, String> {
    match result.into() {
        -1 => Err(format!("{what}: {}", io::Error::last_os_error())),
        result => Ok(result),
    }
}

/// A pool of so many huge pages.
fn pool(count: usize) -> Result<Undo, String> {
    let before = fs::read_to_string(POOL).map_err(|error| format!("{POOL}: {error}"))?;
    let undo = Undo(vec![Box::new(move || fs::write(POOL, before).unwrap())]);
    fs::write(POOL, count.to_string()).map_err(|error| format!("{POOL}: {error}"))?;
    let now = fs::read_to_string(POOL).unwrap();
    if now.trim() == count.to_string() {
        Ok(undo)
    } else {
        Err(format!("a pool of {} huge pages", now.trim()))
    }
}

fn memory_object(flags: libc::c_uint, len: u64) -> Result<fs::File, String> {
    // SAFETY: the name ends in NUL.
    let raw = checked("memfd_create", unsafe { libc::memfd_create(c"check".as_ptr(), flags) })?;
    // SAFETY: just opened.
    let file = unsafe { fs::File::from_raw_fd(raw as RawFd) };
    file.set_len(len).map_err(|error| format!("ftruncate: {error}"))?;
    Ok(file)
}

fn huge_pages() -> Result<(), String> {
    let _undo = pool(8)?;
    let request = Mmap::anon(2 * HUGE_PAGE).prot(Prot::WRITE).flags(Flags::HUGETLB);
    let mut map = request.map().unwrap();
    map.bytes_mut().unwrap().fill(7);
    let lost = |map: &Mapping| map.iter().filter(|&&byte| byte != 7).count();
    for range in [4096..8192, 1..HUGE_PAGE, HUGE_PAGE - 1..2 * HUGE_PAGE - 1] {
        // SAFETY: nothing relies on the contents, here and below.
        unsafe { map.discard_range(range, Discard::DontNeed) }.unwrap();
        assert_eq!(lost(&map), 0);
    }
    // SAFETY: as above.
    unsafe { map.discard_range(5..2 * HUGE_PAGE, Discard::DontNeed) }.unwrap();
    assert!(map[..HUGE_PAGE].iter().all(|&byte| byte == 7) && map[HUGE_PAGE..].iter().all(|&byte| byte == 0));
    // The pages are there still, though nobody else could have one now.
    let rest = Mmap::anon(6 * HUGE_PAGE).flags(Flags::HUGETLB).map().unwrap();
    map.bytes_mut().unwrap().fill(1);
    let error = request.map().unwrap_err();
    assert_eq!((error.kind(), error.flag()), (ErrorKind::OutOfMemory, Some(Flags::HUGETLB)));
    drop(rest);
    for act in [Mapping::lock, Mapping::unlock, Mapping::flush] {
        act(&map).unwrap();
    }
    map.protect(Prot::READ).unwrap();
    let address = map.as_ptr();
    let place = map.into_reservation().unwrap();
    assert_eq!((place.as_ptr(), place.len()), (address, 2 * HUGE_PAGE));
    Ok(())
}

/// The pool has them, and the first touch would be SIGBUS.
fn huge_pages_refused() -> Result<(), String> {
    let mut undo = pool(8)?;
    let folder = format!("/tmp/baremap-cgroup-{}", std::process::id());
    fs::create_dir(&folder).unwrap();
    let path = CString::new(folder.clone()).unwrap();
    undo.0.push(Box::new({
        let folder = folder.clone();
        move || fs::remove_dir(folder).unwrap()
    }));
    // SAFETY: all names end in NUL.
    checked("no control groups with a limit on huge pages: mount", unsafe {
        libc::mount(c"none".as_ptr(), path.as_ptr(), c"cgroup".as_ptr(), 0, c"hugetlb".as_ptr().cast())
    })?;
    // SAFETY: as above.
    undo.0.push(Box::new(move || assert_eq!(unsafe { libc::umount(path.as_ptr()) }, 0)));
    let group = format!("{folder}/check");
    fs::create_dir(&group).unwrap();
    undo.0.push(Box::new({
        let group = group.clone();
        move || {
            fs::write(format!("{folder}/cgroup.procs"), std::process::id().to_string()).unwrap();
            fs::remove_dir(group).unwrap();
        }
    }));
    fs::write(format!("{group}/hugetlb.2MB.limit_in_bytes"), "0").unwrap();
    fs::write(format!("{group}/cgroup.procs"), std::process::id().to_string()).unwrap();
    for prot in [Prot::READ, Prot::WRITE] {
        let error = Mmap::anon(2 * HUGE_PAGE).prot(prot).flags(Flags::HUGETLB).map().unwrap_err();
        assert_eq!((error.kind(), error.flag()), (ErrorKind::OutOfMemory, Some(Flags::HUGETLB)), "{error}");
    }
    Ok(())
}

/// Its pages are huge unasked, and it is mapped, used and unmapped as any file.
fn huge_file() -> Result<(), String> {
    let _undo = pool(8)?;
    let empty = memory_object(libc::MFD_HUGETLB, 0)?;
    let file = memory_object(libc::MFD_HUGETLB, 2 * HUGE_PAGE as u64)?;
    let state = || fs::read_to_string("/proc/self/maps").unwrap();
    state();
    let before = state();
    // SAFETY: there is nothing to change, and the file below is this check's alone.
    assert!(unsafe { Mmap::new(&empty).map() }.unwrap().is_empty());
    for (offset, len) in [(0, 100), (4096, 100), (1, HUGE_PAGE), (HUGE_PAGE - 1, 2), (HUGE_PAGE + 5, 4096)] {
        for flags in [Flags::default(), Flags::COW, Flags::HUGETLB, Flags::LOCKED, Flags::POPULATE] {
            let request = Mmap::new(&file).offset(offset as u64).len(len).prot(Prot::WRITE).flags(flags);
            // SAFETY: the file is this check's alone, here and below.
            let mut map = unsafe { request.map() }.unwrap();
            map.bytes_mut().unwrap().fill(1);
            map.protect(Prot::READ).unwrap();
            map.flush().unwrap();
            map.lock().unwrap();
            map.unlock().unwrap();
            // SAFETY: as above.
            match unsafe { map.discard_range(..len / 2, Discard::DontNeed) } {
                Err(error) if error.kind() == ErrorKind::Unsupported => {}
                result => result.unwrap(),
            }
            assert!(map.iter().all(|&byte| byte == 1));
            map.unmap().unwrap();
            // SAFETY: as above.
            drop(unsafe { request.map() }.unwrap().into_reservation().unwrap());
        }
    }
    let request = Mmap::new(&file).len(HUGE_PAGE).prot(Prot::WRITE);
    // SAFETY: as above.
    let error = unsafe { request.flags(Flags::NORESERVE).map() }.unwrap_err();
    assert_eq!((error.kind(), error.flag()), (ErrorKind::Unsupported, Some(Flags::NORESERVE)));
    // SAFETY: as above.
    let (place, error) = unsafe { request.map_in(Reservation::new(HUGE_PAGE).unwrap()) }.unwrap_err();
    assert_eq!(error.flag(), Some(Flags::HUGETLB));
    drop(place);
    assert_eq!(state(), before);
    Ok(())
}

fn block_device() -> Result<(), String> {
    const LEN: u64 = 300 * 4096;
    let path = format!("/tmp/baremap-device-{}", std::process::id());
    fs::write(&path, (0..LEN).map(|i| (i % 251) as u8).collect::<Vec<_>>()).unwrap();
    let remove = path.clone();
    let mut undo = Undo(vec![Box::new(move || fs::remove_file(remove).unwrap())]);
    let run = |arguments: &[&str]| Command::new("losetup").args(arguments).output();
    let output = run(&["-f", "--show", &path]).map_err(|error| format!("losetup: {error}"))?;
    if !output.status.success() {
        return Err(format!("losetup: {}", String::from_utf8_lossy(&output.stderr).trim()));
    }
    let device = String::from_utf8(output.stdout).unwrap().trim().to_string();
    undo.0.push(Box::new({
        let device = device.clone();
        move || assert!(Command::new("losetup").args(["-d", &device]).status().unwrap().success())
    }));
    let file = File::open(&CString::new(device).unwrap()).unwrap();
    assert_eq!(file.len(), Ok(LEN));
    // SAFETY: the device is this check's alone, here and below.
    let map = |request: Mmap<FileRef>| unsafe { request.map() };
    let whole = map(Mmap::new(&file)).unwrap();
    assert!(whole.len() as u64 == LEN && whole.iter().zip(0_u64..).all(|(&byte, i)| byte == (i % 251) as u8));
    assert!(map(Mmap::new(&file).offset(LEN)).unwrap().is_empty());
    for request in [Mmap::new(&file).len(LEN as usize + 1), Mmap::new(&file).offset(LEN + 1)] {
        assert_eq!(map(request).unwrap_err().kind(), ErrorKind::BeyondEnd);
    }
    // SAFETY: as above.
    for mut reader in [Reader::new(&file), unsafe { Reader::new(&file).mapped() }] {
        let mut end = Vec::new();
        assert_eq!(reader.seek(SeekFrom::End(-10)).unwrap(), LEN - 10);
        reader.read_to_end(&mut end).unwrap();
        assert_eq!(end, whole[LEN as usize - 10..]);
    }
    Ok(())
}

/// By PR_SET_MDWE.
fn code_in_reservation() -> Result<(), String> {
    const PR_SET_MDWE: libc::c_int = 65;
    const PR_MDWE_REFUSE_EXEC_GAIN: libc::c_ulong = 1;
    // SAFETY: it takes numbers.
    checked("prctl", unsafe { libc::prctl(PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN, 0, 0, 0) })?;
    let request = Mmap::anon(page_size()).prot(Prot::EXEC);
    drop(request.map().unwrap());
    drop(request.map_in(Reservation::new(1).unwrap()).unwrap());
    assert_eq!(
        Mmap::anon(1).map().unwrap().protect(Prot::EXEC).unwrap_err().kind(),
        ErrorKind::PermissionDenied
    );
    Ok(())
}

fn limit_locked_memory(bytes: u64) -> Result<(), String> {
    let limit = libc::rlimit { rlim_cur: bytes, rlim_max: bytes };
    // SAFETY: `limit` has the layout that is read. To root there is no limit.
    checked("setrlimit", unsafe { libc::setrlimit(libc::RLIMIT_MEMLOCK, &limit) })?;
    // SAFETY: it takes a number.
    checked("setuid", unsafe { libc::setuid(65534) })?;
    Ok(())
}

/// EAGAIN, for which nobody should wait.
fn locked_memory() -> Result<(), String> {
    limit_locked_memory(1 << 20)?;
    let small = Mmap::anon(16 << 20).flags(Flags::LOCKED).map().unwrap_err();
    assert_eq!((small.kind(), small.flag()), (ErrorKind::OutOfMemory, Some(Flags::LOCKED)));
    // SAFETY: it takes a number.
    checked("mlockall", unsafe { libc::mlockall(libc::MCL_FUTURE) })?;
    let error = Mmap::anon(16 << 20).map().unwrap_err();
    assert_eq!((error.call(), error.kind()), ("mmap", ErrorKind::OutOfMemory));
    Ok(())
}

/// Its first page can be made resident, and its second, past the end of the file, cannot.
fn half_a_lock() -> Result<(), String> {
    let file = memory_object(0, 2 * page_size() as u64)?;
    // SAFETY: what is past the end is not touched but by the kernel.
    let map = unsafe { Mmap::new(&file).map() }.unwrap();
    file.set_len(1).unwrap();
    assert_eq!(map.lock().unwrap_err().kind(), ErrorKind::OutOfMemory);
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let locked = status.lines().find_map(|line| line.strip_prefix("VmLck:")).unwrap();
    assert_eq!(locked.trim(), "0 kB");
    Ok(())
}

/// Descriptors that are neither files nor devices, and whose purpose is to be mapped.
fn rings() -> Result<(), String> {
    let mut seen = 0;
    let mut check = |result: i64, len: usize| {
        if result < 0 {
            return;
        }
        // SAFETY: just opened.
        let ring = unsafe { OwnedFd::from_raw_fd(result as RawFd) };
        // SAFETY: nobody submits anything, so the kernel changes nothing.
        let map = unsafe { Mmap::new(&ring).len(len).prot(Prot::WRITE).map() };
        assert_eq!(map.map(|map| map.len()), Ok(len), "{}", ring.as_raw_fd());
        // SAFETY: nothing is mapped.
        assert_eq!(unsafe { Mmap::new(&ring).map() }.unwrap_err().kind(), ErrorKind::NotMappable);
        seen += 1;
    };
    let mut parameters = [0_u8; 120];
    // SAFETY: the kernel writes to so many bytes.
    check(unsafe { libc::syscall(libc::SYS_io_uring_setup, 8, parameters.as_mut_ptr()) }, 4096);
    let mut attributes = [0_u8; 128];
    // PERF_TYPE_SOFTWARE, and the struct's size.
    (attributes[0], attributes[4]) = (1, 112);
    let perf = attributes.as_mut_ptr();
    // SAFETY: as above.
    check(unsafe { libc::syscall(libc::SYS_perf_event_open, perf, 0, -1, -1, 0) }, 2 * page_size());
    if seen == 0 { Err("neither io_uring nor perf here".into()) } else { Ok(()) }
}
