#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Compares the command table (kmscrypt commands --json, on standard input)
with a manual page. Prints a line for each difference; none: exit 0.

    kmscrypt commands --json | man.py man/kmscrypt.8
"""
import json
import re
import sys


def section(lines, name):
    start = lines.index(".Sh " + name) + 1
    for end in range(start, len(lines)):
        if lines[end].startswith(".Sh "):
            return lines[start:end]
    return lines[start:]


def plain(text):
    """Arguments as the table writes them: no spaces before brackets."""
    text = re.sub(r" Ns Op ,([^ ]*)", r"[,\1]", text)
    return re.sub(r"^Op Ar (.*)$", r"[\1]", text.replace(".Ar ", "")
                  .replace(".Op Ar ", "Op Ar "))


def synopsis(lines):
    commands, current = {}, None
    for line in section(lines, "SYNOPSIS"):
        if line == ".Nm":
            current = {"arguments": [], "options": {}}
        elif line.startswith(".Cm "):
            commands[line[4:]] = current
        elif line.startswith((".Op Fl -", ".Fl -")):
            words = line.split("Fl -")[1].split(" Ar ")
            current["options"][words[0]] = (
                words[1] if len(words) > 1 else None, line.startswith(".Fl"))
        elif line.startswith((".Ar ", ".Op Ar ")):
            current["arguments"].append(plain(line))
        else:
            print("a line of the synopsis that nobody understands:", line)
    return commands


def documented(lines, name, macro):
    """What has an .It of its own."""
    found = set()
    for line in section(lines, name):
        if not line.startswith(".It %s " % macro):
            continue
        for part in re.split(r"(?: , )?%s " % macro, line[4:]):
            if part:
                found.add(re.split(r" (?:Ar|Op)\b", part)[0].strip(" ,"))
    return found


def main():
    with open(sys.argv[1], encoding="utf-8") as source:
        lines = source.read().splitlines()
    table = {c["path"]: c for c in json.load(sys.stdin) if not c["hidden"]}
    manual = synopsis(lines)
    differences = []
    say = differences.append
    if list(table) != list(manual):
        say("commands, or their order: %s against %s"
            % (list(table), list(manual)))
    for path in set(table) & set(manual):
        options = {o["name"]: (o.get("argument"), o["required"])
                   for o in table[path]["options"] if o["name"] != "help"}
        if options != manual[path]["options"]:
            for name in sorted(set(options) | set(manual[path]["options"])):
                ours = options.get(name)
                theirs = manual[path]["options"].get(name)
                if ours != theirs:
                    say("%s --%s: table %s, manual %s"
                        % (path, name, ours, theirs))
        arguments = " ".join(manual[path]["arguments"])
        if arguments != table[path]["arguments"]:
            say("%s: table %r, manual %r"
                % (path, table[path]["arguments"], arguments))
    for path in set(table) - documented(lines, "COMMANDS", "Cm"):
        say("no paragraph for the command " + path)
    every = {o["name"] for c in table.values() for o in c["options"]}
    paragraphs = {n.lstrip("-") for n in documented(lines, "OPTIONS", "Fl")}
    for name in sorted(every ^ paragraphs):
        say("table and OPTIONS differ about --" + name)
    print("\n".join(differences))
    sys.exit(bool(differences))


if __name__ == "__main__":
    main()
