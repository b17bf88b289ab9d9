//! Maps the program as the kernel (bsd/kern/mach_loader.c) and dyld do, and refuses what they refuse.

use crate::{PAGE, memory, shims};
use libc::{MAP_ANONYMOUS, MAP_FIXED, MAP_PRIVATE, PROT_EXEC, PROT_READ, PROT_WRITE, c_int};
use object::macho::{self, BindDylib, LinkeditDataCommand, MachHeader64, SegmentCommand64};
use object::read::macho::{Fixup, LoadCommandVariant, MachHeader};
use object::{BigEndian, LittleEndian};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::ffi::c_void;

type Result<T> = std::result::Result<T, String>;
type Segment = SegmentCommand64<LittleEndian>;

const ENDIAN: LittleEndian = LittleEndian;
const CPU: macho::CpuType =
    if cfg!(target_arch = "aarch64") { macho::CPU_TYPE_ARM64 } else { macho::CPU_TYPE_X86_64 };

/// Words to write, and symbols that have no shim.
#[derive(Default)]
struct Fixups {
    words: Vec<(usize, usize)>,
    missing: BTreeSet<String>,
}

/// Maps the program, and returns the address of its `main`.
pub fn load(data: &[u8]) -> Result<*const ()> {
    let header = MachHeader64::<LittleEndian>::parse(data, 0).map_err(|error| error.to_string())?;
    if header.cputype(ENDIAN) != CPU {
        return Err(format!("not a program for {}", std::env::consts::ARCH));
    }
    let flags = header.flags(ENDIAN);
    if header.filetype(ENDIAN) != macho::MH_EXECUTE || !flags.contains(macho::MH_PIE | macho::MH_DYLDLINK) {
        return Err("not a position-independent executable for dyld".into());
    }
    let (mut segments, mut libraries) = (Vec::<&Segment>::new(), Vec::new());
    let (mut info, mut chains, mut signature, mut main) = (None, None, None, None);
    let (mut has_uuid, mut has_version, mut dylinker) = (false, false, None);
    let mut commands = header.load_commands(ENDIAN, data, 0).map_err(|error| error.to_string())?;
    while let Some(command) = commands.next().map_err(|error| error.to_string())? {
        match command.variant().map_err(|error| error.to_string())? {
            LoadCommandVariant::Segment64(segment, _) => segments.push(segment),
            LoadCommandVariant::DyldInfo(command) => info = Some(command),
            LoadCommandVariant::EntryPoint(command) => main = Some(command.entryoff.get(ENDIAN)),
            LoadCommandVariant::Uuid(_) => has_uuid = true,
            LoadCommandVariant::BuildVersion(version, _) => {
                has_version |= version.platform.get(ENDIAN) == macho::PLATFORM_MACOS;
            }
            LoadCommandVariant::VersionMin(_) => has_version |= command.cmd() == macho::LC_VERSION_MIN_MACOSX,
            LoadCommandVariant::LoadDylinker(it) => dylinker = command.string(ENDIAN, it.name).ok(),
            LoadCommandVariant::Dylib(library) => {
                let name = command.string(ENDIAN, library.dylib.name).map_err(|error| error.to_string())?;
                libraries.push(String::from_utf8_lossy(name).into_owned());
            }
            LoadCommandVariant::LinkeditData(it) => match command.cmd() {
                macho::LC_DYLD_CHAINED_FIXUPS => chains = Some(it),
                macho::LC_CODE_SIGNATURE => signature = Some(it),
                _ => {}
            },
            _ => {}
        }
    }
    if dylinker != Some(b"/usr/lib/dyld") {
        return Err("its dynamic linker is not /usr/lib/dyld".into());
    }
    // dyld finds the library by this name in its cache; there is no such file.
    if libraries != ["/usr/lib/libSystem.B.dylib"] {
        return Err(format!("links {libraries:?}, and not /usr/lib/libSystem.B.dylib alone"));
    }
    if !has_uuid || !has_version {
        return Err("dyld refuses a program without LC_UUID, or without a build version for macOS".into());
    }
    match signature {
        Some(signature) => check_signature(signature, data)?,
        None if CPU == macho::CPU_TYPE_ARM64 => {
            return Err(
                "has no code signature, and arm64 macOS kills it (lld signs with -adhoc_codesign)".into()
            );
        }
        None => {}
    }

    let slide = map(&segments, data)?;
    let text = segments.iter().find(|segment| name(segment) == "__TEXT").ok_or("has no __TEXT")?;
    let start = text.vmaddr.get(ENDIAN);
    let fixups = match (info, chains) {
        (_, Some(chains)) => chained(chains, data, &segments, start, slide),
        (Some(info), None) => listed(info, data, &segments, slide),
        (None, None) => return Err("has neither LC_DYLD_INFO nor LC_DYLD_CHAINED_FIXUPS".into()),
    };
    let fixups = fixups.map_err(|error| error.to_string())?;
    if !fixups.missing.is_empty() {
        return Err(format!("no shim for {}", Vec::from_iter(fixups.missing).join(", ")));
    }
    for (address, value) in fixups.words {
        let within = |segment: &&Segment| {
            let range = range(segment, slide);
            range.contains(&address) && address + size_of::<usize>() <= range.end
        };
        if !segments.iter().any(within) {
            return Err("has a fixup outside its segments".into());
        }
        // SAFETY: inside a segment; all of them are writable until `protect`.
        unsafe { (address as *mut usize).write_unaligned(value) };
    }
    for segment in &segments {
        protect(segment, slide)?;
    }
    let main = main.ok_or("has no LC_MAIN")?;
    Ok((slide.wrapping_add(start as usize) + main as usize) as *const ())
}

fn name(segment: &Segment) -> &str {
    str::from_utf8(&segment.segname).unwrap_or("?").trim_end_matches('\0')
}

fn range(segment: &Segment, slide: usize) -> std::ops::Range<usize> {
    let start = slide.wrapping_add(segment.vmaddr.get(ENDIAN) as usize);
    start..start + segment.vmsize.get(ENDIAN) as usize
}

/// Maps all segments as writable, and returns the slide, which is added to their addresses. The shims map nothing into
/// __PAGEZERO, the first 4 GiB, so it is not reserved.
fn map(segments: &[&Segment], data: &[u8]) -> Result<usize> {
    let all = |segment: &&&Segment| name(segment) != "__PAGEZERO";
    let low = segments.iter().filter(all).map(|it| it.vmaddr.get(ENDIAN)).min().ok_or("has no segments")?;
    let high = segments.iter().filter(all).map(|it| it.vmaddr.get(ENDIAN) + it.vmsize.get(ENDIAN)).max();
    let len = memory::whole_pages((high.unwrap_or(low) - low) as usize);
    let base = memory::reserve(len, PAGE).map_err(|_| "does not fit in the address space")?;
    let slide = base.wrapping_sub(low as usize);
    for segment in segments.iter().filter(all) {
        let (address, size) = (segment.vmaddr.get(ENDIAN), segment.vmsize.get(ENDIAN));
        let (offset, file_size) = (segment.fileoff.get(ENDIAN), segment.filesize.get(ENDIAN));
        // Otherwise the file is malformed (`load_segment`).
        if address % PAGE as u64 != 0 || offset % PAGE as u64 != 0 || file_size > size {
            return Err(format!("{} does not start at a page of {PAGE} bytes", name(segment)));
        }
        let contents = data.get(offset as usize..).and_then(|rest| rest.get(..file_size as usize));
        let contents =
            contents.ok_or_else(|| format!("{} reaches past the end of the file", name(segment)))?;
        let range = range(segment, slide);
        // SAFETY: inside the reservation.
        unsafe {
            let flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;
            let size = memory::whole_pages(range.len());
            let target = libc::mmap(range.start as *mut c_void, size, PROT_READ | PROT_WRITE, flags, -1, 0);
            if target == libc::MAP_FAILED {
                return Err(format!("{} does not fit in memory", name(segment)));
            }
            target.cast::<u8>().copy_from_nonoverlapping(contents.as_ptr(), contents.len());
        }
    }
    Ok(slide)
}

/// Gives a segment its permissions.
fn protect(segment: &Segment, slide: usize) -> Result<()> {
    if name(segment) == "__PAGEZERO" {
        return Ok(());
    }
    // VM_PROT_* and Linux's PROT_* have the same values.
    let mut prot = segment.initprot.get(ENDIAN).0 as c_int;
    if prot & PROT_WRITE != 0 && prot & PROT_EXEC != 0 {
        return Err(format!("{} is writable and executable", name(segment)));
    }
    // dyld protects __DATA_CONST after the fixups.
    if segment.flags.get(ENDIAN).contains(macho::SG_READ_ONLY) {
        prot &= !PROT_WRITE;
    }
    let range = range(segment, slide);
    // SAFETY: a segment of the program, which has not started.
    unsafe {
        if libc::mprotect(range.start as *mut c_void, memory::whole_pages(range.len()), prot) != 0 {
            return Err(format!("{} cannot be protected with {prot:#x}", name(segment)));
        }
        shims::sys_icache_invalidate(range.start as *mut c_void, range.len());
    }
    Ok(())
}

/// Reads the fixups of programs for macOS 11 and older: opcodes in LC_DYLD_INFO. Lazily bound symbols are bound at once,
/// as with DYLD_BIND_AT_LAUNCH.
fn listed(
    info: &macho::DyldInfoCommand<LittleEndian>,
    data: &[u8],
    segments: &[&Segment],
    slide: usize,
) -> object::Result<Fixups> {
    let mut fixups = Fixups::default();
    let address = |index: u8, offset: u64| match segments.get(usize::from(index)) {
        Some(segment) => range(segment, slide).start.wrapping_add(offset as usize),
        None => 0,
    };
    for rebase in info.rebases(ENDIAN, data, 8)? {
        let rebase = rebase?;
        if rebase.kind != macho::REBASE_TYPE_POINTER {
            fixups.missing.insert("a rebase of another type than pointer".into());
        }
        let at = address(rebase.segment_index, rebase.segment_offset);
        if segments.iter().any(|segment| range(segment, slide).contains(&at)) {
            // SAFETY: inside a mapped segment.
            let target = unsafe { (at as *const usize).read_unaligned() };
            fixups.words.push((at, target.wrapping_add(slide)));
        }
    }
    let binds = info.binds(ENDIAN, data, 8)?.chain(info.lazy_binds(ENDIAN, data, 8)?);
    for bind in binds.chain(info.weak_binds(ENDIAN, data, 8)?) {
        let bind = bind?;
        if bind.kind != macho::BIND_TYPE_POINTER {
            fixups.missing.insert("a bind of another type than pointer".into());
        }
        let weak = bind.flags.contains(macho::BIND_SYMBOL_FLAGS_WEAK_IMPORT);
        let at = address(bind.segment_index, bind.segment_offset);
        fixups.bind(at, bind.dylib, bind.symbol, weak, bind.addend as usize);
    }
    Ok(fixups)
}

/// Reads the fixups of newer programs: LC_DYLD_CHAINED_FIXUPS.
fn chained(
    chains: &LinkeditDataCommand<LittleEndian>,
    data: &[u8],
    segments: &[&Segment],
    start: u64,
    slide: usize,
) -> object::Result<Fixups> {
    let mut fixups = Fixups::default();
    let chains = chains.chained_fixups(ENDIAN, data)?;
    let imports = chains.imports(ENDIAN)?.collect::<object::Result<Vec<_>>>()?;
    for chain in chains.segments(ENDIAN)? {
        let chain = chain?;
        let Some(segment) = segments.get(chain.index() as usize) else { continue };
        let contents = &data[segment.fileoff.get(ENDIAN) as usize..][..segment.filesize.get(ENDIAN) as usize];
        for fixup in chain.fixups(ENDIAN, start, contents) {
            let (offset, fixup) = fixup?;
            let at = range(segment, slide).start + offset as usize;
            match fixup {
                Fixup::Rebase(rebase) if rebase.auth.is_none() => {
                    let target = slide.wrapping_add((start + rebase.target_offset) as usize);
                    fixups.words.push((at, target));
                }
                Fixup::Bind(bind) if bind.auth.is_none() && (bind.ordinal as usize) < imports.len() => {
                    let import = &imports[bind.ordinal as usize];
                    let addend = (import.addend + i64::from(bind.addend)) as usize;
                    fixups.bind(at, import.dylib, import.name, import.weak_import, addend);
                }
                _ => drop(fixups.missing.insert("a fixup for a kernel or for arm64e".into())),
            }
        }
    }
    Ok(fixups)
}

impl Fixups {
    fn bind(&mut self, at: usize, library: BindDylib, symbol: &[u8], weak: bool, addend: usize) {
        let symbol = String::from_utf8_lossy(symbol);
        match shims::find(&symbol) {
            // Ordinal 1 is the only library (BIND_SPECIAL_DYLIB_* are 0 and below).
            Some(shim) if library == BindDylib(1) => self.words.push((at, shim.wrapping_add(addend))),
            None if weak => self.words.push((at, 0)),
            _ => drop(self.missing.insert(symbol.into_owned())),
        }
    }
}

/// Checks the hashes of the code signature. arm64 macOS kills a program at the first page whose hash differs, such as one
/// that was stripped after linking.
fn check_signature(signature: &LinkeditDataCommand<LittleEndian>, data: &[u8]) -> Result<()> {
    let check = || -> object::Result<bool> {
        for blob in signature.code_signature(ENDIAN, data)?.blobs() {
            let Some(directory) = blob?.code_directory()? else { continue };
            let header = directory.header();
            if header.hash_type != macho::CS_HASHTYPE_SHA256
                || directory.code_limit() != u64::from(signature.dataoff.get(ENDIAN))
            {
                return Ok(false);
            }
            let code = &data[..directory.code_limit() as usize];
            for (index, page) in (0..).zip(code.chunks(1 << header.page_size)) {
                if Sha256::digest(page).as_slice() != directory.code_hash(index)? {
                    return Ok(false);
                }
            }
            return Ok(
                header.n_code_slots.get(BigEndian) as usize == code.len().div_ceil(1 << header.page_size)
            );
        }
        Ok(false)
    };
    match check() {
        Ok(true) => Ok(()),
        Ok(false) => {
            Err("its code signature does not match its contents; it was changed after linking".into())
        }
        Err(error) => Err(error.to_string()),
    }
}
