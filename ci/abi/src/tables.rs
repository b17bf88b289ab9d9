//! What the sources do not tell: which headers speak of a system, and what is called otherwise in C, or nothing.

pub fn headers(os: &str) -> &'static [&'static str] {
    match os {
        // The kernel's own, as libc has another `struct stat` and other names.
        "linux" => &[
            "asm/errno.h",
            "asm/stat.h",
            "asm/statfs.h",
            "asm/unistd.h",
            "linux/fcntl.h",
            "linux/fs.h",
            "linux/magic.h",
            "linux/mman.h",
            "linux/stat.h",
            // The type `size_t` of what fs.h says.
            "stddef.h",
        ],
        "macos" => &[
            "errno.h",
            "fcntl.h",
            "libkern/OSCacheControl.h",
            "mach/mach.h",
            "pthread.h",
            "sys/mman.h",
            "sys/mount.h",
            "sys/stat.h",
            "unistd.h",
        ],
        "windows" => &["windows.h", "psapi.h"],
        _ => &[],
    }
}

pub enum Named {
    /// A C expression, or the name of a type or field.
    As(&'static str),
    /// It has no name in C, for this reason.
    Nowhere(#[expect(dead_code, reason = "for whoever reads the table")] &'static str),
}
use Named::{As, Nowhere};

impl Named {
    /// What the table says of a Rust name, and the name as it stands there.
    pub fn find(os: &str, rust: &str) -> Option<(&'static str, &'static Named)> {
        NAMES.iter().find(|row| row.0.contains(os) && row.1 == rust).map(|row| (row.1, &row.2))
    }
}

/// What is not called in C as in Rust: systems, Rust name, what it is there. An entry that no source of its system uses
/// is an error. The conventions without an entry: a call's number `MMAP` is `__NR_mmap`, `Advice::PageOut` is
/// `MADV_PAGEOUT`, a struct `Stat` is `struct stat`, and on Windows `SystemInfo` with `dw_page_size` is `SYSTEM_INFO` with
/// `dwPageSize`; anything else has the same name.
pub const NAMES: &[(&str, &str, Named)] = &[
    ("linux macos", "Prot::WRITE", As("(PROT_READ | PROT_WRITE)")),
    ("linux macos", "Prot::EXEC", As("(PROT_READ | PROT_EXEC)")),
    ("linux macos", "0o666", As("(S_IRUSR | S_IWUSR | S_IRGRP | S_IWGRP | S_IROTH | S_IWOTH)")),
    ("linux", "MIN_PAGE_SIZE", Nowhere("the smallest of all architectures'")),
    ("linux", "NO_FILE", Nowhere("any descriptor that is none")),
    ("macos", "SUPERPAGE", Nowhere("the size that the flag names")),
    ("windows", "Handle", As("HANDLE")),
    ("windows", "FILE_STANDARD_INFO", As("FileStandardInfo")),
    ("windows", "FILE_END_OF_FILE_INFO", As("FileEndOfFileInfo")),
    ("windows", "SHORT", As("(MAX_PATH - 12)")),
    ("windows", "LONG", As("(UNICODE_STRING_MAX_CHARS + 1)")),
    ("windows", "ENGLISH", As("MAKELANGID(LANG_ENGLISH, SUBLANG_ENGLISH_US)")),
    ("windows", "NEUTRAL", As("MAKELANGID(LANG_NEUTRAL, SUBLANG_NEUTRAL)")),
    ("windows", "ROOM", Nowhere("the length of a text in Rust")),
    ("windows", "SEPARATOR", Nowhere("a character")),
    ("windows", "PIECE", Nowhere("a length of our own")),
    ("windows", "LOCKED", Nowhere("a bit field")),
    ("linux windows", "1", Nowhere("TRUE, or one byte, page or range")),
];
