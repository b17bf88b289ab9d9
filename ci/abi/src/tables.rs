//! What the sources do not say: the headers of each system, and names that differ in C or do not exist there.

use crate::source::Target;

pub fn headers(os: &str) -> &'static [&'static str] {
    match os {
        // The kernel's own: libc has another `struct stat` and other names.
        "linux" => &[
            "asm/errno.h",
            "asm/siginfo.h",
            "asm/signal.h",
            "asm/sigcontext.h",
            "asm/stat.h",
            "asm/statfs.h",
            "asm/unistd.h",
            "linux/fcntl.h",
            "linux/fs.h",
            "linux/limits.h",
            "linux/prctl.h",
            "linux/resource.h",
            "linux/time.h",
            "linux/magic.h",
            "linux/memfd.h",
            "linux/mman.h",
            "linux/stat.h",
            // `size_t`, which fs.h uses.
            "stddef.h",
        ],
        "macos" => &[
            "errno.h",
            "fcntl.h",
            "libkern/OSCacheControl.h",
            "libproc.h",
            "mach/mach.h",
            "pthread.h",
            "signal.h",
            "stdlib.h",
            "sys/mman.h",
            "sys/mount.h",
            "sys/stat.h",
            "sys/ucontext.h",
            "unistd.h",
        ],
        "windows" => &["windows.h", "psapi.h"],
        "freebsd" | "netbsd" | "openbsd" => &[
            "sys/types.h",
            "errno.h",
            "fcntl.h",
            "limits.h",
            "signal.h",
            "stdlib.h",
            "sys/mman.h",
            "sys/resource.h",
            "sys/stat.h",
            "sys/time.h",
            "unistd.h",
        ],
        _ => &[],
    }
}

pub enum Named {
    /// A C expression, or the name of a type or field.
    As(&'static str),
    /// The name of a type, of which Rust declares the beginning.
    Start(&'static str),
    /// Has no name in C, for this reason.
    Nowhere(#[expect(dead_code, reason = "for whoever reads the table")] &'static str),
}
use Named::{As, Nowhere, Start};

impl Named {
    /// Looks a Rust name up; returns the table's copy of it too.
    pub fn find(target: &Target, rust: &str) -> Option<(&'static str, &'static Named)> {
        NAMES.iter().find(|row| is_for(row.0, target) && row.1 == rust).map(|row| (row.1, &row.2))
    }
}

/// Returns whether a row is for a target: it names the system whose headers it has, by itself, with the architecture or with the
/// bits of a pointer, or the target itself.
pub fn is_for(systems: &str, target: &Target) -> bool {
    let with_arch = format!("{}-{}", target.arch, target.os);
    let with_width = format!("{}{}", target.os, target.width);
    let names = [&target.os, &with_arch, &with_width, &target.name()];
    systems.split(' ').any(|name| names.iter().any(|of| *of == name))
}

/// Names that differ in C: systems (`linux`, `linux32`) or targets, name in Rust, name in C. An entry that no source of its system uses is an error.
///
/// No entry is needed for what follows a rule. The number of a call, `MMAP`, is `__NR_mmap`. `Advice::PageOut` is
/// `MADV_PAGEOUT`. A struct `Stat` is `struct stat`; on Windows `SystemInfo` with `dw_page_size` is `SYSTEM_INFO` with
/// `dwPageSize`. Anything else has the same name.
pub const NAMES: &[(&str, &str, Named)] = &[
    ("linux macos freebsd netbsd openbsd", "Prot::WRITE", As("(PROT_READ | PROT_WRITE)")),
    ("linux macos freebsd netbsd openbsd", "Prot::EXEC", As("(PROT_READ | PROT_EXEC)")),
    (
        "linux macos freebsd netbsd openbsd",
        "0o666",
        As("(S_IRUSR | S_IWUSR | S_IRGRP | S_IWGRP | S_IROTH | S_IWOTH)"),
    ),
    ("linux macos freebsd netbsd openbsd", "0o600", As("(S_IRUSR | S_IWUSR)")),
    ("linux", "MAP_SHARED_SYNC", As("(MAP_SHARED_VALIDATE | MAP_SYNC)")),
    ("linux", "MIN_PAGE_SIZE", Nowhere("the smallest of all architectures")),
    ("linux", "NO_FILE", Nowhere("an invalid descriptor")),
    ("macos", "PSHMNAMLEN", Nowhere("of bsd/sys/posix_shm.h, which is the kernel's own")),
    ("macos", "SUPERPAGE", Nowhere("the size in the name of the flag")),
    ("linux macos freebsd netbsd openbsd", "Handler", Nowhere("void (*)(int, siginfo_t *, void *)")),
    ("linux macos freebsd netbsd openbsd", "PlainHandler", Nowhere("void (*)(int)")),
    ("linux macos freebsd netbsd openbsd", "BEFORE", Nowhere("actions of before")),
    ("linux macos windows freebsd netbsd openbsd", "STEPS", Nowhere("an offset of our own")),
    ("linux macos windows freebsd netbsd openbsd", "BYTES", Nowhere("the same")),
    ("linux macos windows freebsd netbsd openbsd", "END", Nowhere("the same")),
    ("linux64", "O_LARGEFILE", Nowhere("the kernel adds the flag by itself")),
    ("linux", "MAP_NORESERVE", As("MAP_NORESERVE")),
    ("linux", "IOC_READ", As("(_IOC_READ << _IOC_DIRSHIFT)")),
    ("linux", "Rlimit", As("struct rlimit64")),
    ("linux64", "SIGSET_LEN", As("sizeof(sigset_t)")),
    ("linux32", "SIGSET_LEN", Nowhere("libc's sigset_t is another; see prelude.hpp")),
    // libc's has another order, and one word for the mask.
    ("linux32", "Sigaction", Nowhere("of linux/signal_types.h, which is the kernel's own")),
    ("linux32", "UNIT", Nowhere("the unit of mmap2")),
    ("x86_64-linux-gnu x86-linux-gnu", "SA_RESTORER", As("SA_RESTORER")),
    ("arm-linux-gnueabihf", "CACHEFLUSH", As("__ARM_NR_cacheflush")),
    ("arm-linux-gnueabihf", "MEMFD_SECRET", Nowhere("reserved in arch/arm/tools/syscall.tbl")),
    ("loongarch64-linux-gnu riscv32-linux-gnu", "Stat", As("struct statx")),
    ("loongarch64-linux-gnu riscv32-linux-gnu", "AT_EMPTY_PATH", As("AT_EMPTY_PATH")),
    ("loongarch64-linux-gnu riscv32-linux-gnu", "STATX_BASIC_STATS", As("STATX_BASIC_STATS")),
    ("riscv32-linux-gnu", "FSTAT", Nowhere("a call that the architecture lacks")),
    ("riscv32-linux-gnu", "FCNTL", As("__NR_fcntl64")),
    ("riscv32-linux-gnu", "FSTATFS", As("__NR_fstatfs64")),
    ("riscv32-linux-gnu", "FTRUNCATE", As("__NR_ftruncate64")),
    ("riscv32-linux-gnu", "MMAP", As("__NR_mmap2")),
    ("riscv32-linux-gnu", "CLOCK_GETTIME", As("__NR_clock_gettime64")),
    ("riscv32-linux-gnu", "Timespec", As("struct __kernel_timespec")),
    ("s390x-linux-gnu", "Psw", As("_psw_t")),
    ("s390x-linux-gnu", "Regs", As("_s390_regs_common")),
    ("s390x-linux-gnu", "Sigregs", As("_sigregs")),
    ("powerpc64le-linux-gnu", "MEMFD_SECRET", Nowhere("a call that the architecture lacks")),
    ("powerpc64le-linux-gnu", "PT_NIP", As("PT_NIP")),
    ("powerpc64le-linux-gnu", "LINE", Nowhere("the smallest of all processors")),
    ("macos", "SigAction", As("struct sigaction")),
    ("macos", "SigAction.handler", As("__sigaction_u")),
    ("macos", "Ucontext", As("ucontext_t")),
    ("macos", "Mcontext", As("_STRUCT_MCONTEXT64")),
    ("macos", "Mcontext.thread", As("__ss")),
    ("x86_64-macos", "ThreadState", As("_STRUCT_X86_THREAD_STATE64")),
    ("x86_64-macos", "ThreadState.pc", As("__rip")),
    ("aarch64-macos", "ThreadState", As("_STRUCT_ARM_THREAD_STATE64")),
    ("aarch64-macos", "ThreadState.pc", As("__pc")),
    ("macos", "VmRegionSubmapShortInfo64", As("struct vm_region_submap_short_info_64")),
    ("windows", "MemoryBasicInformation.kind", As("Type")),
    ("windows", "Handle", As("HANDLE")),
    ("windows", "FILE_STANDARD_INFO", As("FileStandardInfo")),
    ("windows", "FILE_ALLOCATION_INFO", As("FileAllocationInfo")),
    ("windows", "FILE_END_OF_FILE_INFO", As("FileEndOfFileInfo")),
    ("windows", "SHORT", As("(MAX_PATH - 12)")),
    ("windows", "LONG", As("(UNICODE_STRING_MAX_CHARS + 1)")),
    ("windows", "ENGLISH", As("MAKELANGID(LANG_ENGLISH, SUBLANG_ENGLISH_US)")),
    ("windows", "NEUTRAL", As("MAKELANGID(LANG_NEUTRAL, SUBLANG_NEUTRAL)")),
    ("windows", "ROOM", Nowhere("the length of a string in Rust")),
    ("windows", "SEPARATOR", Nowhere("a character")),
    ("windows", "PIECE", Nowhere("a length of the backend's choice")),
    ("windows", "COUNT", Nowhere("the same")),
    ("windows", "OVERHEAD_PAGES", Nowhere("the same")),
    ("netbsd", "__fstat50", As("fstat")),
    ("netbsd", "__msync13", As("msync")),
    ("x86_64-netbsd aarch64-netbsd", "__sigaction_siginfo", As("sigaction")),
    ("x86_64-netbsd aarch64-netbsd", "__sigprocmask14", As("sigprocmask")),
    ("freebsd openbsd", "NO_RESERVE", As("0")),
    ("netbsd", "NO_RESERVE", As("MAP_NORESERVE")),
    ("freebsd", "AT_FREE_ADDRESS", As("(MAP_FIXED | MAP_EXCL)")),
    ("netbsd", "AT_FREE_ADDRESS", As("MAP_TRYFIXED")),
    ("openbsd", "AT_FREE_ADDRESS", As("(MAP_FIXED | __MAP_NOREPLACE)")),
    ("freebsd", "LATER_PROT", As("PROT_MAX(PROT_READ | PROT_WRITE | PROT_EXEC)")),
    ("netbsd", "LATER_PROT", As("PROT_MPROTECT(PROT_READ | PROT_WRITE | PROT_EXEC)")),
    ("openbsd", "LATER_PROT", As("0")),
    ("netbsd openbsd", "INHERIT_SHARE", As("MAP_INHERIT_SHARE")),
    ("netbsd openbsd", "INHERIT_COPY", As("MAP_INHERIT_COPY")),
    ("netbsd openbsd", "INHERIT_NONE", As("MAP_INHERIT_NONE")),
    ("netbsd openbsd", "INHERIT_ZERO", As("MAP_INHERIT_ZERO")),
    ("freebsd netbsd openbsd", "MAX_LEN", Nowhere("no limit of the system's")),
    ("freebsd netbsd openbsd", "CAN_SYNC", Nowhere("of the architecture")),
    ("netbsd openbsd", "Time", As("struct timespec")),
    // Its fields are signed there.
    ("freebsd", "Rlimit.rlim_cur", Nowhere("an `int64_t`, of the same size")),
    ("freebsd", "Rlimit.rlim_max", Nowhere("the same")),
    ("x86_64-freebsd aarch64-freebsd x86_64-netbsd aarch64-netbsd", "SigAction", As("struct sigaction")),
    ("x86_64-freebsd aarch64-freebsd", "SigAction.handler", As("__sigaction_u")),
    ("x86_64-netbsd aarch64-netbsd", "SigAction.handler", As("_sa_u")),
    ("x86_64-freebsd aarch64-freebsd x86_64-netbsd aarch64-netbsd", "SigInfo", Start("siginfo_t")),
    ("x86_64-freebsd aarch64-freebsd x86_64-netbsd aarch64-netbsd", "SigInfo.code", As("si_code")),
    ("x86_64-freebsd aarch64-freebsd x86_64-netbsd aarch64-netbsd", "Ucontext", Start("ucontext_t")),
    ("x86_64-freebsd", "Ucontext.pc", As("uc_mcontext.mc_rip")),
    ("aarch64-freebsd", "Ucontext.pc", As("uc_mcontext.mc_gpregs.gp_elr")),
    ("x86_64-netbsd", "Ucontext.pc", As("uc_mcontext.__gregs[_REG_RIP]")),
    ("aarch64-netbsd", "Ucontext.pc", As("uc_mcontext.__gregs[_REG_PC]")),
    ("macos", "Advice::ZeroWiredPages", As("MADV_ZERO_WIRED_PAGES")),
    ("windows", "LOCKED", Nowhere("a bit field")),
    ("linux macos windows freebsd netbsd openbsd", "1", Nowhere("TRUE, or one byte, page or range")),
];
