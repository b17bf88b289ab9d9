//! Reads and writes of handles for overlapped operations, of pipes and directories, and at special offsets.

use crate::hooks::{Plan, with};
use baremap::{Error, ErrorKind, File, Mmap, Reader};
use std::ffi::c_void;
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::windows::fs::OpenOptionsExt;
use std::os::windows::io::{AsRawHandle, FromRawHandle, OwnedHandle};
use std::ptr::null_mut;
use std::sync::Arc;
use std::time::Duration;

pub const CHECKS: &[(&str, fn())] = &[
    ("two readers of an overlapped pipe", two_readers),
    ("an overlapped file", overlapped_file),
    ("no packet for a completion port", no_packet),
    ("no event, no transfer", no_event),
    ("the position stays", position_stays),
    ("special offsets are no offsets", special_offsets),
    ("a write of no bytes", write_of_no_bytes),
    ("messages", messages),
    ("a non-blocking pipe", non_blocking_pipe),
    ("a directory", directory),
    ("a stream has no offset", stream_has_no_offset),
    ("a device without contents", device_without_contents),
];

type Handle = *mut c_void;

#[link(name = "kernel32")]
unsafe extern "system" {
    fn CreateIoCompletionPort(file: Handle, port: Handle, key: usize, threads: u32) -> Handle;
    fn CreateNamedPipeW(
        name: *const u16,
        open: u32,
        mode: u32,
        instances: u32,
        out: u32,
        into: u32,
        timeout: u32,
        security: *mut c_void,
    ) -> Handle;
    fn GetQueuedCompletionStatus(
        port: Handle,
        bytes: *mut u32,
        key: *mut usize,
        overlapped: *mut Handle,
        milliseconds: u32,
    ) -> i32;
}

const PIPE_ACCESS_INBOUND: u32 = 1;
const PIPE_TYPE_MESSAGE: u32 = 4;
const PIPE_READMODE_MESSAGE: u32 = 2;
const PIPE_NOWAIT: u32 = 1;
const FILE_FLAG_OVERLAPPED: u32 = 0x40000000;

/// Makes a named pipe, and returns the ends to read from and to write to.
fn pipe(open: u32, mode: u32) -> (OwnedHandle, std::fs::File) {
    static COUNT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
    let count = COUNT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let name = format!(r"\\.\pipe\baremap-{}-{count}", std::process::id());
    let wide: Vec<u16> = name.encode_utf16().chain([0]).collect();
    // SAFETY: `wide` ends in NUL, and nothing else owns the handle.
    let from = unsafe {
        let handle = CreateNamedPipeW(
            wide.as_ptr(),
            PIPE_ACCESS_INBOUND | open,
            mode,
            1,
            1 << 16,
            1 << 16,
            0,
            null_mut(),
        );
        assert_ne!(handle.addr(), usize::MAX);
        OwnedHandle::from_raw_handle(handle)
    };
    let to = std::fs::OpenOptions::new().write(true).open(&name).unwrap();
    (from, to)
}

fn temporary(name: &str, bytes: &[u8]) -> std::path::PathBuf {
    let path = std::env::temp_dir().join(format!("baremap-reading-{}-{name}", std::process::id()));
    std::fs::write(&path, bytes).unwrap();
    path
}

fn read_all(file: &impl std::os::windows::io::AsHandle) -> Result<Vec<u8>, Error> {
    let mut all = Vec::new();
    Reader::new(file).for_each(|chunk| {
        all.extend_from_slice(chunk);
        Ok::<_, Error>(())
    })?;
    Ok(all)
}

/// Each waits for its own read, and none returns while it is pending: together they read the bytes that were written, and
/// nothing writes to memory that was freed afterwards.
fn two_readers() {
    let (from, mut to) = pipe(FILE_FLAG_OVERLAPPED, 0);
    let from = Arc::new(from);
    let threads: Vec<_> = (0..2)
        .map(|_| {
            let from = from.clone();
            std::thread::spawn(move || {
                let all = read_all(&*from).unwrap();
                assert!(all.iter().all(|&byte| byte == b'B'));
                let fresh = vec![vec![0_u8; 1 << 16]; 16];
                std::thread::sleep(Duration::from_millis(500));
                let changed = fresh.iter().flatten().filter(|&&byte| byte != 0).count();
                assert_eq!(changed, 0, "bytes of fresh memory were changed");
                all.len()
            })
        })
        .collect();
    std::thread::sleep(Duration::from_millis(100));
    for _ in 0..4 {
        to.write_all(&[b'B'; 60_000]).unwrap();
        std::thread::sleep(Duration::from_millis(100));
    }
    drop(to);
    let read: usize = threads.into_iter().map(|thread| thread.join().unwrap()).sum();
    assert_eq!(read, 240_000);
}

/// Threads read and write one overlapped handle, each at its own offsets.
fn overlapped_file() {
    let bytes: Vec<u8> = (0..1 << 20).map(|i: u32| (i >> 12) as u8).collect();
    let path = temporary("overlapped", &bytes);
    let mut options = std::fs::OpenOptions::new();
    let options = options.read(true).write(true).custom_flags(FILE_FLAG_OVERLAPPED);
    let file = File::from(options.open(&path).unwrap());
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let (file, bytes) = (&file, &bytes);
            scope.spawn(move || {
                let mut part = [0; 5000];
                for i in 0..100 {
                    let at = (i * 7919 * (thread + 1)) % (1 << 20);
                    let read = file.read_at(&mut part, at as u64).unwrap();
                    assert_eq!(part[..read], bytes[at..(at + 5000).min(1 << 20)]);
                    // The same bytes: at another offset they would be found by a later read.
                    assert_eq!(file.write_at(&part[..read], at as u64), Ok(read));
                }
                assert_eq!(file.read_at(&mut part, 1 << 20).unwrap(), 0);
                assert_eq!(file.read_at(&mut part, 1 << 40).unwrap(), 0);
            });
        }
    });
    drop(file);
    std::fs::remove_file(path).unwrap();
}

/// Without the lowest bit of the event, a read of a handle with a completion port would queue a packet with the address of
/// an OVERLAPPED that no longer exists (Microsoft, "GetQueuedCompletionStatus function").
fn no_packet() {
    let (from, mut to) = pipe(FILE_FLAG_OVERLAPPED, 0);
    let path = temporary("packet", b"packet");
    let file = std::fs::OpenOptions::new().read(true).custom_flags(FILE_FLAG_OVERLAPPED).open(&path).unwrap();
    // SAFETY: the handles are open, and nothing else owns the port.
    let port = unsafe {
        let port = CreateIoCompletionPort(from.as_raw_handle(), null_mut(), 7, 1);
        assert_eq!(CreateIoCompletionPort(file.as_raw_handle(), port, 8, 1), port);
        OwnedHandle::from_raw_handle(port)
    };
    let writer = std::thread::spawn(move || {
        for _ in 0..3 {
            std::thread::sleep(Duration::from_millis(50));
            to.write_all(b"packet").unwrap();
        }
    });
    assert_eq!(read_all(&from).unwrap(), b"packetpacketpacket");
    writer.join().unwrap();
    assert_eq!(File::from(file).read_at(&mut [0; 10], 0), Ok(6));
    let (mut bytes, mut key, mut overlapped) = (0, 0, null_mut());
    // SAFETY: all are writable.
    let queued =
        unsafe { GetQueuedCompletionStatus(port.as_raw_handle(), &mut bytes, &mut key, &mut overlapped, 0) };
    assert!(queued == 0 && overlapped.is_null(), "a packet of {bytes} bytes was queued");
    std::fs::remove_file(path).unwrap();
}

fn no_event() {
    let path = temporary("event", b"contents");
    let name = std::ffi::CString::new(path.to_str().unwrap()).unwrap();
    let file = File::open(&name).unwrap();
    let fails = Plan { fail_all: Some("CreateEventW"), code: 1450, ..Plan::default() };
    for is_read in [true, false] {
        let transfer = || if is_read { file.read_at(&mut [0; 8], 0) } else { file.write_at(b"new", 0) };
        let (result, log) = with(fails, transfer);
        let error = result.unwrap_err();
        assert_eq!((error.call(), error.kind()), ("CreateEventW", ErrorKind::OutOfMemory));
        assert!(!log.calls.contains(&"ReadFile") && !log.calls.contains(&"WriteFile"), "{:?}", log.calls);
    }
    drop(file);
    std::fs::remove_file(path).unwrap();
}

fn position_stays() {
    let path = temporary("position", &[b'x'; 100]);
    let mut file = std::fs::OpenOptions::new().read(true).write(true).open(&path).unwrap();
    file.seek(SeekFrom::Start(10)).unwrap();
    assert_eq!(read_all(&file).unwrap().len(), 100);
    assert_eq!(file.stream_position().unwrap(), 10);
    let ours = File::from(file);
    for (offset, read) in [(90, 10), (100, 0), (1000, 0)] {
        assert_eq!(ours.read_at(&mut [0; 50], offset), Ok(read));
    }
    assert_eq!(ours.write_at(b"past the end", 120), Ok(12));
    let mut file = std::fs::File::from(ours);
    assert_eq!(file.stream_position().unwrap(), 10);
    let mut rest = Vec::new();
    assert_eq!(file.read_to_end(&mut rest).unwrap(), 122);
    assert_eq!(rest[90..], *[&[0; 20], &b"past the end"[..]].concat());
    drop(file);
    std::fs::remove_file(path).unwrap();
}

/// -2 is FILE_USE_FILE_POINTER_POSITION, and -1 FILE_WRITE_TO_END_OF_FILE.
fn special_offsets() {
    let path = temporary("offset", &[b'x'; 100]);
    let mut file = std::fs::OpenOptions::new().read(true).write(true).open(&path).unwrap();
    file.seek(SeekFrom::Start(90)).unwrap();
    let ours = File::from(file.try_clone().unwrap());
    for offset in [u64::MAX, u64::MAX - 1, 1 << 63] {
        let mut reader = Reader::new(&file).offset(offset);
        let read = reader.read(&mut [0; 50]);
        assert!(!matches!(read, Ok(1..)), "{read:?} at {offset:#x}");
        for result in [ours.read_at(&mut [0; 50], offset), ours.write_at(b"new", offset)] {
            assert!(result.is_err_and(|error| error.raw_os_error().is_none()), "{result:?} at {offset:#x}");
        }
    }
    assert_eq!(file.stream_position().unwrap(), 90);
    drop((file, ours));
    assert_eq!(std::fs::read(&path).unwrap(), [b'x'; 100]);
    std::fs::remove_file(path).unwrap();
}

/// It does not end the pipe.
fn write_of_no_bytes() {
    for (open, mode) in [(0, 0), (FILE_FLAG_OVERLAPPED, 0), (0, PIPE_TYPE_MESSAGE | PIPE_READMODE_MESSAGE)] {
        let (from, mut to) = pipe(open, mode);
        let writer = std::thread::spawn(move || {
            to.write_all(b"one ").unwrap();
            std::thread::sleep(Duration::from_millis(100));
            assert_eq!(to.write(b"").unwrap(), 0);
            std::thread::sleep(Duration::from_millis(100));
            let _ = to.write_all(b"two");
        });
        let all = read_all(&from);
        drop(from);
        writer.join().unwrap();
        assert_eq!(all.unwrap(), b"one two");
    }
}

/// A message longer than the buffer is read in parts.
fn messages() {
    for open in [0, FILE_FLAG_OVERLAPPED] {
        let (from, mut to) = pipe(open, PIPE_TYPE_MESSAGE | PIPE_READMODE_MESSAGE);
        let message: Vec<u8> = (0..3000).map(|i| (i % 251) as u8).collect();
        let writer = std::thread::spawn({
            let message = message.clone();
            move || {
                to.write_all(&message).unwrap();
                std::thread::sleep(Duration::from_millis(100));
                let _ = to.write_all(&message);
            }
        });
        let mut reader = Reader::new(&from).chunk_len(1000);
        let mut all = Vec::new();
        let result = reader.read_to_end(&mut all);
        drop(reader);
        drop(from);
        writer.join().unwrap();
        assert_eq!(result.unwrap(), 6000);
        assert_eq!(all, [&message[..], &message].concat());
    }
}

fn non_blocking_pipe() {
    let (from, to) = pipe(0, PIPE_NOWAIT);
    assert_eq!(read_all(&from).unwrap_err().kind(), ErrorKind::WouldBlock);
    drop(to);
    assert_eq!(read_all(&from).unwrap(), b"");
}

fn directory() {
    const FILE_FLAG_BACKUP_SEMANTICS: u32 = 0x02000000;
    let folder =
        std::fs::OpenOptions::new().read(true).custom_flags(FILE_FLAG_BACKUP_SEMANTICS).open(".").unwrap();
    assert_eq!(read_all(&folder).unwrap_err().kind(), ErrorKind::NotMappable);
    // SAFETY: a directory is never mapped.
    assert_eq!(unsafe { Mmap::new(&folder).map() }.unwrap_err().kind(), ErrorKind::NotMappable);
    // SAFETY: a directory is never mapped.
    assert_eq!(unsafe { Mmap::new(&folder).len(10).map() }.unwrap_err().kind(), ErrorKind::NotMappable);
    assert_eq!(File::from(folder).read_at(&mut [0; 8], 0).unwrap_err().kind(), ErrorKind::NotMappable);
}

fn stream_has_no_offset() {
    let (from, mut to) = pipe(0, 0);
    to.write_all(b"x").unwrap();
    let file = File::from(from);
    assert_eq!(file.read_at(&mut [0; 8], 0).unwrap_err().kind(), ErrorKind::NotSeekable);
    assert_eq!(file.read_at(&mut [], 0).unwrap_err().kind(), ErrorKind::NotSeekable);
    let file = File::from(to);
    assert_eq!(file.write_at(b"x", 0).unwrap_err().kind(), ErrorKind::NotSeekable);
    assert_eq!(file.write_at(b"", 0).unwrap_err().kind(), ErrorKind::NotSeekable);
}

fn device_without_contents() {
    assert_eq!(read_all(&std::fs::File::open("nul").unwrap()).unwrap(), b"");
}
