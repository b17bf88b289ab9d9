//! Contents: one slice of anything.

use super::*;
use baremap::{Contents, ContentsOptions, page_size};

checks! {
    contents:
    any_length,
    nul,
    longest,
    changed_file,
    sealed_file,
    memory_file,
    reports_no_length,
    device,
    directory,
    nothing,
}

/// The contents read, and mapped.
fn both(file: &File, options: ContentsOptions) -> [Result<Contents, Error>; 2] {
    // SAFETY: the file is the check's alone, which does not change it while it is mapped.
    [options.read(file), unsafe { options.map(file) }]
}

/// Around the lengths from which on it is not read to the heap, and mapped.
const LENGTHS: [usize; 11] =
    [0, 1, 65_535, 65_536, 65_537, 100_000, 131_071, 131_072, (8 << 20) - 1, 8 << 20, (8 << 20) + 1];

fn any_length(env: &mut Env) -> Result {
    let page = page_size();
    for len in [page - 1, page, page + 1].into_iter().chain(LENGTHS) {
        let file = env.file("file", len)?;
        for contents in both(&file, Contents::options()) {
            let contents = contents?;
            ensure_eq!(contents.len(), len);
            ensure!(is_pattern(&contents, 0));
            ensure_eq!(contents.as_ref().as_ptr(), contents.bytes().as_ptr());
            ensure_eq!(contents.bytes_with_nul(), None);
        }
    }
    Ok(())
}

fn nul(env: &mut Env) -> Result {
    let page = page_size();
    for len in [page - 1, page, page + 1].into_iter().chain(LENGTHS) {
        let file = env.file("file", len)?;
        for contents in both(&file, Contents::options().nul_terminated()) {
            let contents = contents?;
            let Some((0, before)) = contents.bytes_with_nul().and_then(<[u8]>::split_last) else {
                return Err(Failure::broken("there is a NUL behind the contents", format_args!("{len}")));
            };
            ensure!(is_pattern(before, 0));
            ensure_eq!(before.len(), len);
            ensure_eq!(contents.len(), len);
            ensure_eq!(before.as_ptr(), contents.as_ptr());
            // Nothing follows a file that ends with a page.
            ensure!(!contents.is_mapped() || len % page != 0);
        }
    }
    Ok(())
}

fn longest(env: &mut Env) -> Result {
    for len in LENGTHS {
        let file = env.file("file", len)?;
        for max_len in [len, len + 1, usize::MAX - 1, usize::MAX] {
            for contents in both(&file, Contents::options().max_len(max_len)) {
                ensure_eq!(contents?.len(), len);
            }
        }
        for max_len in [0, 1, len / 2, len.saturating_sub(1)].into_iter().filter(|&max_len| max_len < len) {
            for options in [Contents::options(), Contents::options().nul_terminated()] {
                for contents in both(&file, options.max_len(max_len)) {
                    fails(contents, ErrorKind::TooLong)?;
                }
            }
        }
    }
    Ok(())
}

/// What was read stays as it was.
fn changed_file(env: &mut Env) -> Result {
    for len in [1_000, 100_000, 9_000_000] {
        let file = env.file("file", len)?;
        let contents = Contents::read(&file)?;
        ensure!(!contents.is_mapped());
        map_mut(&file)?.fill(1);
        file.set_len(0)?;
        ensure!(contents.len() == len && is_pattern(&contents, 0));
        ensure!(Contents::read(&file)?.is_empty());
        file.set_len(100)?;
        ensure_filled(&Contents::read(&file)?, 0)?;
    }
    Ok(())
}

/// A file in memory, full of 7.
fn file_in_memory(len: usize) -> Result<File> {
    let file = match File::memory() {
        Err(error) if error.kind() == ErrorKind::Unsupported => {
            return Err(Failure::Skipped("there are no files in memory"));
        }
        file => file?,
    };
    file.set_len(len as u64)?;
    map_mut(&file)?.fill(7);
    Ok(file)
}

/// A file that cannot change any more is mapped.
fn sealed_file(_: &mut Env) -> Result {
    for len in [(1 << 20) + 9, 2 << 20] {
        let file = file_in_memory(len)?;
        match file.seal() {
            Err(error) if error.kind() == ErrorKind::Unsupported => {
                return Err(Failure::Skipped("there are no seals"));
            }
            result => result?,
        }
        let contents = Contents::read(&file)?;
        ensure!(contents.is_mapped() && contents.len() == len);
        ensure_filled(&contents, 7)?;
        fails(Contents::options().max_len(len - 1).read(&file), ErrorKind::TooLong)?;
        let contents = Contents::options().nul_terminated().read(&file)?;
        ensure_eq!(contents.is_mapped(), len % page_size() != 0);
        ensure_eq!(contents.bytes_with_nul().and_then(<[u8]>::last), Some(&0));
        ensure_filled(&contents, 7)?;
    }
    Ok(())
}

/// A file in memory can be mapped, also where it cannot be read.
fn memory_file(_: &mut Env) -> Result {
    for len in [page_size(), 8 * page_size(), 64 * page_size()] {
        let file = file_in_memory(len)?;
        // SAFETY: the file is the check's alone.
        let contents = unsafe { Contents::map(&file)? };
        ensure_eq!(contents.len(), len);
        ensure_filled(&contents, 7)?;
    }
    Ok(())
}

fn reports_no_length(env: &mut Env) -> Result {
    let Some(path) = env.reports_no_length else {
        return Err(Failure::Skipped("no such file here"));
    };
    let file = File::open(path)?;
    ensure_eq!(file.len()?, 0);
    for contents in both(&file, Contents::options().nul_terminated()) {
        let contents = contents?;
        ensure!(!contents.is_empty() && !contents.is_mapped());
        ensure_eq!(contents.bytes_with_nul().map(<[u8]>::len), Some(contents.len() + 1));
        for contents in both(&file, Contents::options().max_len(contents.len() - 1)) {
            fails(contents, ErrorKind::TooLong)?;
        }
    }
    Ok(())
}

/// A device without end takes a limit.
fn device(env: &mut Env) -> Result {
    let Some(zeros) = env.zeros else {
        return Err(Failure::Skipped("no such device here"));
    };
    let zeros = File::open(zeros)?;
    for max_len in [0, 10, 1_000_000, 5_000_000] {
        for contents in both(&zeros, Contents::options().max_len(max_len)) {
            fails(contents, ErrorKind::TooLong)?;
        }
    }
    Ok(())
}

fn directory(env: &mut Env) -> Result {
    let folder = match File::open(env.folder) {
        Err(error) if error.kind() == ErrorKind::NotMappable => return Ok(()),
        result => result?,
    };
    for contents in both(&folder, Contents::options()) {
        fails(contents, ErrorKind::NotMappable)?;
    }
    Ok(())
}

fn nothing(env: &mut Env) -> Result {
    let empty = Contents::default();
    ensure!(empty.is_empty() && !empty.is_mapped());
    ensure_eq!(empty.bytes_with_nul(), None);
    for contents in both(&env.file("file", 0)?, Contents::options().max_len(0).nul_terminated()) {
        ensure_eq!(contents?.bytes_with_nul(), Some(&[0][..]));
    }
    Ok(())
}
