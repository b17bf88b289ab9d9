"""The measurements as pictures: SVG of bars and lines, narrow enough for a telephone, with a background of their own,
so that they can be read on any page. The colours follow the reader's preference for light or dark."""

import math
import re

from rendering.data import memory, size, speed, time
from rendering.tables import place
from rendering.works import FIVE, LIMIT, MEMMAP2, MMAP_RS, STD

# Of pictures of bars; the bars begin at LEFT.
WIDTH, LEFT = 420, 164

# Of each class its style, and what differs in the dark.
STYLES = {
    "c": ("fill:#fff;stroke:#d0d7de", "fill:#0d1117;stroke:#3d444d"),  # the background
    "t": ("font-weight:bold", ""),
    "m": ("fill:#59636e", "fill:#9198a1"),  # remarks
    "s": ("font-size:12px", ""),
    "o": ("fill:#0969da", "fill:#4493f8"),  # bars: ours, peers', limits
    "p": ("fill:#afb8c1", "fill:#656c76"),
    "q": ("fill:#d8dee4", "fill:#3d444d"),
    "g": ("stroke:#8c959f;stroke-width:.7", "stroke:#656c76"),  # axes
    "x": ("stroke:#fff;stroke-width:2.5", "stroke:#0d1117"),  # a bar that is broken
    "l0": ("stroke:#0969da;stroke-width:2.5", "stroke:#4493f8"),  # lines
    "l1": ("stroke:#54aeff;stroke-width:2.5;stroke-dasharray:6 3", "stroke:#79c0ff"),
    "l2": ("stroke:#8c959f;stroke-width:2.5", ""),
    "l3": ("stroke:#bc4c00;stroke-width:2.5", "stroke:#f0883e"),
}


def escape(text):
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def svg(name, height, title, description, body, width=WIDTH):
    """No line is empty or indented and the first is one whole tag: Markdown then takes it for a block of HTML."""
    used = {"c"} | {word for line in body for words in re.findall('class="(.*?)"', line) for word in words.split()}
    light = f".{name} text{{font:13px sans-serif;fill:#1f2328}}.{name} path{{fill:none}}"
    dark = f".{name} text{{fill:#e6edf3}}"
    for kind, (style, in_the_dark) in STYLES.items():
        if kind in used:
            light += f".{name} .{kind}{{{style}}}"
            dark += f".{name} .{kind}{{{in_the_dark}}}" if in_the_dark else ""
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="{name}" viewBox="0 0 {width} {height}" width="{width}"'
        f' height="{height}" style="max-width:100%;height:auto" role="img" aria-labelledby="{name}-t {name}-d">'
    )
    return "\n".join(
        [
            head,
            f'<title id="{name}-t">{escape(title)}</title>',
            f'<desc id="{name}-d">{escape(description)}</desc>',
            f"<style>{light}@media(prefers-color-scheme:dark){{{dark}}}</style>",
            f'<rect class="c" x=".5" y=".5" width="{width - 1}" height="{height - 1}" rx="6"/>',
            *body,
            "</svg>\n",
        ]
    )


def text(x, y, words, kind="", anchor=""):
    kind = f' class="{kind}"' if kind else ""
    anchor = f' text-anchor="{anchor}"' if anchor else ""
    return f'<text x="{x:.0f}" y="{y:.0f}"{kind}{anchor}>{escape(words)}</text>'


def bar(y, width, kind):
    return f'<rect class="{kind}" x="{LEFT}" y="{y:.0f}" width="{max(width, 1):.0f}" height="12" rx="2"/>'


def how(key, one):
    """How a candidate gets at the bytes, beside its name."""
    if key == "lines-read":
        return "std" if one.candidate == STD else f"{one.candidate} + memchr"
    if key.startswith("view"):
        return "pread"
    return f"{one.candidate}, {'reading' if one.candidate == STD else 'mapping'}"


def five(run):
    """Of each of the five works a bar for baremap, which is 1, and for each peer as much longer as it takes."""
    one_time, most = 48, 4
    names = {"newlines-read-in-mapped": "mapping", "view-64-guard": "View, guard"}
    body = [
        text(14, 26, "Time, relative to baremap’s", "t"),
        text(14, 44, "A longer bar takes longer: 2× is twice as long.", "m s"),
    ]
    y, description = 54, []
    for key, _, name, _ in FIVE:
        row = run[key]
        y += 22
        body.append(text(14, y, name, "t"))
        y += 7
        candidates = [(f"baremap, {names.get(key, 'reading')}", 1.0, "o", time(row.baremap.seconds))]
        for peer in (STD, MEMMAP2, MMAP_RS, "libc"):
            one = row.fastest((peer,))
            if one:
                candidates.append((how(key, one), one.ratio, "p", f"{one.ratio:.2f}×"))
        line = f"M{LEFT + one_time + 0.5} {y - 3}v{17 * len(candidates) + 1}"
        body.append(f'<path class="g" stroke-dasharray="2 3" d="{line}"/>')
        for label, ratio, kind, value in candidates:
            width = one_time * min(ratio, most)
            body += [text(14, y + 11, label, "s"), bar(y, width, kind)]
            if ratio > most:
                # A bar that is too long is broken.
                at = LEFT + width - 18
                body.append(f'<path class="x" d="M{at:.0f} {y + 14}l5 -16M{at + 6:.0f} {y + 14}l5 -16"/>')
            body.append(text(LEFT + max(width, one_time) + 6, y + 11, value, "s" if kind == "p" else "s t"))
            y += 17
        peers = ", ".join(f"{label} {value}" for label, _, kind, value in candidates if kind == "p")
        description.append(f"{name}: baremap {candidates[0][3]}; {peers}.")
    y += 20
    body.append(text(14, y, place(run), "m s"))
    title = "The time that peers take for five tasks, relative to baremap’s"
    return svg("baremap-speed", y + 12, title, " ".join(description), body)


STATES = (
    ("pieces", "Cached from large writes"),
    ("read-in", "Cached from the disk"),
    ("pages", "Cached from writes of a page"),
    ("uncached", "Not cached"),
)


def newlines(run):
    """Bytes a second in each state of the page cache."""
    keys = [f"newlines-{state}-{how}" for state, _ in STATES for how in ("mapped", "read")]
    fastest = max(speed(run[key], one) for key in keys for one in run[key].all)
    body = [
        text(14, 26, "Newlines of a file of 1 GiB, GB/s", "t"),
        text(14, 44, "A longer bar is faster. Peers with their fastest option.", "m s"),
    ]
    y, description = 54, []
    for state, name in STATES:
        mapped, read = (run[f"newlines-{state}-{how}"] for how in ("mapped", "read"))
        y += 22
        folios = f", {mapped.detail}" if mapped.detail.startswith("folios") else ""
        body.append(text(14, y, name + folios, "t"))
        y += 7
        bars = [("baremap, mapping", mapped.baremap, "o"), ("baremap, reading", read.baremap, "o")]
        for peer in (STD, MEMMAP2, MMAP_RS):
            bars.append((f"{peer}, {'reading' if peer == STD else 'mapping'}", mapped.fastest((peer,)), "p"))
        bars.append(("limit: mapped before", mapped.fastest((LIMIT,)), "q"))
        for label, one, kind in bars:
            if one is None:
                continue
            value = speed(mapped, one)
            width = (WIDTH - LEFT - 50) * value / fastest
            body += [text(14, y + 11, label, "s"), bar(y, width, kind), text(LEFT + width + 6, y + 11, f"{value:.1f}", "s")]
            y += 17
        said = ", ".join(f"{label} {speed(mapped, one):.1f}" for label, one, _ in bars if one)
        description.append(f"{name}{folios}: {said}.")
    return svg("baremap-newlines", y + 14, "Newlines of a file of 1 GiB, in GB/s", " ".join(description), body)


def memory_and_time(run):
    """Time and peak memory over the length of the file, all axes logarithmic."""
    rows = [run[f"growing-{mib}-MiB"] for mib in (1, 32, 1024, 8192)]
    lines = (
        ("baremap, mapping", "l0", lambda row: row.baremap),
        ("baremap, reading", "l1", lambda row: [one for one in row.all if one.candidate == "baremap"][1]),
        ("std, reading", "l2", lambda row: row.fastest((STD,))),
        ("memmap2, mapping", "l3", lambda row: row.fastest((MEMMAP2,), ("",))),
    )
    panels = (
        ("Most memory held", lambda one: one.peak / 1024, lambda one: memory(one.peak), (1, 10, 100, 1000), "MiB"),
        ("Time", lambda one: one.seconds * 1e3, lambda one: time(one.seconds), (0.1, 1, 10, 100), "ms"),
    )
    body, description, top = [], [], 0
    body.append(text(14, 26, "Newlines of files of 1 MiB to 8 GiB, in a new process", "t"))
    for title, value, said, ticks, unit in panels:
        values = [value(pick(row)) for _, _, pick in lines for row in rows]
        low, high = min(*values, ticks[0]), max(values)

        def x(row):
            return 72 + 190 * math.log(row.bytes / rows[0].bytes) / math.log(rows[-1].bytes / rows[0].bytes)

        def y(number):
            return top + 222 - 160 * math.log(number / low) / math.log(high / low)

        body.append(text(14, top + 50, title, "t"))
        for tick in ticks:
            body.append(f'<path class="g" d="M72 {y(tick):.0f}H262"/>')
            body.append(text(64, y(tick) + 4, f"{tick:,} {unit}", "m s", "end"))
        for row in rows:
            body.append(text(x(row), top + 244, size(row.bytes), "m s", "middle"))
        ends = []
        for name, kind, pick in lines:
            points = " ".join(f"{x(row):.0f} {y(value(pick(row))):.0f}" for row in rows)
            body.append(f'<path class="{kind}" d="M{points}"/>')
            last = pick(rows[-1])
            ends.append((y(value(last)), name, said(last)))
            each = ", ".join(f"{said(pick(row))} for {size(row.bytes)}" for row in rows)
            description.append(f"{title}, {name}: {each}.")
        floor = 0
        for at, name, end in sorted(ends):
            floor = max(floor + 16, at + 4)
            body.append(text(270, floor, f"{name} {end}", "s"))
        top += 226
    title = "Memory and time over the length of a file"
    return svg("baremap-memory", top + 40, title, " ".join(description), body, 480)
