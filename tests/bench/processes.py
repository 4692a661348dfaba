# SPDX-License-Identifier: GPL-2.0-or-later
"""What a process and all that it started take."""


def family(pid):
    """The process, its children and theirs; those that are gone are left out."""
    members = [pid]
    try:
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as f:
            for child in f.read().split():
                members += family(int(child))
    except OSError:
        pass
    return members


def memory(pids):
    """kB, proportional and resident: shared pages count once, or for each."""
    sums = {"Pss": 0, "Rss": 0}
    for pid in pids:
        try:
            with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as f:
                for line in f:
                    name = line.split(":")[0]
                    if name in sums:
                        sums[name] += int(line.split()[1])
        except OSError:
            pass
    return sums["Pss"], sums["Rss"]
