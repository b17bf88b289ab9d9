"""The measurements as Markdown."""

import textwrap

from rendering.data import memory, option, size, speed, time
from rendering.works import FIVE, GROUPS, LIBC, LIMIT, MEMMAP2, MMAP_RS, PEERS, RUSTIX, STD

COLUMNS = (STD, MEMMAP2, MMAP_RS, RUSTIX, LIBC, LIMIT)


def wrapped(text, indent=""):
    return textwrap.fill(
        text, 125, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )


def words(work, row):
    detail = row.detail or "folios of unknown length"
    number, _, what = detail.partition(" ")
    if number.isdigit():
        detail = f"{int(number):,} {what}"
    if detail == "at most 0.0 % cached":
        detail = "not cached"
    return work.words.format(size=size(row.bytes), detail=detail)


def takes(row, one, has_speed):
    parts = [time(one.seconds)]
    if has_speed:
        parts.append(f"{speed(row, one):.1f} GB/s")
    if one.peak:
        parts.append(memory(one.peak))
    return ", ".join(parts)


def times(one, spread=False, name=""):
    text = f"{one.ratio:.2f}×"
    if spread:
        text += f" [{one.low:.2f}–{one.high:.2f}]"
    if name:
        text += f" {name}"
    if one.peak:
        text += f", {memory(one.peak)}"
    return text


def named(one, spread=False):
    return times(one, spread, f"{one.candidate} {option(one)}".strip())


def verdict(goal, row):
    """Whether the goal is met, or by how much it is missed; None without a measurement."""
    one = row.fastest(goal.peers, goal.options)
    if one is None:
        return None
    short = 1 - one.ratio / goal.at_least
    if short <= 0:
        return "met"
    return f"**missed by {100 * short:.1f} %**" if short < 0.0095 else f"**missed by {100 * short:.0f} %**"


def verdicts(run, group):
    for work in group.works:
        if work.key in run:
            for goal in work.goals:
                result = verdict(goal, run[work.key])
                if result:
                    yield goal, result


def growth(run):
    """Time must grow as the length, memory must not."""
    long, before = (run.rows.get(f"growing-{mib}-MiB") for mib in (8192, 1024))
    if not (long and before):
        return None
    slower = long.baremap.seconds / before.baremap.seconds * before.bytes / long.bytes
    more = long.baremap.peak / before.baremap.peak
    result = "met" if slower <= 1.1 and more <= 1.1 else "**missed**"
    return (
        f"From 1 GiB to 8 GiB, a byte takes {slower:.2f} times as long, and the memory is {more:.2f} times as much. "
        f"Goal: at most 1.10 times: {result}.",
        result,
    )


def table(run, group):
    rows = [(work, run[work.key]) for work in group.works if work.key in run]
    columns = [name for name in COLUMNS if any(row.fastest((name,)) for _, row in rows)]
    # What the column of the fastest peer says of a single peer is not said again.
    if len([name for name in columns if name != LIMIT]) == 1:
        columns = [name for name in columns if name == LIMIT]
    # An option that is the same in all rows stands in the head of the column.
    options = {name: {option(row.fastest((name,))) for _, row in rows if row.fastest((name,))} for name in columns}
    common = {name: words.copy().pop() for name, words in options.items() if len(words) == 1}
    readers = any(sum(one.candidate == "baremap" for one in row.all) > 1 for _, row in rows)
    has_goals = any(work.goals for work, _ in rows)
    heads = ["work", "baremap takes", *(["by reading"] if readers else []), "the fastest peer takes"]
    for name in columns:
        heads.append(f"{name}{':' if name == LIMIT and common.get(name) else ''} {common.get(name, '')}".strip())
    heads += ["goals"] if has_goals else []
    out = [heads, ["---"] * len(heads)]
    for work, row in rows:
        fastest = row.fastest(PEERS)
        cells = [words(work, row), takes(row, row.baremap, work.speed)]
        if readers:
            cells.append(times([one for one in row.all if one.candidate == "baremap"][1]))
        cells.append(named(fastest, spread=True) if fastest else "")
        for name in columns:
            one = row.fastest((name,))
            cells.append(times(one, name="" if name in common else option(one)) if one else "")
        if has_goals:
            results = ((goal, verdict(goal, row)) for goal in work.goals)
            cells.append("; ".join(f"{result}: {goal.words}" for goal, result in results if result))
        out.append(cells)
    return "".join(f"| {' | '.join(cells)} |\n" for cells in out)


def section(run, group, chart):
    if not any(work.key in run for work in group.works):
        return ""
    out = f"### {group.title}\n\n{wrapped(group.sentences)}\n\n{table(run, group)}"
    reasons = {}
    for goal, result in verdicts(run, group):
        if result != "met":
            reasons.setdefault(goal.why, {}).setdefault(goal.words, []).append(result.strip("*"))
    lines = []
    for why, missed in reasons.items():
        goals = "; ".join(f"{goal}, {joined(results)}" for goal, results in missed.items())
        lines.append(f"- {goals[0].upper()}{goals[1:]}: {why}")
    lines += [f"- {work.note}" for work in group.works if work.note and work.key in run]
    if group.letters == "h" and growth(run):
        lines.append(f"- {growth(run)[0]}")
    if lines:
        out += "\n" + "".join(wrapped(line, "  ") + "\n" for line in lines)
    picture = group.chart and chart(group.chart)
    return f"{out}\n{picture}\n\n" if picture else f"{out}\n"


def joined(results):
    """'missed by 3 %', 'missed by 1 %': 'missed by 3 % and 1 %'."""
    parts = [results[0], *(result.removeprefix("missed by ") for result in results[1:])]
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def score(run):
    results = [result for group in GROUPS for _, result in verdicts(run, group)]
    if growth(run):
        results.append(growth(run)[1])
    met = results.count("met")
    return f"Of {len(results)} goals of time and memory {met} are met and {len(results) - met} missed."


def machine(run):
    names = ("date", "processor", "memory", "system", "load before", "compiler", "peers", "commit", "command")
    rows = "".join(f"| {name} | {run.head.get(name, 'not recorded')} |\n" for name in names)
    note = f"\n{run.head['note']}\n" if "note" in run.head else ""
    return f"| | |\n|---|---|\n{rows}{note}"


def both(run, other):
    """The works that both machines did: time, and the fastest peer."""
    out = "| work | baremap, here | the fastest peer, here | baremap, there | the fastest peer, there |\n"
    out += "|---|---|---|---|---|\n"
    for group in GROUPS:
        for work in group.works:
            if work.key in run and work.key in other and run[work.key].fastest(PEERS):
                cells = [words(work, run[work.key])]
                if run[work.key].detail != other[work.key].detail:
                    cells[0] += f" (there: {other[work.key].detail})"
                for row in (run[work.key], other[work.key]):
                    cells += [time(row.baremap.seconds), named(row.fastest(PEERS), spread=True)]
                out += f"| {' | '.join(cells)} |\n"
    return out


def five(run):
    """The table for the crate's README, and what it was measured on."""
    out = "| work | baremap | best peer | another peer |\n|---|---|---|---|\n"

    def cell(one, key):
        # Where peers read and map, it is said which does.
        how = f", by {'reading' if one.candidate == STD else 'mapping'}" if key.startswith("newlines") else ""
        return f"{one.ratio:.2f}×: {one.candidate} {option(one)}".strip() + how

    for key, name, _, other in FIVE:
        row = run[key]
        fastest, another = row.fastest(PEERS), row.fastest(other)
        cells = [name, time(row.baremap.seconds), cell(fastest, key), cell(another, key) if another else ""]
        out += f"| {' | '.join(cells)} |\n"
    longest = run["growing-8192-MiB"]
    held = memory(longest.baremap.peak), memory(longest.fastest((MEMMAP2,), ("",)).peak)
    out += f"\nPeak memory, 8 GiB read by mapping: `Reader::mapped` {held[0]}, memmap2 {held[1]}. "
    return out + f"{place(run).replace(', 2 processors', '')}.\n"


def place(run):
    """The machine in a few words: the kernel without what the distributor appended."""
    return f"{run.head['processor']}, {run.head['system'].split(',')[0].split('-')[0]}, {run.head['date']}"
