#!/usr/bin/python3
"""Check the budgets: a file up to 600 lines, a function up to 60.

A function that is over it, with a reason, is listed in sizes-allowed.txt as
"file function lines"; it may not grow past that number.
"""
import pathlib
import re
import sys

FILE_LINES = 600
FUNCTION_LINES = 60
NAME = re.compile(r"([A-Za-z_]\w*)\s*\(")


def functions(lines):
    """Yield (name, first line, length) of each function in kernel style."""
    start = None
    head = ""
    for number, line in enumerate(lines, 1):
        if line and not line[0].isspace() and line[0] not in "#/*{}":
            if not head.rstrip().endswith((",", "(")):
                head = ""
            head += line
        elif head and start is None and line[:1].isspace():
            head += line
        if line == "{" and "(" in head and "=" not in head.split("(")[0]:
            start = number
        elif line == "}" and start is not None:
            match = NAME.search(head)
            yield match.group(1) if match else "?", start, number - start + 1
            start = None
            head = ""


def main():
    here = pathlib.Path(__file__).parent
    allowed = {}
    for line in (here / "sizes-allowed.txt").read_text().splitlines():
        if line and not line.startswith("#"):
            name, function, most = line.split()
            allowed[(name, function)] = int(most)
    bad = 0
    seen = 0
    for name in sys.argv[1:]:
        lines = pathlib.Path(name).read_text().splitlines()
        if len(lines) > allowed.get((name, "-"), FILE_LINES):
            print(f"{name}: {len(lines)} lines, at most {FILE_LINES}")
            bad = 1
        for function, first, length in functions(lines):
            seen += 1
            if length > allowed.get((name, function), FUNCTION_LINES):
                print(f"{name}:{first}: {function} has {length} lines, "
                      f"at most {FUNCTION_LINES}")
                bad = 1
    if not seen:
        print("no function was seen: the check does not work")
        bad = 1
    return bad


sys.exit(main())
