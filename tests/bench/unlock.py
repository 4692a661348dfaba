#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""unlock.py DIR KMSCRYPT CLEVIS-SLOT AT-ONCE ARGON2ID-DUMP OUT

Runs each way to a volume's key alone and AT-ONCE times at once, on the images
that kms-unlock.sh made, and writes OUT.json and OUT.md.
"""
import json
import os
import re
import resource
import statistics
import subprocess
import sys
import threading
import time

from processes import family, memory

ALONE = 11


def commands(folder, kmscrypt, slot):
    """Name, image prefix, shell words with {i}; what it does, for people."""
    test = "cryptsetup open --test-passphrase"
    dump = (f"exec {kmscrypt} dump {folder}/%s-{{i}}.img --dump-volume-key"
            f" --volume-key-file {folder}/out-{{i}} >/dev/null 2>&1")
    return [
        ("kmscrypt, Vault", dump % "vault",
         "`kmscrypt dump --dump-volume-key`: header, registry, entry, TLS 1.3,"
         " decrypt, capsule and pins checked, key written to a new file"),
        ("kmscrypt, KMIP", dump % "kmip",
         "the same with PyKMIP: TLS 1.2, Discover Versions, Decrypt"),
        ("clevis with tang",
         f"clevis luks pass -d {folder}/clevis-{{i}}.img -s {slot} |"
         f" {test} --key-file - {folder}/clevis-{{i}}.img",
         "`clevis luks pass | cryptsetup open --test-passphrase`: what `clevis"
         " luks unlock` does before it maps; plain HTTP, keyslot pbkdf2 of"
         " 1000 iterations as clevis makes it"),
        ("cryptsetup, key file",
         f"exec {test} --key-file {folder}/keyfile {folder}/key-{{i}}.img",
         "`cryptsetup open --test-passphrase --key-file`, keyslot pbkdf2 of"
         " 1000 iterations, the least that cryptsetup takes; no server"),
        ("cryptsetup, argon2id",
         f"exec {test} --serialize-memory-hard-pbkdf --key-file {folder}/pass"
         f" {folder}/argon2id-{{i}}.img",
         "the same with what luksFormat makes by default; at once with"
         " --serialize-memory-hard-pbkdf, for each takes up to 1 GiB"),
    ]


class Watch(threading.Thread):
    """The highest sum of proportional memory of what this process started."""

    def __init__(self):
        super().__init__(daemon=True)
        self.highest = 0
        self.stop = threading.Event()

    def run(self):
        while not self.stop.wait(0.02):
            total, _ = memory(family(os.getpid())[1:])
            self.highest = max(self.highest, total)


def start(words, i, folder):
    try:
        os.unlink(f"{folder}/out-{i}")
    except FileNotFoundError:
        pass
    return subprocess.Popen(["/bin/sh", "-c", words.replace("{i}", str(i))],
                            stdin=subprocess.DEVNULL)


def used():
    """CPU seconds of children that were waited for, and theirs."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def one(words, folder):
    """Of one alone: wall, CPU, and the largest process's peak memory."""
    began, cpu = time.monotonic(), used()
    pid = start(words, 0, folder).pid
    _, status, usage = os.wait4(pid, 0)
    if status:
        sys.exit(f"failed: {words}")
    return (time.monotonic() - began, used() - cpu, usage.ru_maxrss)


def many(words, folder, n):
    watch = Watch()
    watch.start()
    began, cpu = time.monotonic(), used()
    running = [start(words, i, folder) for i in range(n)]
    codes = [process.wait() for process in running]
    wall, cpu = time.monotonic() - began, used() - cpu
    watch.stop.set()
    watch.join()
    return {"wall_s": wall, "cpu_s": cpu, "pss_kb": watch.highest,
            "failed": sum(code != 0 for code in codes)}


def argon2id(path):
    with open(path, encoding="utf-8") as dump:
        text = dump.read()
    return ", ".join(
        name.lower() + " " + re.search(name + r":\s+(\S+)", text)[1]
        for name in ("Time cost", "Memory", "Threads"))


def main():
    folder, kmscrypt, slot, n, dump, out = sys.argv[1:]
    n = int(n)
    before = os.getloadavg()[0]
    rows = []
    for name, words, what in commands(folder, kmscrypt, slot):
        one(words, folder)      # nothing is cold
        alone = [one(words, folder) for _ in range(ALONE)]
        wall, cpu, rss = (statistics.median(c) for c in zip(*alone))
        rows.append({"name": name, "what": what, "alone": {
            "wall_s": wall, "cpu_s": cpu, "maxrss_kb": rss},
            "at_once": many(words, folder, n)})
        print("#", json.dumps(rows[-1]), file=sys.stderr)
    with open(out + ".json", "w", encoding="ascii") as target:
        json.dump({"n": n, "load": before, "rows": rows}, target, indent=2)
    with open(out + ".md", "w", encoding="utf-8") as page:
        page.write(
            f"Getting at the volume key, servers on loopback, no device"
            f" mapped; {os.cpu_count()} processors, load average at the start"
            f" {before:.1f}. Alone: median of {ALONE}. CPU is the client's"
            f" processes', not the servers'.\n\n"
            f"| | wall ms | cpu ms | peak MiB (largest process) | {n} at"
            f" once: wall s | cpu s | peak MiB (all, proportional) | failed"
            " |\n|---|--:|--:|--:|--:|--:|--:|--:|\n")
        for row in rows:
            a, m = row["alone"], row["at_once"]
            page.write(
                f"| {row['name']} | {a['wall_s'] * 1000:.0f} |"
                f" {a['cpu_s'] * 1000:.0f} | {a['maxrss_kb'] / 1024:.0f} |"
                f" {m['wall_s']:.2f} | {m['cpu_s']:.2f} |"
                f" {m['pss_kb'] / 1024:.0f} | {m['failed']} |\n")
        page.write("\n")
        for row in rows:
            page.write(f"- {row['name']}: {row['what']}\n")
        page.write(f"\nargon2id as luksFormat chose it, which is less when the"
                   f" machine is busy: {argon2id(dump)}.\n")


if __name__ == "__main__":
    main()
