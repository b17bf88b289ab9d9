"""served.py FOLDER [direct] [threads]: serves files that misreport their length, by FUSE (Debian: libfuse2; PyPI: fusepy).

FILES has the reported and the real length of each. A read of a file of ERRORS that ends past its first MiB fails, and one of a
file of HANGS never returns. `short` returns at most 1000 bytes, which the kernel takes for the end if it caches the file. With `direct`
it does not cache the files, and ignores the reported length. With `threads` a read that hangs does not keep others waiting, but
the order of replies is no longer certain, on which the length depends that the kernel finds in files that misreport it.
"""

import errno
import stat
import sys
import time

from fuse import FUSE, FuseOSError, Operations

FILES = {
    "exact_small": (1000, 1000),
    "exact_large": (3_000_000, 3_000_000),
    "reports_more_small": (1000, 600),
    "reports_more_large": (3_000_000, 1_000_000),
    "reports_less_small": (1000, 5000),
    "reports_less_large": (2_000_000, 3_000_000),
    "reports_zero": (0, 5000),
    "reports_huge": (1 << 62, 4 << 20),
    "short": (3_000_000, 3_000_000),
}
ERRORS = {"eio": errno.EIO, "estale": errno.ESTALE, "etimedout": errno.ETIMEDOUT}
# One for each reader, as a file with an unfinished read cannot be opened.
HANGS = [f"hangs_{i}" for i in range(5)]
FILES |= dict.fromkeys([*ERRORS, *HANGS], (3_000_000, 3_000_000))


class Files(Operations):
    def getattr(self, path, fh=None):
        if path == "/":
            return dict(st_mode=stat.S_IFDIR | 0o755, st_nlink=2)
        if path[1:] not in FILES:
            raise FuseOSError(errno.ENOENT)
        return dict(st_mode=stat.S_IFREG | 0o644, st_nlink=1, st_size=FILES[path[1:]][0])

    def readdir(self, path, fh):
        return [".", "..", *FILES]

    def read(self, path, size, offset, fh):
        name = path[1:]
        if offset + size > 1 << 20:
            if name in ERRORS:
                raise FuseOSError(ERRORS[name])
            while name in HANGS:
                time.sleep(1)
        if name == "short":
            size = min(size, 1000)
        return b"x" * max(0, min(size, FILES[name][1] - offset))


direct = {"direct_io": True} if "direct" in sys.argv[2:] else {}
FUSE(Files(), sys.argv[1], foreground=True, nothreads="threads" not in sys.argv[2:], **direct)
