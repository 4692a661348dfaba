# SPDX-License-Identifier: GPL-2.0-or-later
"""All that the server remembers: plain data, optionally kept in a file."""
import json
import os
import uuid

from . import policy


class State:
    def __init__(self, path=None):
        self.path = path
        self.data = {
            "cluster_id": str(uuid.uuid4()),
            "namespaces": [""],
            "mounts": {},
            "policies": {"": {"default": policy.DEFAULT_POLICY}},
            "tokens": {},
        }
        self.saved = None
        if path and os.path.exists(path):
            with open(path, encoding="utf-8") as source:
                self.data = json.load(source)

    def save(self):
        """Replaces the file when something changed."""
        if not self.path:
            return
        text = json.dumps(self.data)
        if text == self.saved:
            return
        temporary = "%s.tmp" % self.path
        fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(fd, "w", encoding="utf-8") as out:
            out.write(text)
        os.rename(temporary, self.path)
        self.saved = text

    def forget_namespace(self, namespace):
        def outside(path):
            return not path.startswith(namespace)
        data = self.data
        data["namespaces"] = [n for n in data["namespaces"] if outside(n)]
        for name in ("mounts", "policies"):
            data[name] = {k: v for k, v in data[name].items() if outside(k)}
        data["tokens"] = {k: t for k, t in data["tokens"].items()
                          if outside(t["namespace"])}
