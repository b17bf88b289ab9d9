//! Checks that need root on Linux, each in a process of its own, as a fault would end it: see `ci/linux/run --help`.

use baremap::{
    Code, Discard, Error, ErrorKind, File, Flags, MappingMut, Mmap, Prot, RawMapping, Reader, Reservation,
    SharedMemory, page_size,
};
use std::ffi::CString;
use std::fs;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitCode, Stdio};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

mod residency;

const POOL: &str = "/proc/sys/vm/nr_hugepages";
const HUGE_PAGE: usize = 2 << 20;

/// The exit status of a check that this machine does not support. The reason is on standard output.
const SKIPPED: u8 = 77;

type Check = fn() -> Result<(), String>;

const CHECKS: &[(&str, Check)] = &[
    ("huge pages", huge_pages),
    ("huge pages over the limit of a control group", huge_pages_over_limit),
    ("a file on hugetlbfs", huge_file),
    ("huge pages by size", residency::huge_pages_by_size),
    ("a huge page of 1 GiB", residency::gigantic_page),
    ("pages that are collapsed", residency::collapsed),
    ("what a forked process finds", residency::fork),
    ("the limit on locked memory is raised", residency::lock_limit_is_raised),
    ("a block device", block_device),
    ("code under PR_SET_MDWE", code_under_mdwe),
    ("the limit on locked memory", locked_memory),
    ("a lock that fails on the second page", partial_lock),
    ("rings of io_uring and perf", rings),
    ("space on a full tmpfs", || full_disk(tmpfs)),
    ("space on a full ext4", || full_disk(ext4)),
    ("space under a timer", space_under_timer),
    ("each set of seals", seals),
    ("sealed huge pages", sealed_huge_pages),
    ("fs-verity", verity),
    ("memory that a fork shares", forked),
    ("shared memory through a socket", through_a_socket),
    ("shared memory on a full /dev/shm", full_names),
];

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    match (arguments.next(), arguments.next()) {
        // In a child process.
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

/// How to undo what a check changed on the machine, last change first.
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

/// Sets the number of huge pages in the pool.
fn pool(count: usize) -> Result<Undo, String> {
    let before = fs::read_to_string(POOL).map_err(|error| format!("{POOL}: {error}"))?;
    let undo = Undo(vec![Box::new(move || fs::write(POOL, before).unwrap())]);
    fs::write(POOL, count.to_string()).map_err(|error| format!("{POOL}: {error}"))?;
    let now = fs::read_to_string(POOL).unwrap();
    if now.trim() == count.to_string() {
        Ok(undo)
    } else {
        Err(format!("the pool has {} huge pages instead of {count}", now.trim()))
    }
}

fn memory_file(flags: libc::c_uint, len: u64) -> Result<fs::File, String> {
    // SAFETY: the name is terminated by NUL.
    let raw = checked("memfd_create", unsafe { libc::memfd_create(c"check".as_ptr(), flags) })?;
    // SAFETY: it was just opened, and nothing else closes it.
    let file = unsafe { fs::File::from_raw_fd(raw as RawFd) };
    file.set_len(len).map_err(|error| format!("ftruncate: {error}"))?;
    Ok(file)
}

fn huge_pages() -> Result<(), String> {
    let _undo = pool(8)?;
    let request = Mmap::anon(2 * HUGE_PAGE).flags(Flags::HUGETLB);
    let mut map = request.map_mut().unwrap();
    map.fill(7);
    // No whole huge page is in these ranges.
    for range in [4096..8192, 1..HUGE_PAGE, HUGE_PAGE - 1..2 * HUGE_PAGE - 1] {
        // SAFETY: nothing relies on the contents.
        unsafe { map.discard_range(range, Discard::DontNeed) }.unwrap();
        assert!(map.iter().all(|&byte| byte == 7));
    }
    // SAFETY: as above.
    unsafe { map.discard_range(5..2 * HUGE_PAGE, Discard::DontNeed) }.unwrap();
    assert!(map[..HUGE_PAGE].iter().all(|&byte| byte == 7) && map[HUGE_PAGE..].iter().all(|&byte| byte == 0));
    // The mapping keeps its pages, also when the pool is empty.
    let rest = Mmap::anon(6 * HUGE_PAGE).flags(Flags::HUGETLB).map().unwrap();
    map.fill(1);
    let error = request.map().unwrap_err();
    assert_eq!((error.kind(), error.flag()), (ErrorKind::OutOfMemory, Some(Flags::HUGETLB)));
    drop(rest);
    for method in [MappingMut::lock, MappingMut::unlock, MappingMut::flush] {
        method(&map).unwrap();
    }
    resize_huge_pages(&mut map);
    let map = map.into_read_only().unwrap();
    let address = map.as_ptr();
    let reservation = map.into_reservation().unwrap();
    assert_eq!((reservation.as_ptr(), reservation.len()), (address, 2 * HUGE_PAGE));
    Ok(())
}

/// A mapping of two huge pages that are filled with 1 gets more and less of them, and is divided between them.
fn resize_huge_pages(map: &mut MappingMut) {
    let request = |len| Mmap::anon(len).flags(Flags::HUGETLB);
    request(3 * HUGE_PAGE - 5).resize(map).unwrap();
    assert!(
        map[..2 * HUGE_PAGE].iter().all(|&byte| byte == 1)
            && map[2 * HUGE_PAGE..].iter().all(|&byte| byte == 0)
    );
    map.fill(1);
    assert_eq!(Mmap::anon(4 * HUGE_PAGE).resize(map).unwrap_err().kind(), ErrorKind::InvalidInput);
    let error = request(9 * HUGE_PAGE).resize(map).unwrap_err();
    assert_eq!((error.kind(), error.flag()), (ErrorKind::OutOfMemory, Some(Flags::HUGETLB)));
    // Inside the last page it needs no reservation, which has no huge pages.
    let mut reservation = Reservation::new(HUGE_PAGE).unwrap();
    request(3 * HUGE_PAGE).extend(map, &mut reservation).unwrap();
    assert_eq!((map.len(), map[3 * HUGE_PAGE - 6], map[3 * HUGE_PAGE - 5]), (3 * HUGE_PAGE, 1, 0));
    let error = request(4 * HUGE_PAGE).extend(map, &mut reservation).unwrap_err();
    assert_eq!((error.kind(), error.flag()), (ErrorKind::Unsupported, Some(Flags::HUGETLB)));
    assert_eq!(map.split_off(4096).unwrap_err().kind(), ErrorKind::InvalidInput);
    let mut rest = map.split_off(HUGE_PAGE).unwrap();
    rest[0] = 2;
    let last = rest.split_off(HUGE_PAGE).unwrap();
    map.join(rest).unwrap();
    drop(last);
    request(HUGE_PAGE + 1).resize(map).unwrap();
    request(2 * HUGE_PAGE).resize(map).unwrap();
    assert_eq!((map[HUGE_PAGE - 1], map[HUGE_PAGE], map[HUGE_PAGE + 1], map.len()), (1, 2, 0, 2 * HUGE_PAGE));
}

/// The pool has enough huge pages, so that a mapping could succeed and its first touch raise SIGBUS.
fn huge_pages_over_limit() -> Result<(), String> {
    let mut undo = pool(8)?;
    let folder = format!("/tmp/baremap-cgroup-{}", std::process::id());
    fs::create_dir(&folder).unwrap();
    let path = CString::new(folder.clone()).unwrap();
    undo.0.push(Box::new({
        let folder = folder.clone();
        move || fs::remove_dir(folder).unwrap()
    }));
    // SAFETY: all strings are terminated by NUL.
    checked("mount the control group hugetlb", unsafe {
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

/// Its mappings have huge pages without `HUGETLB`, and must work as those of any file.
fn huge_file() -> Result<(), String> {
    let _undo = pool(8)?;
    let empty = memory_file(libc::MFD_HUGETLB, 0)?;
    let file = memory_file(libc::MFD_HUGETLB, 2 * HUGE_PAGE as u64)?;
    let state = || fs::read_to_string("/proc/self/maps").unwrap();
    state();
    let before = state();
    // SAFETY: no other process knows the file.
    assert!(unsafe { Mmap::new(&empty).map() }.unwrap().is_empty());
    for (offset, len) in [(0, 100), (4096, 100), (1, HUGE_PAGE), (HUGE_PAGE - 1, 2), (HUGE_PAGE + 5, 4096)] {
        for flags in [Flags::default(), Flags::COW, Flags::HUGETLB, Flags::LOCKED, Flags::POPULATE] {
            let request = Mmap::new(&file).offset(offset as u64).len(len).flags(flags);
            // SAFETY: no other process knows the file, here and below.
            let mut map = unsafe { request.map_mut() }.unwrap();
            map.fill(1);
            let map = map.into_read_only().unwrap();
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
            drop(unsafe { request.map_mut() }.unwrap().into_reservation().unwrap());
        }
    }
    // A writable mapping would extend the file.
    for flags in [Flags::PAST_END, Flags::PAST_END | Flags::HUGETLB] {
        let error = Mmap::new(&file).len(3 * HUGE_PAGE).flags(flags).map_raw().unwrap_err();
        assert_eq!((error.kind(), error.flag()), (ErrorKind::Unsupported, Some(Flags::PAST_END)));
    }
    let request = Mmap::new(&file).len(HUGE_PAGE);
    // SAFETY: as above.
    let error = unsafe { request.flags(Flags::NORESERVE).map_mut() }.unwrap_err();
    assert_eq!((error.kind(), error.flag()), (ErrorKind::Unsupported, Some(Flags::NORESERVE)));
    // SAFETY: as above.
    let error = Error::from(unsafe { request.map_mut_in(Reservation::new(HUGE_PAGE).unwrap()) }.unwrap_err());
    assert_eq!(error.flag(), Some(Flags::HUGETLB));
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
    let file = File::open(&device).unwrap();
    assert_eq!(file.len(), Ok(LEN));
    // SAFETY: no other process uses the device.
    let map = |request: Mmap| unsafe { request.map() };
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

/// Memory may then be mapped as executable, but not become so.
fn code_under_mdwe() -> Result<(), String> {
    const PR_SET_MDWE: libc::c_int = 65;
    const PR_MDWE_REFUSE_EXEC_GAIN: libc::c_ulong = 1;
    // SAFETY: its arguments are numbers.
    checked("prctl", unsafe { libc::prctl(PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN, 0, 0, 0) })?;
    let request = Mmap::anon(page_size()).prot(Prot::EXEC);
    drop(request.map().unwrap());
    drop(request.map_in(Reservation::new(1).unwrap()).unwrap());
    let refused = Mmap::anon(1).map().unwrap().into_exec().unwrap_err();
    assert_eq!(refused.error.kind(), ErrorKind::PermissionDenied);
    assert_eq!(refused.value[..], [0]);
    // Written and executed by two mappings, neither of which changes.
    let mut code = Code::new(1).unwrap();
    code.write(0, &[7]).unwrap();
    assert_eq!(code.bytes(), [7]);
    Ok(())
}

fn limit_locked_memory(bytes: u64) -> Result<(), String> {
    let limit = libc::rlimit { rlim_cur: bytes, rlim_max: bytes };
    // SAFETY: `limit` is the struct that the call reads.
    checked("setrlimit", unsafe { libc::setrlimit(libc::RLIMIT_MEMLOCK, &limit) })?;
    // Root may exceed the limit.
    // SAFETY: its argument is a number.
    checked("setuid", unsafe { libc::setuid(65534) })?;
    Ok(())
}

/// `mlock` fails with ENOMEM, and `mmap` after `mlockall` with EAGAIN.
fn locked_memory() -> Result<(), String> {
    limit_locked_memory(1 << 20)?;
    let small = Mmap::anon(16 << 20).flags(Flags::LOCKED).map().unwrap_err();
    assert_eq!((small.kind(), small.flag()), (ErrorKind::OutOfMemory, Some(Flags::LOCKED)));
    // SAFETY: its argument is a number.
    checked("mlockall", unsafe { libc::mlockall(libc::MCL_FUTURE) })?;
    let error = Mmap::anon(16 << 20).map().unwrap_err();
    assert_eq!((error.call(), error.kind()), ("mmap", ErrorKind::OutOfMemory));
    Ok(())
}

/// The second page is past the end of the file, so that it cannot become resident. The first must not stay locked.
fn partial_lock() -> Result<(), String> {
    let file = memory_file(0, 2 * page_size() as u64)?;
    // SAFETY: the memory is not accessed.
    let map = unsafe { Mmap::new(&file).map() }.unwrap();
    file.set_len(1).unwrap();
    assert_eq!(map.lock().unwrap_err().kind(), ErrorKind::OutOfMemory);
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let locked = status.lines().find_map(|line| line.strip_prefix("VmLck:")).unwrap();
    assert_eq!(locked.trim(), "0 kB");
    Ok(())
}

/// Descriptors that are neither files nor devices, and are made to be mapped.
fn rings() -> Result<(), String> {
    let mut seen = 0;
    let mut check = |result: i64, len: usize| {
        if result < 0 {
            return;
        }
        // SAFETY: it was just opened, and nothing else closes it.
        let ring = unsafe { OwnedFd::from_raw_fd(result as RawFd) };
        let map = Mmap::new(&ring).len(len).prot(Prot::WRITE).map_raw();
        assert_eq!(map.map(|map| map.len()), Ok(len), "{}", ring.as_raw_fd());
        assert_eq!(Mmap::new(&ring).map_raw().unwrap_err().kind(), ErrorKind::NotMappable);
        seen += 1;
    };
    let mut parameters = [0_u8; 120];
    // SAFETY: the kernel writes a `struct io_uring_params` of 120 bytes.
    check(unsafe { libc::syscall(libc::SYS_io_uring_setup, 8, parameters.as_mut_ptr()) }, 4096);
    let mut attributes = [0_u8; 128];
    // A `struct perf_event_attr`: its type PERF_TYPE_SOFTWARE, and its size.
    (attributes[0], attributes[4]) = (1, 112);
    let perf = attributes.as_mut_ptr();
    // SAFETY: the kernel reads as many bytes as the size says.
    check(unsafe { libc::syscall(libc::SYS_perf_event_open, perf, 0, -1, -1, 0) }, 2 * page_size());
    if seen == 0 { Err("neither io_uring nor perf is available".into()) } else { Ok(()) }
}

/// Mounts a file system in a folder, which is removed at the end. Its path, and how to undo it.
fn mounted(kind: &str, source: &str, options: &str) -> Result<(String, Undo), String> {
    let folder = format!("/tmp/baremap-{kind}-{}", std::process::id());
    fs::create_dir(&folder).unwrap();
    let mut undo = Undo(vec![Box::new({
        let folder = folder.clone();
        move || fs::remove_dir(folder).unwrap()
    })]);
    let output = Command::new("mount").args(["-t", kind, "-o", options, source, &folder]).output().unwrap();
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).trim().to_string());
    }
    let mount = CString::new(folder.clone()).unwrap();
    // Lazily, as a check that fails leaves files open.
    // SAFETY: the string is terminated by NUL.
    undo.0.push(Box::new(move || assert_eq!(unsafe { libc::umount2(mount.as_ptr(), libc::MNT_DETACH) }, 0)));
    Ok((folder, undo))
}

fn tmpfs() -> Result<(String, Undo), String> {
    mounted("tmpfs", "none", "size=8M")
}

/// ext4 in a file of 8 MiB.
fn ext4() -> Result<(String, Undo), String> {
    let image = format!("/tmp/baremap-image-{}", std::process::id());
    fs::File::create(&image).unwrap().set_len(8 << 20).unwrap();
    let remove = image.clone();
    let mut undo = Undo(vec![Box::new(move || fs::remove_file(remove).unwrap())]);
    let made = Command::new("mkfs.ext4").args(["-q", "-b", "4096", "-O", "verity", &image]).output();
    let made = made.map_err(|error| format!("mkfs.ext4: {error}"))?;
    if !made.status.success() {
        return Err(format!("mkfs.ext4: {}", String::from_utf8_lossy(&made.stderr).trim()));
    }
    let (folder, unmount) = mounted("ext4", &image, "loop")?;
    undo.0.push(Box::new(|| drop(unmount)));
    Ok((folder, undo))
}

/// What does not fit is an error. What was allocated can be written through a mapping when nothing is left.
fn full_disk(mount: fn() -> Result<(String, Undo), String>) -> Result<(), String> {
    const LEN: u64 = 1 << 20;
    let (folder, _undo) = mount()?;
    let create = |name| File::create(format!("{folder}/{name}")).unwrap();
    let (file, filler) = (create("file"), create("filler"));
    let error = file.allocate(0, 100 << 20).unwrap_err();
    assert_eq!((error.call(), error.kind()), ("fallocate", ErrorKind::NoSpace));
    file.set_len(0).unwrap();
    // A hole before it, which is filled.
    file.set_len(LEN / 2).unwrap();
    file.allocate(0, LEN).unwrap();
    assert_eq!(file.len(), Ok(LEN));
    let mut len = 0;
    for piece in [1 << 16, 1 << 12] {
        while filler.allocate(len, piece).is_ok() {
            len += piece;
        }
    }
    assert_eq!(filler.allocate(len, 1 << 12).unwrap_err().kind(), ErrorKind::NoSpace);
    assert_eq!(file.allocate(LEN, 1 << 16).unwrap_err().kind(), ErrorKind::NoSpace);
    // SAFETY: no other process knows the file, here and below.
    let mut map = unsafe { Mmap::new(&file).len(LEN as usize).map_mut() }.unwrap();
    map.fill(1);
    map.flush().unwrap();
    drop(map);
    // SAFETY: as above.
    let mut rest = unsafe { Mmap::new(&filler).len(len as usize).map_mut() }.unwrap();
    rest.fill(2);
    rest.flush().unwrap();
    // Without, the write raises SIGBUS. In a process of its own.
    file.set_len(2 * LEN).unwrap();
    // SAFETY: as above.
    let mut hole = unsafe { Mmap::new(&file).offset(LEN).map_mut() }.unwrap();
    // SAFETY: the child makes no call but to end.
    match unsafe { libc::fork() } {
        0 => {
            // SAFETY: resets a handler and ends the process.
            unsafe { libc::signal(libc::SIGBUS, libc::SIG_DFL) };
            hole.fill(3);
            // SAFETY: as above.
            unsafe { libc::_exit(0) };
        }
        child => {
            let mut status = 0;
            // SAFETY: `status` is writable.
            checked("waitpid", unsafe { libc::waitpid(child, &mut status, 0) })?;
            assert!(libc::WIFSIGNALED(status) && libc::WTERMSIG(status) == libc::SIGBUS, "{status:#x}");
        }
    }
    Ok(())
}

/// tmpfs gives up at each signal, and frees what it has allocated.
fn space_under_timer() -> Result<(), String> {
    const LEN: u64 = 256 << 20;
    extern "C" fn ignore(_: libc::c_int) {}
    // SAFETY: the handler does nothing, and the structures are those of the calls.
    unsafe {
        libc::signal(libc::SIGALRM, ignore as *const () as libc::sighandler_t);
        let interval = libc::timeval { tv_sec: 0, tv_usec: 500 };
        let timer = libc::itimerval { it_interval: interval, it_value: interval };
        checked("setitimer", libc::setitimer(libc::ITIMER_REAL, &timer, std::ptr::null_mut()))?;
    }
    let file = File::memory().unwrap();
    file.allocate(0, LEN).unwrap();
    assert_eq!(file.len(), Ok(LEN));
    assert_eq!(fs::File::from(file).metadata().map(|data| data.blocks()).unwrap(), LEN / 512);
    Ok(())
}

/// Only contents and length together make a safe slice.
fn seals() -> Result<(), String> {
    use libc::{F_SEAL_FUTURE_WRITE, F_SEAL_GROW, F_SEAL_SEAL, F_SEAL_SHRINK, F_SEAL_WRITE};
    const ALL: [libc::c_int; 5] =
        [F_SEAL_SEAL, F_SEAL_SHRINK, F_SEAL_GROW, F_SEAL_WRITE, F_SEAL_FUTURE_WRITE];
    for set in 0..1 << ALL.len() {
        let seals = (0..ALL.len()).filter(|i| set >> i & 1 == 1).fold(0, |seals, i| seals | ALL[i]);
        let file = memory_file(libc::MFD_ALLOW_SEALING, 100_000)?;
        // SAFETY: its arguments are numbers.
        checked("fcntl", unsafe { libc::fcntl(file.as_raw_fd(), libc::F_ADD_SEALS, seals) })?;
        let result = Mmap::new(&file).map_sealed().map(|map| map.len());
        match seals & F_SEAL_SHRINK != 0 && seals & F_SEAL_WRITE != 0 {
            true => assert_eq!(result, Ok(100_000), "{seals:#x}"),
            false => assert_eq!(result.unwrap_err().kind(), ErrorKind::NotSealed, "{seals:#x}"),
        }
    }
    // Made without seals, and on a file system that has them.
    let (folder, _undo) = tmpfs()?;
    for file in [memory_file(0, 100)?.into(), File::create(format!("{folder}/file")).unwrap()] {
        assert_eq!(file.seal().unwrap_err().kind(), ErrorKind::PermissionDenied);
        assert_eq!(Mmap::new(&file).map_sealed().unwrap_err().kind(), ErrorKind::NotSealed);
    }
    Ok(())
}

fn sealed_huge_pages() -> Result<(), String> {
    let _undo = pool(4)?;
    let file = File::from(memory_file(libc::MFD_HUGETLB | libc::MFD_ALLOW_SEALING, 2 * HUGE_PAGE as u64)?);
    // SAFETY: no other process knows the file.
    unsafe { Mmap::new(&file).len(HUGE_PAGE).map_mut() }.unwrap().fill(1);
    file.seal().unwrap();
    let map = Mmap::new(&file).map_sealed().unwrap();
    assert!(map[..HUGE_PAGE].iter().all(|&byte| byte == 1) && map[HUGE_PAGE..].iter().all(|&byte| byte == 0));
    Ok(())
}

/// On ext4 itself, and not where overlayfs shows such a file.
fn verity() -> Result<(), String> {
    const FS_IOC_ENABLE_VERITY: libc::Ioctl = 0x40806685u32 as libc::Ioctl;
    let (folder, _undo) = ext4()?;
    let path = format!("{folder}/file");
    let contents: Vec<u8> = (0..100_000).map(|i| (i % 251) as u8).collect();
    fs::write(&path, &contents).unwrap();
    let file = File::open(&path).unwrap();
    assert_eq!(Mmap::new(&file).map_sealed().unwrap_err().kind(), ErrorKind::NotSealed);
    // A `struct fsverity_enable_arg`: version 1, SHA-256, blocks of 4096 bytes.
    let mut argument = [0_u32; 32];
    argument[..3].copy_from_slice(&[1, 1, 4096]);
    let raw = baremap::FileRef::from(&file).as_raw();
    // SAFETY: the structure has the length that the call reads, and names no salt and no signature.
    checked("FS_IOC_ENABLE_VERITY", unsafe { libc::ioctl(raw, FS_IOC_ENABLE_VERITY, argument.as_ptr()) })?;
    let map = Mmap::new(&file).map_sealed().unwrap();
    assert_eq!(map[..], contents);
    assert_eq!(Mmap::new(&file).offset(5).map_sealed().unwrap()[..], contents[5..]);
    assert_eq!(File::open_rw(&path).unwrap_err().kind(), ErrorKind::PermissionDenied);
    fs::create_dir(format!("{folder}/empty")).unwrap();
    let layers = format!("lowerdir={folder}:{folder}/empty");
    let (above, _undo_above) = mounted("overlay", "none", &layers)?;
    let file = File::open(format!("{above}/file")).unwrap();
    assert_eq!(Mmap::new(&file).map_sealed().unwrap_err().kind(), ErrorKind::NotSealed);
    Ok(())
}

/// The first number of memory that the checks below share.
fn number(map: &RawMapping) -> &AtomicU64 {
    assert!(map.len() >= 8 && map.prot() == Prot::WRITE);
    // SAFETY: mapped and writable, at the start of a page, and accessed by this function alone.
    unsafe { AtomicU64::from_ptr(map.as_mut_ptr().cast()) }
}

/// The child counts in the memory of the parent, and not in that which is private.
fn forked() -> Result<(), String> {
    const EACH: u64 = 1_000_000;
    let request = Mmap::anon(100_000).prot(Prot::WRITE);
    let (shared, private) = (request.map_shared().unwrap(), request.map_raw().unwrap());
    let count = || {
        for _ in 0..EACH {
            number(&shared).fetch_add(1, Relaxed);
            number(&private).fetch_add(1, Relaxed);
        }
    };
    // SAFETY: this process has one thread, and the child calls nothing that allocates.
    let child = checked("fork", unsafe { libc::fork() })? as libc::pid_t;
    count();
    if child == 0 {
        // SAFETY: ends the process.
        unsafe { libc::_exit(0) };
    }
    let mut status = -1;
    // SAFETY: `status` is writable.
    checked("waitpid", unsafe { libc::waitpid(child, &mut status, 0) })?;
    assert_eq!(status, 0);
    assert_eq!(number(&shared).load(Relaxed), 2 * EACH);
    assert_eq!(number(&private).load(Relaxed), EACH);
    Ok(())
}

/// The descriptor that arrives is another one, of the same memory, whose length nobody changes.
fn through_a_socket() -> Result<(), String> {
    let memory = SharedMemory::new(100_000).unwrap();
    let map = Mmap::new(&memory).prot(Prot::WRITE).map_raw().unwrap();
    number(&map).store(7, Relaxed);
    let raw = memory.as_raw();
    let received = SharedMemory::try_from(sent(raw)?).unwrap();
    drop(memory);
    assert_ne!(received.as_raw(), raw);
    assert_eq!(received.len(), 100_000);
    let same = Mmap::new(&received).prot(Prot::WRITE).map_raw().unwrap();
    assert_eq!(number(&same).fetch_add(1, Relaxed), 7);
    assert_eq!(number(&map).load(Relaxed), 8);
    let file = File::from(OwnedFd::from(received));
    for len in [0, 99_999, 100_001] {
        assert_eq!(file.set_len(len).unwrap_err().kind(), ErrorKind::PermissionDenied);
    }
    // It can still be sealed, once nobody can write to it.
    drop((map, same));
    file.seal().unwrap();
    assert_eq!(Mmap::new(&file).map_sealed().unwrap()[0], 8);
    // What is no memory is given back.
    let null = fs::File::open("/dev/null").unwrap();
    let null = null.as_raw_fd();
    let refused = SharedMemory::try_from(sent(null)?).unwrap_err();
    assert_eq!(refused.error.kind(), ErrorKind::NotMappable);
    assert!(fs::File::from(refused.value).metadata().is_ok());
    Ok(())
}

/// Sends a descriptor to this process.
fn sent(file: RawFd) -> Result<OwnedFd, String> {
    let mut ends = [-1; 2];
    // SAFETY: `ends` has room for two descriptors.
    checked("socketpair", unsafe {
        libc::socketpair(libc::AF_UNIX, libc::SOCK_STREAM, 0, ends.as_mut_ptr())
    })?;
    // SAFETY: just opened, and nothing else closes them.
    let ends = ends.map(|end| unsafe { OwnedFd::from_raw_fd(end) });
    let mut byte = [0_u8];
    let mut part = libc::iovec { iov_base: byte.as_mut_ptr().cast(), iov_len: 1 };
    // Aligned as `cmsghdr` must be.
    let mut control = [0_u64; 8];
    // SAFETY: it consists of integers and pointers.
    let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
    (message.msg_iov, message.msg_iovlen) = (&raw mut part, 1);
    message.msg_control = control.as_mut_ptr().cast();
    let size = size_of::<RawFd>() as u32;
    // SAFETY: `control` has room for a header and a descriptor.
    unsafe {
        message.msg_controllen = libc::CMSG_SPACE(size) as usize;
        let header = libc::CMSG_FIRSTHDR(&message);
        ((*header).cmsg_level, (*header).cmsg_type) = (libc::SOL_SOCKET, libc::SCM_RIGHTS);
        (*header).cmsg_len = libc::CMSG_LEN(size) as usize;
        libc::CMSG_DATA(header).cast::<RawFd>().write_unaligned(file);
        checked("sendmsg", libc::sendmsg(ends[0].as_raw_fd(), &message, 0) as i64)?;
        libc::CMSG_DATA(header).cast::<RawFd>().write_unaligned(-1);
        checked("recvmsg", libc::recvmsg(ends[1].as_raw_fd(), &mut message, libc::MSG_CMSG_CLOEXEC) as i64)?;
        let received = libc::CMSG_DATA(libc::CMSG_FIRSTHDR(&message)).cast::<RawFd>().read_unaligned();
        assert!(received >= 0);
        Ok(OwnedFd::from_raw_fd(received))
    }
}

/// More than the folder of the names has is an error, and no signal, if it is allocated first.
fn full_names() -> Result<(), String> {
    let name = format!("baremap-full-{}", std::process::id());
    let memory = SharedMemory::create(&name, 1 << 50).unwrap();
    SharedMemory::remove(&name).unwrap();
    let error = memory.allocate().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NoSpace, "{error}");
    Ok(())
}
