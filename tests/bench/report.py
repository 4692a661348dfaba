#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Make report.json and report.md of what the guest has printed.

usage: report.py RELEASE REPORT MODE=FILE...

Writes REPORT.json and REPORT.md. "floor" is what dm-linear takes plus one
call of the crypto API a sector, with the cheapest handle that there is.
"""
import json
import statistics
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
                cells[key] = [float(word) for word in words[6:]]
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
    return cells, calls


def as_json(mode, cells):
    for (sector, workload, size, depth, target), values in cells.items():
        yield {
            "mode": mode, "sector": sector, "workload": workload, "bs": size,
            "qd": depth, "target": target,
            "ns_per_io": statistics.median(values),
            "spread": [min(values), max(values)],
        }


def size_name(size):
    return f"{size >> 20}M" if size >= 1 << 20 else f"{size >> 10}k"


def as_text(mode, cells, calls):
    yield f"## {mode}\n\n"
    for (handle, way, size), cost in calls.items():
        yield f"- a call, {handle} handle, {way}, {size} bytes: {cost:.0f}\n"
    for sector in sorted({key[0] for key in cells}):
        yield f"\n### Sectors of {sector} bytes\n\n| cell |"
        yield "".join(f" {target} |" for target in TARGETS)
        yield " kmscrypt/floor | nowq/kmscrypt | crypt/kmscrypt |\n|---|"
        yield "--:|" * (len(TARGETS) + 3) + "\n"
        for cell in dict.fromkeys(k[:4] for k in cells if k[0] == sector):
            ns = {t: statistics.median(cells[(*cell, t)]) for t in TARGETS}
            ours = ns["kmscrypt"]
            yield f"| {cell[1]} {size_name(cell[2])} qd{cell[3]} |"
            yield "".join(f" {ns[target]:.0f} |" for target in TARGETS)
            yield (f" {ours / ns['floor']:.3f} |"
                   f" {ns['crypt-nowq'] / ours:.2f} |"
                   f" {ns['crypt'] / ours:.2f} |\n")
    yield "\n"


HEAD = """# kmscrypt on {release}

Instructions an I/O of one processor (QEMU -icount), over a ramdisk that was
written before; AES-256-XTS. The median of three rounds; report.json has the
spread. floor is dm-linear plus one call of the crypto API a sector.
icount-noerms is a processor without fast string instructions, where clearing
a page costs closer to what hardware takes.

Not shown: cache misses, the cost of saving vector registers, and anything
that a second processor would do or suffer.

"""


def main():
    release, report, *files = sys.argv[1:]
    everything = []
    with open(report + ".md", "w", encoding="utf-8") as text:
        text.write(HEAD.format(release=release))
        for file in files:
            mode, name = file.split("=", 1)
            cells, calls = read(name)
            everything += as_json(mode, cells)
            text.writelines(as_text(mode, cells, calls))
    with open(report + ".json", "w", encoding="utf-8") as out:
        json.dump({"kernel": release, "cells": everything}, out, indent=1)
        out.write("\n")


main()
