# SPDX-License-Identifier: GPL-2.0-or-later
"""ACL policies: the subset of HCL they are written in, and path matching."""
import json
import re

from .reply import Refusal

CAPABILITIES = ("create", "read", "update", "delete", "list", "sudo", "deny",
                "patch", "root", "scan")
ORDER = ("create", "delete", "list", "patch", "read", "scan", "sudo", "update")
DEFAULT_POLICY = """
path "auth/token/lookup-self" { capabilities = ["read"] }
path "auth/token/renew-self" { capabilities = ["update"] }
path "auth/token/revoke-self" { capabilities = ["update"] }
path "sys/capabilities-self" { capabilities = ["update"] }
"""
TOKENS = re.compile(
    r'(?P<skip>\s+|\#[^\n]*|//[^\n]*|/\*.*?\*/)'
    r'|(?P<string>"(?:[^"\\]|\\.)*")|(?P<word>[A-Za-z_]\w*)'
    r'|(?P<sign>[{}\[\]=,])', re.S)


def scan(text):
    at = 0
    while at < len(text):
        match = TOKENS.match(text, at)
        if not match:
            raise Refusal(400, "failed to parse policy: illegal character %r"
                          % text[at])
        at = match.end()
        if match.lastgroup != "skip":
            yield match.lastgroup, match.group()
    yield "end", ""


class Parser:
    """path "x" { capabilities = [...] }, any number of them."""

    def __init__(self, text):
        self.tokens = scan(text)
        self.kind, self.text = next(self.tokens)

    def take(self, *wanted):
        if self.kind not in wanted and self.text not in wanted:
            raise Refusal(400, "failed to parse policy: expected %s got: %s"
                          % (" or ".join(wanted), self.text or "EOF"))
        text = self.text
        if self.kind != "end":
            self.kind, self.text = next(self.tokens)
        return text

    def strings(self):
        self.take("[")
        found = []
        while self.text != "]":
            found.append(json.loads(self.take("string")))
            if self.text == ",":
                self.take(",")
        self.take("]")
        return found

    def rules(self):
        found = {}
        while self.kind != "end":
            self.take("path")
            path = json.loads(self.take("string"))
            self.take("{")
            found.setdefault(path, [])
            while self.text != "}":
                name = self.take("word", "string").strip('"')
                if name != "capabilities":
                    # Granting more than the text says would be worse.
                    raise Refusal(400, "failed to parse policy: %r is not"
                                  " known to this test server" % name)
                self.take("=")
                found[path] += self.strings()
            self.take("}")
        return found


def parse(text):
    """{path: [capability]}; refuses what it does not understand."""
    if text.lstrip().startswith("{"):
        try:
            tree = json.loads(text)["path"]
            rules = {path: list(rule["capabilities"])
                     for path, rule in tree.items()}
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise Refusal(400, "failed to parse policy: %s" % error) from None
    else:
        rules = Parser(text).rules()
    for path, capabilities in rules.items():
        for capability in capabilities:
            if capability not in CAPABILITIES:
                raise Refusal(400, 'failed to parse policy: path "%s": path'
                              ' "%s": invalid capability "%s"'
                              % (path, path, capability))
    return rules


def matches(pattern, path):
    glob = pattern.endswith("*")
    wanted = (pattern[:-1] if glob else pattern).split("/")
    given = path.split("/")
    if len(given) < len(wanted) or (not glob and len(given) != len(wanted)):
        return False
    last = len(wanted) - 1
    for at, want in enumerate(wanted):
        if want == "+":
            if not given[at]:
                return False
        elif glob and at == last:
            if not "/".join(given[at:]).startswith(want):
                return False
        elif want != given[at]:
            return False
    return True


def specificity(pattern):
    """Sorts as the documented precedence does: the greatest one applies."""
    wild = [at for at in (pattern.find("+"), pattern.find("*")) if at >= 0]
    return (min(wild) if wild else len(pattern) + 1,
            not pattern.endswith("*"),
            -pattern.split("/").count("+"),
            len(pattern),
            pattern)


def capabilities(policies, path):
    """What parsed policies, together, allow on path; ["deny"] if nothing."""
    merged = {}
    for rules in policies:
        for pattern, allowed in rules.items():
            merged.setdefault(pattern, set()).update(allowed)
    fitting = [p for p in merged if p == path or matches(p, path)]
    if not fitting:
        return ["deny"]
    if path in fitting:
        allowed = merged[path]
    else:
        allowed = merged[max(fitting, key=specificity)]
    if "deny" in allowed or not allowed:
        return ["deny"]
    return [c for c in ORDER if c in allowed]
