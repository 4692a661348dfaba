#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""kms-run.py RESULT COMMAND...: runs it and writes what it took to RESULT, as
JSON: seconds by the clock and of processor, and the highest sum of memory of
the command and all its workers (proportional: pages that they share count
once; resident: they count for each)."""
import json
import os
import resource
import subprocess
import sys
import time

from processes import family, memory


def main():
    result, command = sys.argv[1], sys.argv[2:]
    start = time.monotonic()
    highest = [0, 0]
    with subprocess.Popen(command) as process:
        while process.poll() is None:
            now = memory(family(process.pid))
            highest = [max(pair) for pair in zip(highest, now)]
            time.sleep(0.05)
    wall = time.monotonic() - start
    # this process's own looking at /proc is not among its children's
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    with open(result, "w", encoding="ascii") as out:
        json.dump({"wall_s": wall, "cpu_s": used.ru_utime + used.ru_stime,
                   "pss_kb": highest[0], "rss_kb": highest[1],
                   "exit": process.returncode}, out)
    return process.returncode


if __name__ == "__main__":
    os.environ.setdefault("LC_ALL", "C.UTF-8")
    sys.exit(main())
