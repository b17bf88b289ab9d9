"""The tables of the guide's page on performance."""

from rendering.data import memory, time
from rendering.works import LIBC, LIMIT, MEMMAP2, STD

OURS = "baremap"


def one(run, key, candidate=OURS, option=None):
    """A candidate's figures, with an option or, if it has several, the fastest."""
    return run[key].fastest((candidate,), None if option is None else (option,))


def table(head, lines):
    head, *lines = [f"| {' | '.join(line)} |\n" for line in [head, *lines]]
    return head + "|---" * (head.count(" | ") + 1) + "|\n" + "".join(lines)


def reading(run):
    places = 1 << 20
    lines = [
        ("newlines of 1 GiB, cached in large folios", one(run, "newlines-pieces-mapped"), one(run, "newlines-pieces-read")),
        ("… cached in folios of 4 KiB", one(run, "newlines-pages-mapped", MEMMAP2, ""), one(run, "newlines-pages-read")),
        ("… not cached", one(run, "newlines-uncached-mapped"), one(run, "newlines-uncached-read")),
        ("lines of 1 GiB", one(run, "lines-mapped"), one(run, "lines-read")),
        ("newlines of 20,000 files", one(run, "small-files-one-buffer", MEMMAP2, ""), one(run, "small-files-one-buffer")),
        ("64 bytes at a random place of 1 GiB", one(run, "random-large-folios"), one(run, "random-large-folios", STD)),
        ("a whole file of 4 KiB, as one slice", one(run, "slice-map-small", MEMMAP2), one(run, "slice-read-small")),
        ("… of 256 KiB", one(run, "slice-map-medium", MEMMAP2), one(run, "slice-read-medium")),
        ("… of 64 MiB", one(run, "slice-map-large", MEMMAP2), one(run, "slice-read-large")),
    ]
    cells = []
    for work, mapped, read in lines:
        count = places if "random" in work else 1
        cells.append([work, time(mapped.seconds / count), time(read.seconds / count)])
    return table(["Work", "mapped", "read"], cells)


def view(run):
    lines = []
    for size in (8, 64, 4096, 65536):
        guard, without = f"view-{size}-guard", f"view-{size}-no-guard"
        figures = one(run, guard, LIMIT), one(run, guard), one(run, without), one(run, without, LIBC)
        lines.append([f"{size:,}", *(time(figure.seconds) for figure in figures)])
    return table(["bytes", "slice", "`View`, with the guard", "`View`, without", "`pread`"], lines)


def chunks(run):
    lines = []
    for words, candidate, option in (
        ("`Reader::mapped`, in chunks of 16 MiB", OURS, "mapped"),
        ("`Reader`", OURS, "read"),
        ("one mapping of the file", MEMMAP2, ""),
    ):
        figure = one(run, "growing-1024-MiB", candidate, option)
        lines.append([words, time(figure.seconds), memory(figure.peak)])
    return table(["newlines of a sparse GiB, in a new process", "time", "peak memory"], lines)


def calls(run):
    works = [
        ("map a file of 4 KiB, read a byte, unmap it", "map-whole"),
        ("map 64 KiB of fresh memory, write a byte, unmap it", "anon-small"),
        ("write a byte of a mapped file, flush its page", "flush"),
        ("extend memory by a page, in a reservation", "extend-memory"),
        ("extend the mapping of a file by a page, in a reservation", "extend-file"),
    ]
    return table(["Work", "time"], [[words, time(one(run, key).seconds)] for words, key in works])


def tables(run):
    return {make.__name__: f"\n{make(run)}\n" for make in (reading, view, chunks, calls)}
