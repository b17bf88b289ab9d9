//! Views: what they read, first without the fault guard, if no other check has installed it, then with it.

use super::*;
use baremap::{Advice, Flags, Mmap, View, guard, page_size};

checks! {
    view:
    any_range,
    past_its_end,
    empty,
    truncated,
    truncated_in_a_page,
    regrown,
    zeros,
    grown,
    shared,
    owned,
    not_mappable,
    device,
    request,
    beyond_4_gib,
    advice,
    debug_output,
    guard_is_in_force,
    guarded_any_range,
    guarded_past_its_end,
    guarded_truncated,
    guarded_truncated_in_a_page,
    guarded_regrown,
    guarded_zeros,
    guarded_grown,
    guarded_shared,
    guarded_owned,
    guarded_beyond_4_gib,
}

const _: () = {
    const fn is_send_and_sync<T: Send + Sync>() {}
    is_send_and_sync::<View>();
};

/// The same checks with the guard.
macro_rules! guarded {
    ($($name:ident: $check:ident),* $(,)?) => {
        $(fn $name(env: &mut Env) -> Result {
            guard_is_in_force(env)?;
            $check(env)
        })*
    };
}

guarded! {
    guarded_any_range: any_range,
    guarded_past_its_end: past_its_end,
    guarded_truncated: truncated,
    guarded_truncated_in_a_page: truncated_in_a_page,
    guarded_regrown: regrown,
    guarded_zeros: zeros,
    guarded_grown: grown,
    guarded_shared: shared,
    guarded_owned: owned,
    guarded_beyond_4_gib: beyond_4_gib,
}

/// A second installation succeeds and changes nothing. Address 0 is outside of the copy.
fn guard_is_in_force(_: &mut Env) -> Result {
    ensure_eq!(guard::fixup(0), None);
    for _ in 0..2 {
        supported(guard::install(), "no fault guard here")?;
        ensure!(guard::is_in_force());
    }
    Ok(())
}

/// A view with its file, and buffers of one length.
struct Viewed<'f> {
    view: View<'f>,
    file: &'f File,
    offset: u64,
    read: MappingMut,
    expected: MappingMut,
}

impl<'f> Viewed<'f> {
    fn new(file: &'f File, offset: u64, buffer_len: usize) -> Result<Self> {
        let buffer = || Mmap::anon(buffer_len).map_mut();
        let view = Mmap::new(file).offset(offset).view()?;
        Ok(Self { view, file, offset, read: buffer()?, expected: buffer()? })
    }

    /// Reads `len` bytes at `start` into a buffer that begins at `shift`. The file ends at `end`. All are relative to the
    /// view.
    #[track_caller]
    fn ensure_reads(&mut self, start: usize, len: usize, shift: usize, end: usize) -> Result {
        let buffer = &mut self.read[shift..][..len];
        let due = end.min(self.view.len()).saturating_sub(start).min(len);
        let is_truncated = due == 0 && len > 0 && start < self.view.len();
        let read = match self.view.read_at(buffer, start as u64) {
            Err(error) if is_truncated && error.kind() == ErrorKind::Truncated => return Ok(()),
            Ok(read) if read == due && !is_truncated => read,
            result => {
                return Err(Failure::broken(
                    "the count",
                    format_args!("{start}+{len} to {shift}, end {end}, due {due}: {result:?}"),
                ));
            }
        };
        ensure_eq!(self.file.read_at(&mut self.expected[..read], self.offset + start as u64)?, read);
        ensure_eq!(buffer[..read], self.expected[..read]);
        Ok(())
    }
}

/// Sets the length of a mapped file of `env.file("file", …)`.
fn set_len(env: &Env, file: &File, len: usize) -> Result {
    match file.set_len(len as u64) {
        Err(error) if error.kind() == ErrorKind::Busy => match env.set_len {
            Some(set_len) if set_len(&env.path("file"), len as u64) => Ok(()),
            _ => Err(Failure::Skipped("this system does not truncate mapped files")),
        },
        result => Ok(result?),
    }
}

fn any_range(env: &mut Env) -> Result {
    let page = page_size();
    let len = 4 * page + 5;
    let file = env.file("file", len)?;
    for offset in [0, 1, page - 1, page] {
        let mut viewed = Viewed::new(&file, offset as u64, len + 8)?;
        let len = len - offset;
        ensure_eq!((viewed.view.len(), viewed.view.is_empty()), (len, false));
        for start in [0, 1, 7, 8, page - 2, page - 1, page, page + 1, 2 * page, len - 1] {
            for part in [1, 2, 7, 8, 9, 31, 32, 33, 100, page - 1, page, page + 1, 3 * page, len] {
                viewed.ensure_reads(start, part, start & 7, len)?;
            }
        }
    }
    let view = Mmap::new(&file).view()?;
    let mut bytes = [0; 100];
    ensure_eq!(view.read_at(&mut bytes, 1_000)?, 100);
    ensure_pattern(&bytes, 1_000)
}

/// The end of a view is that of the request, or of the file as it was.
fn past_its_end(env: &mut Env) -> Result {
    let file = env.file("file", 10_000)?;
    let view = Mmap::new(&file).offset(5).len(1_000).view()?;
    let mut bytes = [0xff; 100];
    ensure_eq!(view.read_at(&mut bytes, 990)?, 10);
    ensure_pattern(&bytes[..10], 995)?;
    ensure_filled(&bytes[10..], 0xff)?;
    for offset in [1_000, 1_001, 9_995, 1 << 32, 1 << 40, 1 << 63, u64::MAX - 4, u64::MAX] {
        ensure_eq!(view.read_at(&mut bytes, offset)?, 0);
    }
    ensure_eq!(view.read_at(&mut [], 0)?, 0);
    Ok(())
}

fn empty(env: &mut Env) -> Result {
    let file = env.file("file", 10)?;
    let empty = env.file("empty", 0)?;
    for request in [Mmap::new(&empty), Mmap::new(&file).offset(10), Mmap::new(&file).len(0)] {
        let view = request.view()?;
        ensure_eq!((view.len(), view.is_empty()), (0, true));
        ensure_eq!(view.read_at(&mut [0], 0)?, 0);
        ensure_eq!(view.read_at(&mut [0], 1)?, 0);
        view.advise(Advice::WillNeed)?;
        view.lock()?;
    }
    Ok(())
}

/// Every length, and every alignment of source and buffer, around the end of a file that was truncated at a page's end.
fn truncated(env: &mut Env) -> Result {
    let end = 2 * page_size();
    let file = env.file("file", 2 * end)?;
    let mut viewed = Viewed::new(&file, 0, 88)?;
    set_len(env, &file, end)?;
    for start in end - 72..end + 3 {
        for len in 0..=80 {
            for shift in 0..8 {
                viewed.ensure_reads(start, len, shift, end)?;
            }
        }
    }
    set_len(env, &file, 0)?;
    for start in [0, 1, end, 2 * end - 1] {
        viewed.ensure_reads(start, 80, 0, 0)?;
    }
    Ok(())
}

/// The rest of the file's last page reads as zeros, which are no part of the file.
fn truncated_in_a_page(env: &mut Env) -> Result {
    let page = page_size();
    for end in [2 * page + 1, 2 * page + 100, 3 * page - 8, 3 * page - 1] {
        for offset in [0, 13] {
            let file = env.file("file", 5 * page)?;
            let mut viewed = Viewed::new(&file, offset, 5 * page)?;
            set_len(env, &file, end)?;
            let end = end - offset as usize;
            for start in end - 72..end + 3 {
                for len in 0..=80 {
                    viewed.ensure_reads(start, len, (start ^ len) & 7, end)?;
                }
            }
            for start in [0, 1, page - 1, page, 2 * page - 20, 3 * page - 20, 4 * page] {
                for len in [page - 1, page, page + 1, 2 * page + 3, 4 * page] {
                    viewed.ensure_reads(start, len, 0, end)?;
                }
            }
        }
    }
    Ok(())
}

/// A file that is truncated and grows again has zeros where its data was, and a view reads what is written there later.
fn regrown(env: &mut Env) -> Result {
    let page = page_size();
    for end in [2 * page, 2 * page + 1, 3 * page - 1] {
        let file = env.file("file", 4 * page)?;
        let mut viewed = Viewed::new(&file, 0, 4 * page)?;
        set_len(env, &file, end)?;
        set_len(env, &file, 3 * page + 7)?;
        for start in [0, end - 9, end - 1, end, 3 * page - 1, 3 * page, 3 * page + 6, 3 * page + 7] {
            for len in [1, 8, 9, 40, page, 4 * page] {
                viewed.ensure_reads(start, len, 0, 3 * page + 7)?;
            }
        }
        let mut byte = [0xff];
        ensure_eq!(viewed.view.read_at(&mut byte, 3 * page as u64)?, 1);
        ensure_eq!(byte, [0]);
        set_len(env, &file, 4 * page)?;
        supported(file.write_at(b"written", 4 * page as u64 - 7), "no write_at here")?;
        for start in [0, 3 * page, 4 * page - 7] {
            viewed.ensure_reads(start, 4 * page, 0, 4 * page)?;
        }
    }
    Ok(())
}

/// Zeros that are the file's own are returned, whether they end a page or fill it.
fn zeros(env: &mut Env) -> Result {
    let page = page_size();
    let file = File::create(&*env.path("file"))?;
    file.set_len(3 * page as u64 + 5)?;
    let mut viewed = Viewed::new(&file, 0, 4 * page)?;
    let each = |viewed: &mut Viewed, end| -> Result {
        for start in [0, 1, page - 9, page - 1, page, 2 * page - 8, 3 * page - 1, 3 * page, 3 * page + 4] {
            for len in [1, 8, 9, 40, page, page + 9, 4 * page] {
                viewed.ensure_reads(start, len, 0, end)?;
            }
        }
        Ok(())
    };
    each(&mut viewed, 3 * page + 5)?;
    // Pages that begin, and one that ends, with something else.
    for offset in [0, page, 3 * page - 7, 3 * page] {
        supported(file.write_at(b"written", offset as u64), "no write_at here")?;
        each(&mut viewed, 3 * page + 5)?;
    }
    set_len(env, &file, page + 10)?;
    each(&mut viewed, page + 10)?;
    ensure_eq!(viewed.view.read_at(&mut [0; 20], page as u64)?, 10);
    Ok(())
}

/// A view does not grow with its file.
fn grown(env: &mut Env) -> Result {
    let file = env.file("file", 10)?;
    let mut viewed = Viewed::new(&file, 0, 10_000)?;
    file.set_len(100_000)?;
    for start in [0, 3, 9, 10, 11, 100] {
        viewed.ensure_reads(start, 10_000, 0, 100_000)?;
    }
    Ok(())
}

/// What others write is read.
fn shared(env: &mut Env) -> Result {
    let file = env.file("file", 10_000)?;
    let view = Mmap::new(&file).offset(1).view()?;
    let mut bytes = [0; 7];
    ensure_eq!(view.read_at(&mut bytes, 4_999)?, 7);
    ensure_pattern(&bytes, 5_000)?;
    map_mut(&file)?[5_000..5_007].copy_from_slice(b"written");
    ensure_eq!(view.read_at(&mut bytes, 4_999)?, 7);
    ensure_eq!(bytes, *b"written");
    Ok(())
}

/// A view that owns its file can live in a struct.
fn owned(env: &mut Env) -> Result {
    struct Index {
        view: View<'static>,
    }
    let file = env.file("file", 10_000)?;
    let index = Index { view: File::open(&*env.path("file"))?.into_view(|mmap| mmap.offset(7).len(5_000))? };
    let index = [index];
    let mut bytes = [0; 100];
    ensure_eq!(index[0].view.len(), 5_000);
    ensure_eq!(index[0].view.read_at(&mut bytes, 4_950)?, 50);
    ensure_pattern(&bytes[..50], 4_957)?;
    let whole = File::open(&*env.path("file"))?.into_view(|mmap| mmap)?;
    ensure_eq!(whole.len(), 10_000);
    // Refused, the file is given back.
    let Err(Refused { value, error }) = file.into_view(|mmap| mmap.len(10_001)) else {
        return Err(Failure::broken("fails", format_args!("a view past the end")));
    };
    ensure_eq!(error.kind(), ErrorKind::BeyondEnd);
    ensure_eq!(value.len()?, 10_000);
    drop(whole);
    set_len(env, &value, 4_957)?;
    ensure_eq!(index[0].view.read_at(&mut bytes, 4_900)?, 50);
    fails(index[0].view.read_at(&mut bytes, 4_950), ErrorKind::Truncated)
}

fn not_mappable(env: &mut Env) -> Result {
    if let Ok(folder) = File::open(env.folder) {
        fails(Mmap::new(&folder).view(), ErrorKind::NotMappable)?;
        fails(Mmap::new(&folder).len(1).view(), ErrorKind::NotMappable)?;
        fails(folder.into_view(|mmap| mmap), ErrorKind::NotMappable)?;
    }
    if let Some(pipe) = env.pipe {
        fails(Mmap::new(pipe).view(), ErrorKind::NotMappable)?;
        fails(Mmap::new(pipe).len(4).view(), ErrorKind::NotMappable)?;
    }
    if let Some(path) = env.reports_no_length {
        fails(Mmap::new(&File::open(path)?).view(), ErrorKind::NotMappable)?;
    }
    Ok(())
}

/// The memory of a device need not be what reading it returns.
fn device(env: &mut Env) -> Result {
    let Some(zeros) = env.zeros else {
        return Err(Failure::Skipped("no such device here"));
    };
    let zeros = File::open(zeros)?;
    fails(Mmap::new(&zeros).view(), ErrorKind::NotMappable)?;
    fails(Mmap::new(&zeros).len(10_000).view(), ErrorKind::NotMappable)
}

/// What a mapping is refused for, a view is refused for; permissions it ignores.
fn request(env: &mut Env) -> Result {
    let file = env.file("file", 10_000)?;
    for (request, kind) in [
        (Mmap::new(&file).offset(10_001), ErrorKind::BeyondEnd),
        (Mmap::new(&file).offset(1).len(10_000), ErrorKind::BeyondEnd),
        (Mmap::new(&file).offset(u64::MAX).len(1), ErrorKind::Overflow),
        (Mmap::new(&file).len(usize::MAX), ErrorKind::TooLong),
        (Mmap::new(&file).flags(Flags::HUGETLB), ErrorKind::Unsupported),
    ] {
        fails(request.view(), kind)?;
    }
    let file = File::open(&*env.path("file"))?;
    let view = Mmap::new(&file).prot(Prot::WRITE | Prot::EXEC).view()?;
    let mut bytes = [0; 100];
    for flags in [Flags::empty(), Flags::COW, Flags::READAHEAD, Flags::POPULATE] {
        match Mmap::new(&file).offset(7).flags(flags).view() {
            Err(error) if error.kind() == ErrorKind::Unsupported => ensure_eq!(error.flag(), Some(flags)),
            view => {
                ensure_eq!(view?.read_at(&mut bytes, 13)?, 100);
                ensure_pattern(&bytes, 20)?;
            }
        }
    }
    ensure_eq!(view.read_at(&mut bytes, 9_900)?, 100);
    ensure_pattern(&bytes, 9_900)
}

fn beyond_4_gib(env: &mut Env) -> Result {
    const OFFSET: u64 = (4 << 30) + 12_345;
    let file = File::create(&*env.path("file"))?;
    file.set_len(6 << 30)?;
    supported(file.write_at(b"above", OFFSET), "no write_at here")?;
    let mut text = [0; 5];
    let view = Mmap::new(&file).offset(OFFSET - 3).len(100_000).view()?;
    ensure_eq!(view.read_at(&mut text, 3)?, 5);
    ensure_eq!(text, *b"above");
    ensure_eq!(view.read_at(&mut text, (4 << 30) + 3)?, 0);
    drop(view);
    if usize::BITS < 64 {
        return fails(Mmap::new(&file).view(), ErrorKind::TooLong);
    }
    let view = Mmap::new(&file).view()?;
    ensure_eq!(view.len() as u64, 6 << 30);
    for (offset, expected) in [(OFFSET, b"above"), (OFFSET - (4 << 30), &[0; 5]), (OFFSET + 4, b"e\0\0\0\0")]
    {
        ensure_eq!(view.read_at(&mut text, offset)?, 5);
        ensure_eq!(text, *expected);
    }
    ensure_eq!(view.read_at(&mut text, (6 << 30) - 2)?, 2);
    ensure_eq!(view.read_at(&mut text, 6 << 30)?, 0);
    match file.set_len(OFFSET + 2) {
        Err(error) if error.kind() == ErrorKind::Busy => return Ok(()),
        result => result?,
    }
    ensure_eq!(view.read_at(&mut text, OFFSET)?, 2);
    ensure_eq!(text[..2], *b"ab");
    fails(view.read_at(&mut text, OFFSET + 2), ErrorKind::Truncated)?;
    fails(view.read_at(&mut text, (6 << 30) - 1), ErrorKind::Truncated)
}

fn advice(env: &mut Env) -> Result {
    let file = env.file("file", 10_000)?;
    let view = Mmap::new(&file).view()?;
    for advice in [Advice::Normal, Advice::Random, Advice::Sequential, Advice::WillNeed] {
        view.advise(advice)?;
    }
    match view.lock() {
        Err(error) if matches!(error.kind(), ErrorKind::Unsupported | ErrorKind::OutOfMemory) => {}
        result => result?,
    }
    let mut bytes = [0; 100];
    ensure_eq!(view.read_at(&mut bytes, 5_000)?, 100);
    ensure_pattern(&bytes, 5_000)
}

/// The output names the length, not the contents.
fn debug_output(env: &mut Env) -> Result {
    let file = env.file("file", 1_234)?;
    let text = Text::<200>::new(format_args!("{:?}", Mmap::new(&file).view()?));
    ensure!(text.as_str().starts_with("View {"));
    ensure!(text.as_str().contains("len: 1234"));
    Ok(())
}
