# SPDX-License-Identifier: GPL-2.0-or-later
"""Faults that a test orders: which request they hit, and what then happens.

A rule is JSON: {"action": NAME, "path": REGEX, "method": M, "times": N,
"skip": N, ...parameters}. path is searched in the request path (/v1/...) and
default to all; times counts down and then the rule rests (default: always);
skip lets so many matching requests through first. The first fitting rule acts.
"""
import re
import threading

from .reply import Refusal

# action: (stage, parameters and their defaults)
#   connection  before TLS; path and method do not apply
#   before      instead of the request's own effect
#   after       the request takes effect, its answer is what is damaged
ACTIONS = {
    "hang-accept":  ("connection", {"seconds": 600}),
    "drop-accept":  ("connection", {}),
    "reset-accept": ("connection", {}),
    "delay":        ("delay", {"ms": 1000}),
    "status":       ("before", {"status": 500, "body": {"errors": ["fault"]},
                                "headers": {}}),
    "html502":      ("before", {}),
    "garbage":      ("before", {}),
    "oversized":    ("before", {"size": 2 * 1024 * 1024}),
    "endless":      ("before", {"seconds": 600}),
    "hang":         ("before", {"seconds": 600}),
    "hang-headers": ("before", {"seconds": 600}),
    "drop":         ("before", {}),
    "truncated":    ("after", {"missing": 100}),
    "hang-body":    ("after", {"seconds": 600}),
    "drop-after":   ("after", {}),
    "close":        ("after", {}),
    "slow":         ("after", {"ms": 200}),
    "body":         ("after", {"body": ""}),
    "spoil":        ("after", {}),
}
COMMON = ("action", "path", "method", "times", "skip")


class Faults:
    def __init__(self):
        self.lock = threading.Lock()
        self.rules = []
        self.serial = 0
        self.cleared = threading.Event()

    def add(self, given):
        if not isinstance(given, dict) or given.get("action") not in ACTIONS:
            raise Refusal(400, "action must be one of %s"
                          % " ".join(sorted(ACTIONS)))
        defaults = ACTIONS[given["action"]][1]
        unknown = set(given) - set(COMMON) - set(defaults)
        if unknown:
            raise Refusal(400, "unknown members: %s"
                          % " ".join(sorted(unknown)))
        try:
            re.compile(given.get("path", ""))
        except re.error as error:
            raise Refusal(400, "path: %s" % error) from None
        with self.lock:
            self.serial += 1
            rule = dict(defaults, path="", method=None, times=None, skip=0,
                        id=self.serial, hits=0)
            rule.update(given)
            self.rules.append(rule)
        return rule

    def clear(self):
        """Forgets all rules and ends what hangs because of them."""
        with self.lock:
            self.rules = []
            self.cleared.set()
            self.cleared = threading.Event()

    def list(self):
        with self.lock:
            return [dict(rule) for rule in self.rules]

    def pick(self, stages, path="", method=None):
        """The rule to act by now, or None; counts the hit."""
        with self.lock:
            for rule in self.rules:
                if ACTIONS[rule["action"]][0] not in stages:
                    continue
                if stages != ("connection",) and (
                        rule["method"] not in (None, method)
                        or not re.search(rule["path"], path)):
                    continue
                if rule["skip"]:
                    rule["skip"] -= 1
                    continue
                if rule["times"] is not None:
                    if rule["times"] <= 0:
                        continue
                    rule["times"] -= 1
                rule["hits"] += 1
                return dict(rule, stop=self.cleared)
        return None

    @staticmethod
    def wait(rule, seconds):
        """Sleeps, but not past clear()."""
        rule["stop"].wait(min(seconds, 600))
