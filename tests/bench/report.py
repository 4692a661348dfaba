#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Make report.json and report.md of what the guest has printed.

usage: report.py RELEASE REPORT MODE=FILE...

Writes REPORT.json, REPORT.md and for each mode REPORT-MODE.svg. "floor" is
what dm-linear takes plus one call of the crypto API a sector, with the cheapest
handle that there is. Modes tricks and tricks-smp2 have kmscrypt and what it is
without one trick each; they come last in REPORT.md, and in REPORT.json apart.
"""
import json
import pathlib
import statistics
import subprocess
import sys

TARGETS = ["raw", "linear", "floor", "crypt", "crypt-nowq", "kmscrypt"]


def read(name):
    """The cells of a file, by (sector, workload, bs, qd, target)."""
    cells = {}
    calls = {}
    with open(name, encoding="utf-8") as lines:
        for line in lines:
            words = line.split()
            if words[:1] == ["cell"]:
                sector, workload, size, depth, target = words[1:6]
                key = int(sector), workload, int(size), int(depth), target
                cells.setdefault(key, []).extend(map(float, words[6:]))
            elif words[:1] == ["call"]:
                handle, way, size, cost = words[1:]
                calls[handle, way, int(size)] = int(cost) / 100
    for key in [key for key in cells if key[4] == "linear"]:
        sector, workload, size, depth, _ = key
        way = "write" if "write" in workload else "read"
        cost = min(calls[call] for call in calls if call[1:] == (way, sector))
        cells[(*key[:4], "floor")] = [
            value + size // sector * cost for value in cells[key]]
    if not cells or not calls:
        sys.exit(f"report: nothing in {name}")
    short = len(max(cells.values(), key=len))
    if any(len(values) < short for values in cells.values()):
        sys.exit(f"report: cells are missing in {name}")
    return cells, calls


def as_json(mode, cells):
    for (sector, workload, size, depth, target), values in cells.items():
        yield {
            "mode": mode, "sector": sector, "workload": workload, "bs": size,
            "qd": depth, "target": target,
            "ns_per_io": statistics.median(values),
            "spread": list(spread(values)),
        }


def spread(values):
    """The quarter below and the quarter above: one hiccup is not news."""
    if len(values) < 4:
        return min(values), max(values)
    low, _, high = statistics.quantiles(values, n=4)
    return low, high


def size_name(size):
    return f"{size >> 20}M" if size >= 1 << 20 else f"{size >> 10}k"


def cell_name(cell):
    return f"{cell[1]} {size_name(cell[2])} qd{cell[3]}"


def medians(cells, cell):
    return {t: statistics.median(cells[(*cell, t)]) for t in TARGETS}


def rows(cells, sector):
    """The names of a sector size's cells, without the target."""
    return dict.fromkeys(key[:4] for key in cells if key[0] == sector)


def sectors(cells):
    return sorted({key[0] for key in cells})


def plot(mode, cells, report):
    """Draw times floor, the two sector sizes one above the other."""
    data = pathlib.Path(f"{report}-{mode}.dat")
    with data.open("w", encoding="utf-8") as out:
        for sector in sectors(cells):
            for cell in rows(cells, sector):
                ns = medians(cells, cell)
                ratios = [ns[target] / ns["floor"]
                          for target in ("crypt", "crypt-nowq", "kmscrypt")]
                print(f'"{cell_name(cell)}"', *ratios, file=out)
            print("\n", file=out)
    settings = (f"data='{data}'; out='{report}-{mode}.svg'; "
                f"name='kmscrypt and dm-crypt, {mode}'")
    subprocess.run(["gnuplot", "-e", settings,
                    pathlib.Path(__file__).with_name("plot.gp")], check=True)
    data.unlink()


def as_text(mode, cells, calls):
    yield f"## {mode}\n\n"
    for (handle, way, size), cost in calls.items():
        yield f"- a call, {handle} handle, {way}, {size} bytes: {cost:.0f}\n"
    for sector in sectors(cells):
        yield f"\n### Sectors of {sector} bytes\n\n| cell |"
        yield "".join(f" {target} |" for target in TARGETS)
        yield " kmscrypt/floor | nowq/kmscrypt | crypt/kmscrypt |"
        yield " spread |\n|---|"
        yield "--:|" * (len(TARGETS) + 4) + "\n"
        for cell in rows(cells, sector):
            ns = medians(cells, cell)
            ours = ns["kmscrypt"]
            low, high = spread(cells[(*cell, "kmscrypt")])
            yield f"| {cell_name(cell)} |"
            yield "".join(f" {ns[target]:.0f} |" for target in TARGETS)
            yield (f" {ours / ns['floor']:.3f} |"
                   f" {ns['crypt-nowq'] / ours:.2f} |"
                   f" {ns['crypt'] / ours:.2f} |"
                   f" {low / ours:.2f}-{high / ours:.2f} |\n")
    yield "\n"


def tricks_ratios(cells):
    """What each cell takes without a trick, as a multiple of with all."""
    ours = {key[:4]: statistics.median(values)
            for key, values in cells.items() if key[4] == "kmscrypt"}
    for key, values in cells.items():
        if key[4] != "kmscrypt":
            yield key, statistics.median(values) / ours[key[:4]]


def tricks_json(mode, cells):
    for (sector, workload, size, depth, trick), ratio in tricks_ratios(cells):
        yield {
            "mode": mode, "sector": sector, "workload": workload, "bs": size,
            "qd": depth, "without": trick, "ratio": ratio,
        }


def tricks_text(mode, cells):
    ratios = dict(tricks_ratios(cells))
    tricks = dict.fromkeys(key[4] for key in ratios)
    yield f"## {mode}\n\n| sector, cell |"
    yield "".join(f" {trick} |" for trick in tricks) + "\n|---|"
    yield "--:|" * len(tricks) + "\n"
    for cell in dict.fromkeys(key[:4] for key in ratios):
        yield f"| {cell[0]}, {cell_name(cell)} |"
        yield "".join(f" {ratios[(*cell, trick)]:.3f} |" for trick in tricks)
        yield "\n"
    yield "\n"


HEAD = """# kmscrypt on {release}

Over a ramdisk that was written before; AES-256-XTS. floor is dm-linear plus
one call of the crypto API a sector. Figures are medians.

The icount modes give instructions an I/O of one processor (QEMU -icount),
three rounds. icount-noerms is a processor without fast string instructions,
where clearing a page costs closer to what hardware takes. They do not show
cache misses, the cost of saving vector registers, and anything that a second
processor would do or suffer.

The smp2 modes give nanoseconds an I/O of an emulated machine with two
processors, 15 rounds over all targets in turn; in smp2-busy the second one is
busy with something else. Only ratios within a mode mean anything. spread is
kmscrypt's first quartile to its third, as parts of the median.

The tricks modes say what each trick earns: how many times longer an I/O takes
without it. tests/bench/tricks/ has a patch for each, which takes it out.
tricks counts instructions as icount-noerms does, tricks-smp2 is by the clock.

"""


def main():
    release, report, *files = sys.argv[1:]
    everything = []
    tricks = []
    with open(report + ".md", "w", encoding="utf-8") as text:
        text.write(HEAD.format(release=release))
        for file in files:
            mode, name = file.split("=", 1)
            cells, calls = read(name)
            if mode.startswith("tricks"):
                tricks += tricks_json(mode, cells)
                text.writelines(tricks_text(mode, cells))
                continue
            everything += as_json(mode, cells)
            text.writelines(as_text(mode, cells, calls))
            plot(mode, cells, report)
    with open(report + ".json", "w", encoding="utf-8") as out:
        json.dump({"kernel": release, "cells": everything,
                   "tricks": tricks}, out, indent=1)
        out.write("\n")


main()
