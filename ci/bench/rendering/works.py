"""The works that are measured: their words, their goals, and what bounds them. The keys are those of src/bench. Read the
reasons again after each measurement: a reason may no longer be the one.

In words, {size} is the length of the file or of the memory, and {detail} is what the run found out about the files.
"""

from collections import namedtuple

STD, MEMMAP2, MMAP_RS, RUSTIX, LIBC, LIMIT = "std", "memmap2", "mmap-rs", "rustix", "libc", "limit"
PEERS = (STD, MEMMAP2, MMAP_RS, RUSTIX, LIBC)

# Baremap is to be `at_least` times as fast as the fastest of `peers`; `why` is told only if it is not.
Goal = namedtuple("Goal", "words peers at_least why options")
# `speed`: bytes per second say something. `note`: a sentence for the list below the table.
Work = namedtuple("Work", "key words goals speed note")
Group = namedtuple("Group", "letters title sentences works chart")


def goal(words, peers, at_least, why="The reason is not known.", options=None):
    return Goal(words, (peers,) if isinstance(peers, str) else peers, at_least, why, options)


def work(key, words, *goals, speed=False, note=None):
    return Work(key, words, goals, speed, note)


KERNEL = (
    "Nearly all of the time is the kernel's, and the ratio varies between runs by more than there is to gain. In user "
    "space baremap needs [fewer instructions](#instructions) than memmap2."
)
CHUNKS = (
    "The `Reader` maps 16 MiB at a time, which bounds its memory; memmap2 maps the file once, and all of it becomes "
    "resident. The additional mappings cost 1 to 4 %: a loop that maps as the `Reader` does, without the crate, takes as "
    "long."
)
BUFFER = (
    "`read` copies every byte. Which length of buffer is the fastest differs between machines by more than this; the "
    "`Reader`'s is 1 MiB, and with that length std takes as long."
)
fast = "as fast as the fastest peer"
as_std = "as fast as std with its best buffer"


def bare_calls(times):
    return goal(f"at most {times:.2f} times the bare calls' time", LIMIT, 1 / times)


def memmap2_time(part, why=KERNEL):
    return goal(f"at most {part:.2f} of memmap2's time", MEMMAP2, part**-1, why, ("",))


GROUPS = (
    Group(
        "ab",
        "Map and unmap",
        "The cost of a mapping itself: it is made, one byte of it is read or written, and it is removed. Two or three "
        "system calls and a page fault bound it. The limit makes the same calls without the checks.",
        (
            work("map-whole", "Map a {size} file, read a byte, unmap it", memmap2_time(0.90)),
            work(
                "map-length",
                "Map {size} of a file, with the length given, read a byte, unmap it",
                bare_calls(1.02),
                memmap2_time(
                    0.92,
                    "With a length given, the peers do not ask for the file's, and an access past its end is a fault. "
                    "baremap calls `fstat` and fails with an error. The limit includes `fstat`.",
                ),
            ),
            work("anon-small", "Map {size} of memory, write a byte, unmap it", bare_calls(1.02), memmap2_time(0.92)),
            work("anon-large", "Map {size} of memory, write a byte, unmap it", bare_calls(1.02), memmap2_time(0.92)),
        ),
        None,
    ),
    Group(
        "d",
        "Read a large file from start to end",
        "Everyone counts newlines with memchr, so only the access to the bytes differs. The kernel caches a file in "
        "folios, which are one or more pages: the larger they are, the fewer page faults a mapping has. The bounds are "
        "the speed of memory (the limit is a scan of memory that is already mapped), page faults where folios are "
        "small, copies where the file is read, and the disk where it is not cached. Mapping is `unsafe`, reading is "
        "not.",
        (
            work(
                "newlines-pieces-mapped",
                "Count the newlines of a {size} file, cached from large writes, in {detail}, by mapping",
                goal(fast, PEERS, 1.0, CHUNKS),
                goal("at least 0.90 of the speed of the limit", LIMIT, 0.9),
                speed=True,
            ),
            work(
                "newlines-pieces-read",
                "Count the newlines of a {size} file, cached from large writes, in {detail}, by reading",
                goal(as_std, STD, 1.0, BUFFER),
                speed=True,
            ),
            work(
                "newlines-read-in-mapped",
                "Count the newlines of a {size} file, cached from the disk, in {detail}, by mapping",
                goal(fast, PEERS, 1.0, CHUNKS),
                speed=True,
            ),
            work(
                "newlines-read-in-read",
                "Count the newlines of a {size} file, cached from the disk, in {detail}, by reading",
                goal(as_std, STD, 1.0, BUFFER),
                speed=True,
            ),
            work(
                "newlines-pages-mapped",
                "Count the newlines of a {size} file, cached from writes of a page, in {detail}, by mapping",
                goal(
                    fast,
                    PEERS,
                    1.0,
                    "A page fault maps 16 pages, so 1 GiB has 16,384 faults, for everyone who maps; `read` has none. A "
                    "mapped `Reader` finds out that reading is faster, and then reads. The trials cost this much.",
                ),
                speed=True,
            ),
            work(
                "newlines-pages-read",
                "Count the newlines of a {size} file, cached from writes of a page, in {detail}, by reading",
                goal(as_std, STD, 1.0, BUFFER),
                goal("at least 0.90 of memmap2's speed", MEMMAP2, 0.9, options=("",)),
                speed=True,
            ),
            work(
                "newlines-uncached-mapped",
                "Count the newlines of a {size} file, {detail}, by mapping",
                goal(
                    fast,
                    PEERS,
                    1.0,
                    "The disk is the limit, and the ratio of one round to the next varies by far more than this.",
                ),
                speed=True,
            ),
            work(
                "newlines-uncached-read",
                "Count the newlines of a {size} file, {detail}, by reading",
                goal(
                    as_std,
                    STD,
                    1.0,
                    "The disk is the limit, and the `Reader`'s first read of a piece does not overlap with the caller's "
                    "work.",
                ),
                speed=True,
            ),
        ),
        "newlines",
    ),
    Group(
        "e",
        "Read many small files",
        "Each file of 1 to 64 KiB is opened, read and closed. The system calls bound it; the limit makes them alone, "
        "with one buffer. Mapping such files costs more than reading them.",
        (
            work(
                "small-files-one-buffer",
                "Count the newlines of {detail}, with one buffer for all",
                goal(fast, PEERS, 1.0, "open, read and close are nearly all of it."),
                speed=True,
            ),
            work(
                "small-files-a-buffer-for-each",
                "Count the newlines of {detail}, with a buffer for each",
                speed=True,
            ),
        ),
        None,
    ),
    Group(
        "m",
        "Read a whole file as one slice",
        "`Contents` reads or maps the whole of a file; one byte of each page is read. Copying bounds what is read, page "
        "faults what is mapped. Short files are faster read, long ones mapped: `Contents::map` reads files of up "
        "to 64 KiB. The goals are for reading beside `std::fs::read`, and for mapping beside memmap2.",
        tuple(
            work(f"slice-{how}-{size}", f"{words} a {{size}} file", target)
            for size in ("small", "medium", "large")
            for how, words, target in (
                ("read", "Read", goal("as fast as `fs::read`", STD, 1.0)),
                (
                    "map",
                    "Map",
                    goal(
                        "as fast as memmap2",
                        MEMMAP2,
                        1.0,
                        "A file of this length is mapped as memmap2 maps it. The rounds vary by more than this.",
                    ),
                ),
            )
        ),
        None,
    ),
    Group(
        "h",
        "Memory and time over the length of a file",
        "A new process counts the newlines of a file and reports the most memory that it held. A file that is mapped at "
        "once becomes resident as a whole; the mapped `Reader` holds 16 MiB of it at most. Files here are sparse: all "
        "holes, cached. Speed is bounded as for large files; short files are over before the `Reader`'s first trial is "
        "repaid.",
        tuple(
            work(f"growing-{mib}-MiB", "Count the newlines of a file of {size}, by mapping", speed=True)
            for mib in (1, 32, 1024, 8192)
        ),
        "memory",
    ),
    Group(
        "f",
        "Read at random, by mapping",
        "The file is mapped as a slice, which is `unsafe`, and read at a million random places. Memory and page faults "
        "bound it; the limit has no page faults, as its memory is already mapped. There is no goal: a slice is a slice.",
        (
            work("random-large-folios", "Map a {size} file, cached in large folios, and read 64 bytes at random places"),
            work("random-small-folios", "Map a {size} file, cached in small folios, and read 64 bytes at random places"),
        ),
        None,
    ),
    Group(
        "i",
        "Read at random, by a `View`",
        "A `View` of a cached file is safe to read whatever happens to the file: after `guard::install` it copies from "
        "the mapping, without it each read is a `pread`. The limit is a copy from a slice of memory that is already "
        "mapped: the longer the read, the more of the time is the copy's.",
        tuple(
            work(
                f"view-{size}-guard",
                "Read {size} at a random place, by a `View` with the guard",
                goal(
                    f"{times:g} times as fast as `pread`",
                    LIBC,
                    times,
                    "The copy is bounded by memory, as the limit shows.",
                ),
            )
            for size, times in ((8, 8), (64, 8), (4096, 2.3), (65536, 1.2))
        )
        + tuple(
            work(
                f"view-{size}-no-guard",
                "Read {size} at a random place, by a `View` without the guard",
                goal("at least 0.95 of the speed of `pread`", LIBC, 0.95),
            )
            for size in (8, 64, 4096, 65536)
        ),
        None,
    ),
    Group(
        "gj",
        "Search",
        "Lines: little is done with each, so that finding its end dominates; `Reader::records` beside memchr over a "
        "mapping and beside std's `BufRead`. Looking up: the example `look` searches a sorted file by halves, through "
        "a `View` with the guard; the peers run the same program over `pread`. The work for each line bounds the first, random "
        "reads bound the second.",
        (
            work(
                "lines-mapped",
                "Go through the lines of a {size} file, by mapping",
                goal("1.5 times as fast as std", STD, 1.5),
                goal("as fast as memmap2 and memchr", MEMMAP2, 1.0),
                speed=True,
            ),
            work(
                "lines-read",
                "Go through the lines of a {size} file, by reading",
                goal("1.5 times as fast as std", STD, 1.5),
                speed=True,
            ),
            work(
                "look-up",
                "Look up {detail} in a sorted {size} file",
                goal("4 times as fast as `pread`", (STD, RUSTIX), 4.0),
            ),
        ),
        None,
    ),
    Group(
        "c",
        "Write and flush",
        "A byte is written, and `flush` waits until the file system has it. The disk and the file system are the bound; "
        "there is no goal.",
        (work("flush", "Write a byte of a mapped file and flush its page"),),
        None,
    ),
    Group(
        "kl",
        "Grow",
        "A mapping grows in the address range that was reserved for it, without ever moving. One system call for each "
        "page bounds memory; a page of a file takes three, so that a failure cannot lose the range. A vector is bounded "
        "by page faults: the limit writes to memory that is already resident.",
        (
            work("extend-memory", "Extend memory by a page, again and again up to {size}", bare_calls(1.1)),
            work(
                "extend-file",
                "Extend a mapping of a file by a page, again and again up to {size}",
                bare_calls(1.1),
                note="`mmap` with `MAP_FIXED` is one call, and may lose the range if it fails: the reason for three.",
            ),
            work(
                "vector",
                "Append 1000 bytes to a vector, again and again up to {size}",
                goal("as fast as `Vec`", STD, 1.0, "Page faults take nearly all of the time. The rounds vary by more than this."),
                speed=True,
            ),
        ),
        None,
    ),
)

# The five works of README and of speed.svg: the key, the words for the page, those for a narrow picture, and which peer the
# page names beside the fastest.
FIVE = (
    (
        "newlines-read-in-mapped",
        "Count the newlines of a cached 1 GiB file, by mapping",
        "Newlines of 1 GiB, by mapping",
        (STD,),
    ),
    (
        "newlines-read-in-read",
        "Count the newlines of a cached 1 GiB file, by reading",
        "Newlines of 1 GiB, by reading",
        (STD,),
    ),
    (
        "small-files-one-buffer",
        "Count the newlines of 20,000 small files",
        "Newlines of 20,000 small files",
        (MEMMAP2,),
    ),
    ("lines-read", "Go through the lines of a 1 GiB file, by reading", "Lines of 1 GiB, by reading", (STD,)),
    (
        "view-64-guard",
        "Read 64 bytes at a random place, by a `View` with the guard",
        "64 bytes at a random place, by View",
        (),
    ),
)
