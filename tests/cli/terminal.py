#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs a command on a terminal of its own and types.

    terminal.py ANSWER... -- COMMAND ARGUMENT...

Each ANSWER is typed when the output ends in ": ", and a "|" marks in what is
printed where that was. Ends with the command's exit code.
"""
import os
import pty
import sys
import time


def main():
    at = sys.argv.index("--")
    answers, command = sys.argv[1:at], sys.argv[at + 1:]
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(command[0], command)
    seen = b""
    while True:
        try:
            data = os.read(terminal, 4096)
        except OSError:     # its other side is closed
            break
        seen += data
        if seen.endswith(b": ") and answers:
            # Not before the prompt's own flush of what was typed ahead.
            time.sleep(0.1)
            os.write(terminal, answers.pop(0).encode() + b"\n")
            seen += b"|"
    sys.stdout.write(seen.decode())
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


if __name__ == "__main__":
    sys.exit(main())
