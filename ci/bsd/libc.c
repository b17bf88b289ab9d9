// A C library of FreeBSD, NetBSD or OpenBSD over Linux's system calls, x86_64: what the crate's backend imports, and what a
// program without std needs. It is compiled with the headers of that system, so that names, numbers and structs are theirs;
// Linux's are written out here. It shows that the backend is right by these headers and by the manual pages, and nothing
// about the kernels.
#define _NETBSD_SOURCE
#include <sys/types.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#if defined(__FreeBSD__)
#define ERRNO __error
#define CONTEXT_PC(context) ((context)->uc_mcontext.mc_rip)
#define EXCLUSIVE MAP_EXCL
#define FAULT_CODE SEGV_MAPERR
#elif defined(__NetBSD__)
#define ERRNO __errno
#define CONTEXT_PC(context) ((context)->uc_mcontext.__gregs[_REG_RIP])
#define EXCLUSIVE MAP_TRYFIXED
#define INHERIT_SHARE MAP_INHERIT_SHARE
#define INHERIT_COPY MAP_INHERIT_COPY
#define INHERIT_NONE MAP_INHERIT_NONE
#define INHERIT_ZERO MAP_INHERIT_ZERO
#else
#define ERRNO __errno
#define EXCLUSIVE __MAP_NOREPLACE
#define INHERIT_SHARE MAP_INHERIT_SHARE
#define INHERIT_COPY MAP_INHERIT_COPY
#define INHERIT_NONE MAP_INHERIT_NONE
#define INHERIT_ZERO MAP_INHERIT_ZERO
#endif

static int last_error;
int *ERRNO(void) { return &last_error; }

// By Linux's number.
static const int errors[] = {
    [1] = EPERM,         [2] = ENOENT,    [3] = ESRCH,      [4] = EINTR,    [5] = EIO,     [6] = ENXIO,  [7] = E2BIG,
    [9] = EBADF,         [11] = EAGAIN,   [12] = ENOMEM,    [13] = EACCES,  [14] = EFAULT, [16] = EBUSY, [17] = EEXIST,
    [19] = ENODEV,       [20] = ENOTDIR,  [21] = EISDIR,    [22] = EINVAL,  [23] = ENFILE, [24] = EMFILE,
    [25] = ENOTTY,       [26] = ETXTBSY,  [27] = EFBIG,     [28] = ENOSPC,  [29] = ESPIPE, [30] = EROFS, [32] = EPIPE,
    [36] = ENAMETOOLONG, [38] = ENOSYS,   [39] = ENOTEMPTY, [40] = ELOOP,   [75] = EOVERFLOW,
    [95] = EOPNOTSUPP,
};

static long call(long number, long a, long b, long c, long d, long e, long f) {
    long result;
    register long r10 __asm__("r10") = d;
    register long r8 __asm__("r8") = e;
    register long r9 __asm__("r9") = f;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return result;
}

static int translated(long error) {
    int code = (unsigned long)error < sizeof errors / sizeof *errors ? errors[error] : 0;
    return code ? code : EIO;
}

static long checked(long result) {
    if (result < 0 && result > -4096) {
        last_error = translated(-result);
        return -1;
    }
    return result;
}

#define CALL6(number, a, b, c, d, e, f) checked(call(number, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f)))
#define CALL3(number, a, b, c) CALL6(number, a, b, c, 0, 0, 0)

static int failure(int code) {
    last_error = code;
    return -1;
}

enum { LINUX_AT_FDCWD = -100 };

static int linux_open(int folder, const char *path, int flags, int mode) {
    int linux_flags = flags & O_ACCMODE;
    if (flags & O_CREAT) linux_flags |= 0100;
    if (flags & O_EXCL) linux_flags |= 0200;
    if (flags & O_TRUNC) linux_flags |= 01000;
    if (flags & O_DIRECTORY) linux_flags |= 0200000;
    if (flags & O_CLOEXEC) linux_flags |= 02000000;
    if (flags & ~(O_ACCMODE | O_CREAT | O_EXCL | O_TRUNC | O_DIRECTORY | O_CLOEXEC)) return failure(EINVAL);
    return CALL6(257, folder, path, linux_flags, mode, 0, 0);
}

int open(const char *path, int flags, ...) {
    va_list list;
    va_start(list, flags);
    int mode = flags & O_CREAT ? va_arg(list, int) : 0;
    va_end(list);
    return linux_open(LINUX_AT_FDCWD, path, flags, mode);
}

int openat(int folder, const char *path, int flags, ...) {
    va_list list;
    va_start(list, flags);
    int mode = flags & O_CREAT ? va_arg(list, int) : 0;
    va_end(list);
    return linux_open(folder, path, flags, mode);
}

int unlinkat(int folder, const char *path, int flags) { return CALL3(263, folder, path, flags); }

// Files on a tmpfs, as on NetBSD. No system takes O_CLOEXEC for certain, and all set FD_CLOEXEC.
static const char *shm_path(const char *name, char path[300]) {
    if (name[0] != '/' || strlen(name) > 255) return NULL;
    memcpy(path, "/dev/shm", 8);
    memcpy(path + 8, name, strlen(name) + 1);
    return path;
}

int shm_open(const char *name, int flags, mode_t mode) {
    char path[300];
    if (!shm_path(name, path)) return failure(name[0] == '/' ? ENAMETOOLONG : EINVAL);
    if (flags & O_CLOEXEC) return failure(EINVAL);
    return linux_open(LINUX_AT_FDCWD, path, flags | O_CLOEXEC, mode);
}

int shm_unlink(const char *name) {
    char path[300];
    return shm_path(name, path) ? unlinkat(LINUX_AT_FDCWD, path, 0) : failure(EINVAL);
}

int close(int file) { return CALL3(3, file, 0, 0); }
int flock(int file, int operation) { return CALL3(73, file, operation, 0); }
int fsync(int file) { return CALL3(74, file, 0, 0); }
int ftruncate(int file, off_t len) { return CALL3(77, file, len, 0); }
ssize_t read(int file, void *buffer, size_t len) { return CALL3(0, file, buffer, len); }
ssize_t write(int file, const void *buffer, size_t len) { return CALL3(1, file, buffer, len); }
ssize_t pread(int file, void *buffer, size_t len, off_t offset) { return CALL6(17, file, buffer, len, offset, 0, 0); }
ssize_t pwrite(int file, const void *buffer, size_t len, off_t offset) {
    return CALL6(18, file, buffer, len, offset, 0, 0);
}
#ifndef __OpenBSD__
int posix_fallocate(int file, off_t offset, off_t len) {
    long result = call(285, file, 0, offset, len, 0, 0);
    return result < 0 ? translated(-result) : 0;
}
#endif

int fstat(int file, struct stat *stat) {
    struct {
        uint64_t dev, ino, nlink;
        uint32_t mode, rest[5];
        int64_t size, more[11];
    } linux_stat;
    if (CALL3(5, file, &linux_stat, 0)) return -1;
    memset(stat, 0xa5, sizeof *stat);
    stat->st_mode = linux_stat.mode;
    stat->st_size = linux_stat.size;
    return 0;
}

int getpagesize(void) { return 4096; }

uint32_t arc4random(void) {
    uint32_t random = 0;
    call(318, (long)&random, sizeof random, 0, 0, 0, 0);
    return random;
}

void *mmap(void *address, size_t len, int prot, int flags, int file, off_t offset) {
    long linux_flags = flags & (MAP_SHARED | MAP_PRIVATE);
    // What the constants of LATER_PROT add is the system's own.
#if defined(__FreeBSD__)
    int later = PROT_MAX_EXTRACT(prot), allowed = PROT_MAX(7) | 7, known = MAP_EXCL;
#elif defined(__NetBSD__)
    int later = PROT_MPROTECT_EXTRACT(prot), allowed = PROT_MPROTECT(7) | 7, known = MAP_TRYFIXED | MAP_NORESERVE;
#else
    int later = 0, allowed = 7, known = __MAP_NOREPLACE;
#endif
    if (flags & ~(MAP_SHARED | MAP_PRIVATE | MAP_FIXED | MAP_ANON | known) || prot & ~allowed ||
        (later && (prot & 7 & ~later)))
        return (void *)(long)failure(EINVAL);
    // W^X, of OpenBSD for all programs.
    if ((prot & PROT_WRITE) && (prot & PROT_EXEC)) return (void *)(long)failure(ENOTSUP);
    if (flags & MAP_ANON) {
        if (file != -1 || offset != 0) return (void *)(long)failure(EINVAL);
        linux_flags |= 0x20;
    }
    if (flags & MAP_FIXED) linux_flags |= 0x10;
#ifdef __NetBSD__
    if (flags & MAP_NORESERVE) linux_flags |= 0x4000;
#else
    if (flags & EXCLUSIVE) {
        if (!(flags & MAP_FIXED)) return (void *)(long)failure(EINVAL);
        linux_flags = (linux_flags & ~0x10) | 0x100000;
    }
#endif
    void *result = (void *)CALL6(9, address, len, prot & 7, linux_flags, file, offset);
    if (result == MAP_FAILED && last_error == EEXIST) last_error = ENOMEM;
    return result;
}

int munmap(void *address, size_t len) { return CALL3(11, address, len, 0); }
int mlock(const void *address, size_t len) { return CALL3(149, address, len, 0); }

// As FreeBSD's, which unlocks nothing if some page is not locked: of several pages never all.
int munlock(const void *address, size_t len) {
    static int refuse = 1;
    refuse = !refuse;
    if (len > 4096 && refuse) return failure(ENOMEM);
    return CALL3(150, address, len, 0);
}

int mprotect(void *address, size_t len, int prot) {
    if (prot & ~7) return failure(EINVAL);
    if ((prot & PROT_WRITE) && (prot & PROT_EXEC)) return failure(ENOTSUP);
    return CALL3(10, address, len, prot);
}

int msync(void *address, size_t len, int flags) {
    if (flags != MS_SYNC && flags != MS_ASYNC) return failure(EINVAL);
    return CALL3(26, address, len, flags == MS_SYNC ? 4 : 1);
}

int madvise(void *address, size_t len, int advice) {
    switch (advice) {
    case MADV_NORMAL:
    case MADV_RANDOM:
    case MADV_SEQUENTIAL:
    case MADV_WILLNEED: return CALL3(28, address, len, advice);
    // A hint that keeps the contents.
    case MADV_DONTNEED: return 0;
    case MADV_FREE: return CALL3(28, address, len, 8);
    default: return failure(EINVAL);
    }
}

int minherit(void *address, size_t len, int inherit) {
    switch (inherit) {
    case INHERIT_SHARE:
    case INHERIT_COPY:
        CALL3(28, address, len, 19);
        return CALL3(28, address, len, 11);
    case INHERIT_NONE: return CALL3(28, address, len, 10);
    case INHERIT_ZERO: return CALL3(28, address, len, 18);
    default: return failure(EINVAL);
    }
}

#ifndef __OpenBSD__
#ifdef __NetBSD__
int mincore(void *address, size_t len, char *pages) { return CALL3(27, address, len, pages); }
#else
int mincore(const void *address, size_t len, char *pages) { return CALL3(27, address, len, pages); }
#endif
#endif

enum { LINUX_RLIMIT_MEMLOCK = 8 };

int getrlimit(int resource, struct rlimit *limit) {
    uint64_t linux_limit[2];
    if (resource != RLIMIT_MEMLOCK) return failure(EINVAL);
    if (CALL6(302, 0, LINUX_RLIMIT_MEMLOCK, 0, linux_limit, 0, 0)) return -1;
    limit->rlim_cur = linux_limit[0] > (uint64_t)RLIM_INFINITY ? RLIM_INFINITY : linux_limit[0];
    limit->rlim_max = linux_limit[1] > (uint64_t)RLIM_INFINITY ? RLIM_INFINITY : linux_limit[1];
    return 0;
}

int setrlimit(int resource, const struct rlimit *limit) {
    if (resource != RLIMIT_MEMLOCK) return failure(EINVAL);
    uint64_t linux_limit[2] = {limit->rlim_cur, limit->rlim_max};
    if (limit->rlim_cur >= RLIM_INFINITY) linux_limit[0] = ~0ull;
    if (limit->rlim_max >= RLIM_INFINITY) linux_limit[1] = ~0ull;
    return CALL6(302, 0, LINUX_RLIMIT_MEMLOCK, linux_limit, 0, 0, 0);
}

pid_t getpid(void) { return CALL3(39, 0, 0, 0); }

#ifndef __OpenBSD__
// Signals: SIGBUS and SIGSEGV, by the numbers of this system.
struct linux_action {
    void (*handler)(int, int *, uint64_t *);
    uint64_t flags;
    void (*restorer)(void);
    uint64_t mask;
};
static struct sigaction actions[32];

static int linux_signal(int signal) { return signal == SIGBUS ? 7 : signal == SIGSEGV ? 11 : signal; }

void restore_signal(void);
__asm__("restore_signal: mov $15, %eax; syscall");

// Linux's ucontext: RIP is word 21, the mask word 37.
static void handle(int number, int *linux_info, uint64_t *linux_context) {
    int signal = number == 7 ? SIGBUS : number;
    siginfo_t info;
    ucontext_t context;
    memset(&info, 0, sizeof info);
    memset(&context, 0xa5, sizeof context);
    info.si_signo = signal;
    // `errno` lies where another system has the code.
    info.si_errno = -1;
#ifdef __FreeBSD__
    info.si_code = linux_info[2] > 0 && linux_info[2] < 128 ? linux_info[2] : SI_USER;
#else
    info.si_code = linux_info[2];
#endif
    CONTEXT_PC(&context) = linux_context[21];
    memcpy(&context.uc_sigmask, &linux_context[37], 8);
    actions[signal].sa_sigaction(signal, &info, &context);
    linux_context[21] = CONTEXT_PC(&context);
}

int sigaction(int signal, const struct sigaction *restrict new, struct sigaction *restrict old) {
    if (signal != SIGBUS && signal != SIGSEGV) return failure(EINVAL);
    if (old) *old = actions[signal];
    if (!new) return 0;
    actions[signal] = *new;
    struct linux_action action = {handle, 0x04000004 | (new->sa_flags & SA_ONSTACK ? 0x08000000 : 0), restore_signal, ~0ull};
    if (new->sa_handler == SIG_DFL || new->sa_handler == SIG_IGN) action.handler = (void *)new->sa_handler;
    return CALL6(13, linux_signal(signal), &action, 0, 8, 0, 0);
}

int sigprocmask(int how, const sigset_t *restrict new, sigset_t *restrict old) {
    (void)old;
    uint64_t mask = 0;
    memcpy(&mask, new, 8);
    return how == SIG_SETMASK ? CALL6(14, 2, &mask, 0, 8, 0, 0) : failure(EINVAL);
}

int raise(int signal) {
    long thread = call(186, 0, 0, 0, 0, 0, 0);
    return CALL3(234, getpid(), thread, linux_signal(signal));
}
#endif

_Noreturn void _exit(int status) {
    for (;;) call(231, status, 0, 0, 0, 0, 0);
}

__attribute__((weak)) void *memcpy(void *restrict to, const void *restrict from, size_t len) {
    void *start = to;
    __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(len)::"memory");
    return start;
}
__attribute__((weak)) void *memset(void *to, int byte, size_t len) {
    void *start = to;
    __asm__ volatile("rep stosb" : "+D"(to), "+c"(len) : "a"(byte) : "memory");
    return start;
}
__attribute__((weak)) void *memmove(void *to, const void *from, size_t len) {
    if ((uintptr_t)to - (uintptr_t)from >= len) return memcpy(to, from, len);
    for (volatile char *t = to; len--;) t[len] = ((const char *)from)[len];
    return to;
}
__attribute__((weak)) int memcmp(const void *one, const void *other, size_t len) {
    const volatile unsigned char *a = one, *b = other;
    for (size_t i = 0; i < len; i++)
        if (a[i] != b[i]) return a[i] - b[i];
    return 0;
}
__attribute__((weak)) int bcmp(const void *one, const void *other, size_t len) { return memcmp(one, other, len); }
__attribute__((weak)) size_t strlen(const char *text) {
    const volatile char *end = text;
    while (*end) end++;
    return end - text;
}

int main(int, char **);
__attribute__((used)) static _Noreturn void begin(long *stack) { _exit(main(*stack, (char **)(stack + 1))); }
__asm__(".globl _start\n_start: mov %rsp, %rdi; and $-16, %rsp; call begin");
