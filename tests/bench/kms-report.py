#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""kms-report.py DIR N OUT: writes OUT.json and OUT.md from what kms.sh left."""
import json
import os
import re
import sys


def times(path):
    with open(path, encoding="ascii") as source:
        done, wall, cpu = re.match(r"(\d+) done, ([\d.]+) s wall, ([\d.]+) s",
                                   source.read()).groups()
    return {"done": int(done), "wall_s": float(wall), "cpu_s": float(cpu)}


def main():
    folder, number, out = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    bare = [times(f"{folder}/{name}") for name in ("before", "after")]
    with open(f"{folder}/run", encoding="ascii") as source:
        run = json.load(source)
    with open(f"{folder}/summary", encoding="utf-8") as source:
        summary = json.load(source)
    with open(f"{folder}/server", encoding="ascii") as source:
        begin, end = map(int, source.read().split())
    report = {"volumes": number, "bare": bare, "rewrap": run,
              "server_cpu_s": (end - begin) / 1000, "processors": os.cpu_count(),
              "rewrapped": summary["rewrapped"], "failed": summary["failed"],
              "opened": times(f"{folder}/opened")["done"]}
    for what in ("wall_s", "cpu_s"):
        mean = sum(one[what] for one in bare) / len(bare)
        report["ratio_" + what[:-2]] = run[what] / mean
    with open(out + ".json", "w", encoding="ascii") as target:
        json.dump(report, target, indent=2)
        target.write("\n")
    rows = [("bare header writes, before", bare[0]),
            ("kms rewrap", run), ("bare header writes, after", bare[1])]
    with open(out + ".md", "w", encoding="ascii") as target:
        target.write(f"Vault, {number} volumes, 5 ms added to each request:"
                     f" {report['rewrapped']} rewrapped,"
                     f" {report['failed']} failed,"
                     f" {report['opened']} open afterwards\n\n"
                     "| | wall s | cpu s |\n|---|--:|--:|\n")
        for name, row in rows:
            target.write(f"| {name} | {row['wall_s']:.2f} |"
                         f" {row['cpu_s']:.2f} |\n")
        target.write(f"| ratio to their mean | {report['ratio_wall']:.2f} |"
                     f" {report['ratio_cpu']:.2f} |\n\n"
                     f"Meanwhile the server took {report['server_cpu_s']:.2f} s"
                     f" of the same {report['processors']} processors.\n\n"
                     f"Memory of all processes together: {run['pss_kb']} kB"
                     f" proportional, {run['rss_kb']} kB resident (shared"
                     " pages counted for each)\n")


if __name__ == "__main__":
    main()
