"""What was measured: reads a file that src/bench wrote, with a head by ci/bench/run."""

from collections import namedtuple

from rendering import works

CANDIDATES = {
    "Baremap": "baremap",
    "Limit": works.LIMIT,
    "Std": works.STD,
    "Memmap2": works.MEMMAP2,
    "Memmap2Tuned": works.MEMMAP2,
    "MmapRs": works.MMAP_RS,
    "Rustix": works.RUSTIX,
    "Libc": works.LIBC,
}

# `seconds` is None where only the ratio was kept. `ratio`: this time by baremap's, in the same round.
One = namedtuple("One", "candidate option seconds ratio low high peak")


class Row:
    def __init__(self, size, detail):
        self.bytes, self.detail, self.all = size, detail, []

    @property
    def baremap(self):
        return next(one for one in self.all if one.candidate == "baremap")

    def fastest(self, candidates, options=None):
        """The candidate with the lowest median time, as the ratios of noisy rounds need not have the same order."""
        among = [
            one
            for one in self.all
            if one.candidate in candidates and (options is None or one.option in options)
        ]
        by = "ratio" if any(one.seconds is None for one in among) else "seconds"
        return min(among, key=lambda one: getattr(one, by), default=None)


class Run:
    def __init__(self, path):
        self.head, self.rows = {}, {}
        with open(path, encoding="utf-8") as file:
            lines = file.read().splitlines()
        names = None
        for line in lines:
            if line.startswith("# "):
                name, _, value = line[2:].partition(": ")
                self.head[name] = value
            elif names is None:
                names = line.split("\t")
            else:
                cells = dict(zip(names, line.split("\t"), strict=True))
                row = self.rows.setdefault(cells["work"], Row(int(cells["bytes"]), cells["detail"]))
                row.all.append(
                    One(
                        CANDIDATES[cells["candidate"]],
                        cells["option"],
                        float(cells["seconds"]) if cells["seconds"] else None,
                        float(cells["ratio"]),
                        float(cells["p10"]),
                        float(cells["p90"]),
                        int(cells["peak KiB"]) if cells["peak KiB"] else None,
                    )
                )
        known = {work.key for group in works.GROUPS for work in group.works}
        unknown = set(self.rows) - known
        if unknown:
            raise SystemExit(f"ci/bench/render: rendering/works.py does not know {', '.join(sorted(unknown))}")

    def __getitem__(self, key):
        return self.rows[key]

    def __contains__(self, key):
        return key in self.rows


def three(value):
    """Three significant digits."""
    return f"{value:.2f}" if value < 10 else f"{value:.1f}" if value < 100 else f"{value:,.0f}"


def time(seconds):
    for scale, unit in ((1e9, "ns"), (1e6, "µs"), (1e3, "ms"), (1, "s")):
        if seconds * scale < 1000 or unit == "s":
            return f"{three(seconds * scale)} {unit}"


def size(count):
    for unit, shift in (("GiB", 30), ("MiB", 20), ("KiB", 10)):
        # A vector is not a round number of chunks long.
        if round(count / (1 << shift), 3) >= 1 and round(count / (1 << shift), 3).is_integer():
            return f"{round(count / (1 << shift))} {unit}"
    return f"{count:,} bytes" if count != 1 else "1 byte"


def memory(kib):
    return f"{kib / 1024:.1f} MiB" if kib < 100 << 10 else f"{round(kib / 1024):,} MiB"


def speed(row, one):
    return row.bytes / one.seconds / 1e9


def option(one):
    """A candidate's option in words, to follow its name."""
    if not one.option:
        return ""
    if one.option in ("populate", "sequential", "willneed", "random"):
        return f"with `{one.option}`"
    if one.option == "memchr":
        return "and memchr"
    if one.option[0].isdigit():
        return f"({one.option} buffer)"
    code, comma, rest = one.option.partition(", ")
    if comma and rest[0].isdigit():
        return f"`{code}` ({rest} buffer)"
    return {
        "write_at, sync_data": "`write_at` and `sync_data`",
        "Vec with capacity": "`Vec` with capacity",
        "Vec": "`Vec`",
        "mmap with MAP_FIXED, which may lose the range": "`mmap` with `MAP_FIXED`",
        "with fstat": "and `fstat`",
        "resident": "resident memory",
        "bare calls": "bare calls",
        "bare open, read, close": "bare calls",
        "fstat, mmap, mremap": "bare calls",
        "slice": "slice",
    }.get(one.option, f"`{one.option}`")
