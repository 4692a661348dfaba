#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Compares JSON output with what kmscrypt-json(5) says: the page itself is the
schema.

    json-schema.py PAGE check SECTION [SEEN] <OUTPUT
        each document of OUTPUT: every member is documented, with its type, and
        every member that is not optional is there. Paths that were met are
        added to the file SEEN.
    json-schema.py PAGE commands
        the commands that have a section
    json-schema.py PAGE unseen SEEN
        documented paths that are not in SEEN

In the page a section is ".Ss NAME, NAME...", a member in it is ".It Va PATH Pq
TYPE" or ".It Va PATH Pq TYPE , optional"; [] follows the name of an array.
"""
import json
import re
import sys

MEMBER = re.compile(r"^\.It Va (\S+) Pq "
                    r"(string|number|boolean|array|object)( , optional)?$")
TYPES = {str: "string", bool: "boolean", int: "number", float: "number",
         list: "array", dict: "object"}


def read_page(name):
    sections, current = {}, None
    with open(name, encoding="utf-8") as page:
        for line in page.read().splitlines():
            if line.startswith(".Ss "):
                current = {}
                for title in line[4:].split(", "):
                    sections[title] = current
            elif line.startswith(".Sh "):
                current = None
            elif line.startswith(".It Va "):
                match = MEMBER.match(line)
                if current is None or not match:
                    sys.exit("nobody understands: " + line)
                current[match[1]] = (match[2], bool(match[3]))
    return sections


def documents(text):
    decoder, at = json.JSONDecoder(), 0
    while text[at:].strip():
        at += len(text[at:]) - len(text[at:].lstrip())
        document, at = decoder.raw_decode(text, at)
        yield document


def parent_of(path):
    return path.rpartition(".")[0]


def walk(value, path, schema, seen, say):
    """@path is that of @value, an object."""
    for name, child in value.items():
        kind = TYPES.get(type(child), "null")
        here = (path + "." if path else "") + name
        if kind == "array":
            here += "[]"
        if here not in schema:
            say("not documented: %s (%s)" % (here, kind))
            continue
        seen.add(here)
        if schema[here][0] != kind:
            say("%s is a %s, documented as %s" % (here, kind, schema[here][0]))
        elements = child if kind == "array" else [child]
        for element in elements:
            if isinstance(element, dict):
                walk(element, here, schema, seen, say)
    for other, (_, optional) in schema.items():
        name = other.rpartition(".")[2].removesuffix("[]")
        if parent_of(other) == path and not optional and name not in value:
            say("missing: " + other)


def check(schema, text, seen):
    problems, count = [], 0
    for document in documents(text):
        count += 1
        walk(document, "", schema, seen, problems.append)
    if not count:
        problems.append("no document")
    return problems


def main():
    sections = read_page(sys.argv[1])
    action, rest = sys.argv[2], sys.argv[3:]
    if action == "commands":
        print("\n".join(sections))
        return
    if action == "unseen":
        with open(rest[0], encoding="utf-8") as source:
            met = set(source.read().splitlines())
        for title, schema in sections.items():
            for path in schema:
                if title + ": " + path not in met:
                    print(title + ": " + path)
        return
    if rest[0] not in sections:
        sys.exit("no section " + rest[0])
    seen = set()
    problems = check(sections[rest[0]], sys.stdin.read(), seen)
    if len(rest) > 1:
        with open(rest[1], "a", encoding="utf-8") as target:
            for path in sorted(seen):
                print(rest[0] + ": " + path, file=target)
    print("\n".join(problems))
    sys.exit(bool(problems))


if __name__ == "__main__":
    main()
