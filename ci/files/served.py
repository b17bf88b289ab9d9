"""served.py FOLDER [direct]: serves files that misreport their length, by FUSE (Debian: libfuse2; PyPI: fusepy).

FILES has the reported and the real length of each. Reading `eio` past its first MiB fails. With `direct` the kernel does not
cache the files, and ignores the reported length.
"""

import errno
import stat
import sys

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
    "eio": (3_000_000, 3_000_000),
}


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
        if path == "/eio" and offset >= 1 << 20:
            raise FuseOSError(errno.EIO)
        return b"x" * max(0, min(size, FILES[path[1:]][1] - offset))


FUSE(Files(), sys.argv[1], foreground=True, nothreads=True, **({"direct_io": True} if len(sys.argv) > 2 else {}))
