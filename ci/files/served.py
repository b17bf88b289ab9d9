"""served.py FOLDER [direct]: files whose length or contents lie, by FUSE (Debian: libfuse2; PyPI: fusepy).

For each name: the length that is reported, and the bytes that are there. A read of `eio` past its first MiB fails. With
`direct` the kernel does not cache the files, and so believes no length.
"""

import errno
import stat
import sys

from fuse import FUSE, FuseOSError, Operations

FILES = {
    "exact_small": (1000, 1000),
    "exact_large": (3_000_000, 3_000_000),
    "told_more_small": (1000, 600),
    "told_more_large": (3_000_000, 1_000_000),
    "told_less_small": (1000, 5000),
    "told_less_large": (2_000_000, 3_000_000),
    "told_zero": (0, 5000),
    "told_huge": (1 << 62, 4 << 20),
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
