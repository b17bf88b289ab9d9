//! The adapter from a kernel's `custom::Backend` to the contract. It aligns addresses and lengths to pages, and rests on
//! what that trait's `# Safety` promises. The kernel is found by a symbol that `custom_backend!` defines.

use super::contract::code::{cannot_grow, part};
use super::contract::residency::Residency;
use super::contract::shared::{NoSection, Shared};
mod parts;

use super::contract::{FilePart, FileStatus, MapFailure, Mapped, Request, Result, Span, System, distance};
use crate::custom::{self, Backend, Code, FileKind, Open, UNSUPPORTED};
use crate::error::kind::{Call, ErrorKind, Failure};
use crate::options::{Advice, Discard, Flags, Prot};
use crate::sys::fault;
use core::ffi::CStr;
use core::fmt;

pub use crate::custom::RawFile;

/// What a mapping remembers beside its address and length.
#[derive(Clone, Copy, Debug)]
pub struct Backing {
    prot: Prot,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Anon,
    Shared,
    Copy,
}

/// `custom_backend!` expands in the user's crate, where CARGO_PKG_VERSION is the user's; so the symbol, here and there,
/// is a literal, which is checked against this crate's version.
macro_rules! registered {
    ($symbol:ident) => {
        const _: () = assert!(
            has_version(stringify!($symbol)),
            "the symbol, here and in custom_backend!, has another version"
        );

        fn kernel() -> &'static dyn Backend {
            unsafe extern "Rust" {
                safe static $symbol: &'static dyn Backend;
            }
            $symbol
        }
    };
}

registered!(baremap_0_1_0_backend_that_the_macro_custom_backend_registers);

/// Returns whether a symbol starts with `baremap_`, this crate's version with `_` for punctuation, and `_`.
#[expect(clippy::indexing_slicing, reason = "a panic while this is compiled is an error")]
const fn has_version(symbol: &str) -> bool {
    let (symbol, version) = (symbol.as_bytes(), env!("CARGO_PKG_VERSION").as_bytes());
    let start = "baremap_".len();
    let mut at = 0;
    while at < version.len() {
        let byte = if version[at].is_ascii_alphanumeric() { version[at] } else { b'_' };
        if symbol[start + at] != byte {
            return false;
        }
        at += 1;
    }
    symbol[start + at] == b'_'
}

fn checked<T>(call: Call, result: Result<T, Code>) -> Result<T> {
    result.map_err(|code| match Failure::of_system(call, code) {
        failure if code == UNSUPPORTED => failure.with_kind(ErrorKind::Unsupported),
        failure => failure,
    })
}

/// # Safety
/// As `map_file` and `map_anon`.
unsafe fn map(file: Option<(RawFile, u64)>, request: Request) -> Result<Mapped<Backing>, MapFailure> {
    let Request { len, prot, flags, reservation, .. } = request;
    let supported = kernel().flags();
    let mut passed_on = flags & supported & Flags::LOCKED;
    for flag in [Flags::HUGETLB, Flags::COW, Flags::POPULATE, Flags::NORESERVE, Flags::PAST_END] {
        // Memory without a file is private anyway, and has no end but its own.
        if flags.contains(flag) && (file.is_some() || !matches!(flag, Flags::COW | Flags::PAST_END)) {
            // Huge pages would differ from the pages of the trait.
            if flag == Flags::HUGETLB || !supported.contains(flag) {
                return Err(Failure::unsupported(flag).into());
            }
            passed_on |= flag;
        }
    }
    let len = len.next_multiple_of(Custom::page_size());
    let reservation = reservation.map(|reservation| reservation.ptr);
    let passed_on = custom::Request { file, len, prot, flags: passed_on, reservation };
    // SAFETY: the caller's promise.
    let ptr = checked(Call::Map, unsafe { kernel().map(&passed_on) })?;
    let kind = match file {
        None => Kind::Anon,
        Some(_) if flags.contains(Flags::COW) => Kind::Copy,
        Some(_) => Kind::Shared,
    };
    let mapped = Mapped { ptr, backing: Backing { prot, kind } };
    if passed_on.flags.contains(Flags::LOCKED) {
        return Ok(mapped);
    }
    // SAFETY: the mapping is not known to anybody else yet.
    unsafe { Custom::lock_new(mapped, Request { len, ..request }) }
}

fn pages(span: Span) -> Span {
    span.widened(Custom::page_size())
}

pub(crate) enum Custom {}

impl super::contract::files::Files for Custom {}
impl super::contract::process::Process for Custom {}
impl super::contract::special::Special for Custom {}

impl System for Custom {
    type RawFile = RawFile;
    type Backing = Backing;

    const EMPTY: Backing = Backing { prot: Prot::WRITE, kind: Kind::Anon };

    fn open(path: &CStr, open: Open) -> Result<RawFile> {
        checked(Call::Open, kernel().open(path, open))
    }

    fn close(file: RawFile) {
        kernel().close(file);
    }

    fn stat(file: RawFile) -> Result<FileStatus> {
        let (kind, len) = checked(Call::Stat, kernel().stat(file))?;
        let len = if kind == FileKind::Regular { len } else { 0 };
        Ok(FileStatus { kind, len, block_size: 0 })
    }

    fn is_empty_file_mappable(_: RawFile, _: usize) -> bool {
        true
    }

    fn memory_file() -> Result<RawFile> {
        checked(Call::Memory, kernel().memory_file())
    }

    fn allocate(file: RawFile, offset: u64, len: u64) -> Result<()> {
        checked(Call::Allocate, kernel().allocate(file, offset, len))
    }

    fn set_len(file: RawFile, len: u64) -> Result<()> {
        checked(Call::SetLen, kernel().set_len(file, len))
    }

    fn sync(file: RawFile) -> Result<()> {
        checked(Call::Sync, kernel().sync(file))
    }

    unsafe fn read(file: RawFile, buffer: *mut u8, len: usize, offset: Option<u64>) -> Result<usize> {
        // SAFETY: the caller's promise.
        checked(Call::Read, unsafe { kernel().read(file, buffer, len, offset) })
    }

    fn write(file: RawFile, bytes: &[u8], offset: u64) -> Result<usize> {
        checked(Call::WriteAt, kernel().write(file, bytes, offset))
    }

    fn page_size() -> usize {
        let size = kernel().page_size();
        // SAFETY: promised by `Backend`; a division by the size needs no check for 0 then.
        unsafe { core::hint::assert_unchecked(size.is_power_of_two()) };
        size
    }

    fn allocation_granularity() -> usize {
        Self::page_size()
    }

    unsafe fn map_file(part: FilePart<RawFile>, request: Request) -> Result<Mapped<Backing>, MapFailure> {
        let before = distance(part.offset, Self::page_size());
        let request = Request { len: before + request.len, ..request };
        // SAFETY: the caller's promise.
        let Mapped { ptr, backing } =
            unsafe { map(Some((part.file, part.offset - before as u64)), request)? };
        // SAFETY: the mapping is longer than `before`.
        Ok(Mapped { ptr: unsafe { ptr.add(before) }, backing })
    }

    unsafe fn map_anon(request: Request) -> Result<Mapped<Backing>, MapFailure> {
        // SAFETY: the caller's promise.
        unsafe { map(None, request) }
    }

    fn reserve(address: usize, len: usize) -> Result<Span> {
        Ok(Span { ptr: checked(Call::Reserve, kernel().reserve(address, len))?, len })
    }

    /// `Backend::unmap` takes a part of a reservation.
    unsafe fn split(_: Span, _: usize) -> Result<()> {
        Ok(())
    }

    unsafe fn release(reservation: Span) -> Result<()> {
        // SAFETY: a reservation, or a part of one, which the caller no longer uses.
        checked(Call::Unmap, unsafe { kernel().unmap(reservation.ptr, reservation.len) })
    }

    fn prot(backing: &Backing) -> Prot {
        backing.prot
    }

    fn page_size_of(_: &Backing) -> usize {
        Self::page_size()
    }

    unsafe fn unmap(span: Span, _: &Backing) -> Result<()> {
        // SAFETY: a whole mapping, widened to its pages, which the caller no longer uses.
        unsafe { Self::release(pages(span)) }
    }

    unsafe fn unmap_to_reservation(span: Span, _: &Backing) -> Result<Span, MapFailure> {
        let span = pages(span);
        // SAFETY: as in `unmap`.
        checked(Call::UnmapToReservation, unsafe { kernel().unmap_to_reservation(span.ptr, span.len) })?;
        Ok(span)
    }

    unsafe fn protect(span: Span, backing: &mut Backing, prot: Prot) -> Result<()> {
        let span = pages(span);
        // SAFETY: a whole mapping; no reference needs permissions that `prot` lacks.
        let result = checked(Call::Protect, unsafe { kernel().protect(span.ptr, span.len, prot) });
        backing.prot = if result.is_ok() { prot } else { backing.prot & prot };
        result
    }

    unsafe fn lock(span: Span, _: &Backing) -> Result<()> {
        let span = pages(span);
        // SAFETY: pages of the caller's mapping, here and below.
        checked(Call::Lock, unsafe { kernel().lock(span.ptr, span.len) })
    }

    unsafe fn unlock(span: Span, _: &Backing) -> Result<()> {
        let span = pages(span);
        // SAFETY: as in `lock`.
        checked(Call::Unlock, unsafe { kernel().unlock(span.ptr, span.len) })
    }

    unsafe fn flush(span: Span, _: &Backing, wait: bool) -> Result<()> {
        let span = pages(span);
        // SAFETY: as in `lock`.
        checked(Call::Flush, unsafe { kernel().flush(span.ptr, span.len, wait) })
    }

    unsafe fn advise(span: Span, _: &Backing, advice: Advice) -> Result<()> {
        let span = pages(span);
        // SAFETY: as in `lock`.
        checked(Call::Advise, unsafe { kernel().advise(span.ptr, span.len, advice) })
    }

    unsafe fn discard(span: Span, _: &Backing, discard: Discard) -> Result<()> {
        let span = pages(span);
        // SAFETY: as in `lock`; nobody relies on the contents.
        checked(Call::Discard, unsafe { kernel().discard(span.ptr, span.len, discard) })
    }

    fn install_guard() -> Result<()> {
        if Self::is_guard_installed() {
            return Ok(());
        }
        Err(Failure::refused(Call::Install, ErrorKind::Unsupported))
    }

    /// The kernel's own page-fault handler is the guard.
    fn is_guard_installed() -> bool {
        fault::is_supported() && kernel().asks_fixup()
    }

    fn is_guard_in_force() -> bool {
        Self::is_guard_installed()
    }

    fn kind(code: i32) -> ErrorKind {
        kernel().describe(code).2
    }

    fn kind_of_call(_: Call, _: i32) -> Option<ErrorKind> {
        None
    }

    fn describe(code: i32, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, words, _) = kernel().describe(code);
        write!(f, "{words} ({name}, {code})")
    }
}

/// Kernels have none of it.
impl Residency for Custom {}

/// An object without a name is a file in memory.
impl Shared for Custom {
    type Section = NoSection;
}

impl super::contract::code::Code for Custom {
    unsafe fn sync_instructions(span: Span, _: &Backing) -> Result<()> {
        let span = pages(span);
        // SAFETY: the caller's promise.
        checked(Call::SyncInstructions, unsafe { kernel().sync_instructions(span.ptr, span.len) })
    }
}

impl super::contract::code::Stacks for Custom {
    unsafe fn map_stack(stack: Span, len: usize) -> Result<()> {
        let reservation = Some(part(stack, 0, len));
        let request =
            Request { len, prot: Prot::WRITE, flags: Flags::empty(), hint: 0, reservation, huge_log2: 0 };
        // SAFETY: the caller's promise.
        unsafe { map(None, request) }.map(drop).map_err(|refused| refused.failure)
    }

    /// A kernel unmaps whole mappings, and nothing remembers that the memory would be two.
    unsafe fn grow_stack(_: Span, _: usize, _: usize) -> Result<()> {
        Err(cannot_grow())
    }

    /// After a failure of the second call the stack cannot be returned, as its memory is gone.
    unsafe fn unmap_stack(stack: Span, len: usize) -> Result<()> {
        if len == 0 {
            // SAFETY: the caller's reservation.
            return unsafe { Self::release(stack) };
        }
        // SAFETY: the caller's mapping.
        unsafe { Self::release(part(stack, 0, len))? };
        // SAFETY: as above; the guard has at least a page.
        let _ = unsafe { Self::release(Span { len: stack.len - len, ..stack }) };
        Ok(())
    }
}
