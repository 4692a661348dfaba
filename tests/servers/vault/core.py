# SPDX-License-Identifier: GPL-2.0-or-later
"""From a request to an answer, in the real server's order of checks.

Sealed, open endpoints, namespace, logins, token, policy, route: the order
decides which error a client sees when several things are wrong.
"""
import posixpath
import threading
import time

from . import emulate, login, policy, tokens
from .reply import Refusal, Reply, denied, empty, envelope
from .state import State
from .system import OPEN, System
from .transit import Transit
from .values import boolean, duration, integer, names

OPERATIONS = {"GET": "read", "HEAD": "read", "LIST": "list",
              "POST": "update", "PUT": "update", "DELETE": "delete"}
# Calls that need sudo on top of the plain capability.
SUDO = ("sys/seal", "auth/token/create-orphan")


class Request:
    def __init__(self, method, path, query, headers, body, peer):
        self.method = method
        self.path = path            # after /v1/, percent-decoded
        self.query = query
        self.headers = headers      # .get() ignores case
        self.body = body            # dict
        self.peer = peer            # DER certificate or None
        self.namespace = ""
        self.token = None           # token record once known
        self.token_id = headers.get("X-Vault-Token") or ""
        bearer = headers.get("Authorization") or ""
        if not self.token_id and bearer.startswith("Bearer "):
            self.token_id = bearer[len("Bearer "):]


class Core:
    def __init__(self, root_token, state_path=None,
                 version=emulate.DEFAULT):
        self.lock = threading.Lock()
        self.clock_offset = 0
        self.sealed = False
        self.standby = None         # URL of the active node
        self.release = emulate.RELEASES[version]
        self.state = State(state_path)
        if tokens.digest(root_token) not in self.state.data["tokens"]:
            self.tokens.add(root_token, ["root"])
        self.state.save()

    def clock(self):
        return time.time() + self.clock_offset

    @property
    def tokens(self):
        return tokens.Tokens(self.state.data["tokens"], self.clock)

    def handle(self, request):
        with self.lock:
            try:
                return self.answer(request)
            except Refusal as refusal:
                return Reply(refusal.status, {"errors": refusal.errors})
            finally:
                self.state.save()

    def answer(self, request):
        header = (request.headers.get("X-Vault-Namespace") or "").strip("/")
        path = request.path
        if path.rstrip("/") in OPEN:
            return System.open(self, path.rstrip("/"), request.query,
                               bool(header))
        if self.sealed:
            raise Refusal(503, "Vault is sealed")
        if self.standby:
            return Reply(307, headers={"Location": self.standby.rstrip("/")
                                       + request.headers["raw-path"]})
        if header and header + "/" not in self.state.data["namespaces"]:
            raise Refusal(404, "namespace not found")
        full = (header + "/" if header else "") + path
        request.namespace = self.namespace_of(full)
        if request.method not in OPERATIONS:
            raise Refusal(405)
        operation = OPERATIONS[request.method]
        if operation == "read" and request.query.get("list") == "true":
            operation = "list"
        mount_path = self.mount_of(full)
        if mount_path and full == mount_path + "login":
            mount = self.state.data["mounts"][mount_path]
            if mount["type"] in login.METHODS:
                return self.login(request, mount, mount_path)
        request.token = self.tokens.use(request.token_id)
        return self.authorised(request, operation, full, mount_path)

    def namespace_of(self, full):
        return max((n for n in self.state.data["namespaces"]
                    if full.startswith(n)), key=len)

    def mount_of(self, full):
        fitting = [m for m in self.state.data["mounts"]
                   if (full + "/").startswith(m)]
        return max(fitting, key=len) if fitting else None

    # policy

    def capabilities(self, token, full):
        space = token["namespace"]
        if not full.startswith(space):
            return ["deny"]
        if "root" in token["policies"]:
            return ["root"]
        table = self.state.data["policies"].get(space, {})
        parsed = [policy.parse(table[name]) for name in token["policies"]
                  if name in table]
        return policy.capabilities(parsed, full[len(space):])

    def demand(self, token, full, operation):
        allowed = self.capabilities(token, full)
        if operation == "list" and "list" not in allowed:
            allowed = self.capabilities(token, full.rstrip("/") + "/")
        if allowed == ["root"]:
            return
        if operation not in allowed:
            raise denied()
        relative = full[len(self.namespace_of(full)):]
        if relative in SUDO and "sudo" not in allowed:
            raise denied()

    # routes

    def authorised(self, request, operation, full, mount_path):
        relative = full[len(request.namespace):]
        token_path = relative.startswith("auth/token/")
        if relative.startswith("sys/") or token_path:
            self.demand(request.token, full, operation)
            if token_path:
                return self.token_call(request, relative[len("auth/token/"):])
            return System(self, request).handle(
                operation, relative[len("sys/"):], request.body)
        if mount_path is None:
            self.demand(request.token, full, operation)
            raise Refusal(404, 'no handler for route "%s". route entry not'
                          " found." % relative)
        mount = self.state.data["mounts"][mount_path]
        parts = [p for p in full[len(mount_path):].split("/") if p]
        if mount["type"] in login.METHODS:
            engine = login.METHODS[mount["type"]](mount, self.clock)
        else:
            engine = Transit(mount, self.clock, self.release)
        needed = operation
        if operation == "update" and engine.exists(parts) is False:
            needed = "create"
        self.demand(request.token, full, needed)
        return engine.handle(operation, parts, request.body)

    def login(self, request, mount, mount_path):
        method = login.METHODS[mount["type"]](mount, self.clock)
        role, display, meta = method.login(request.body, request.peer)
        policies, options = login.token_options(role)
        token, record = self.tokens.make(
            self.release.token_prefix, policies, request.namespace,
            path=mount_path[len(request.namespace):] + "login",
            display_name=display, meta=meta, **options)
        request.token = record
        return envelope(auth=self.tokens.auth(token, record))

    # auth/token

    def token_call(self, request, call):
        record, body = request.token, request.body
        asked = (call.rstrip("/"), OPERATIONS[request.method])
        if asked == ("lookup-self", "read"):
            return envelope(self.tokens.describe(request.token_id, record))
        if asked == ("renew-self", "update"):
            warnings = self.tokens.renew(record,
                                         duration(body.get("increment")))
            return envelope(auth=self.tokens.auth(request.token_id, record),
                            warnings=warnings)
        if asked == ("revoke-self", "update"):
            self.tokens.revoke_self(request.token_id, record)
            return empty()
        if asked in (("create", "update"), ("create-orphan", "update")):
            return self.create_token(request, call.startswith("create-o"))
        if asked in (("lookup", "update"), ("revoke", "update")):
            token = str(body.get("token") or "")
            other = self.tokens.find(token)
            if asked[0] == "lookup":
                if other is None:
                    raise Refusal(403, "bad token")
                return envelope(self.tokens.describe(token, other))
            self.tokens.revoke(tokens.digest(token))
            return empty()
        if asked == ("revoke-accessor", "update"):
            self.tokens.revoke(self.tokens.by_accessor(body.get("accessor")))
            return empty()
        raise Refusal(404, "unsupported path")

    def create_token(self, request, orphan):
        body, parent = request.body, request.token
        if parent["type"] == "batch":
            raise Refusal(400, "batch tokens cannot create more tokens")
        is_root = "root" in parent["policies"]
        wanted = sorted({n.lower() for n in names(body.get("policies"))})
        if not is_root and not set(wanted) <= set(parent["policies"]):
            raise Refusal(400, "child policies must be subset of parent")
        wanted = wanted or list(parent["policies"])
        if "root" in wanted:
            wanted = ["root"]
        elif not boolean(body, "no_default_policy"):
            wanted = sorted(set(wanted) | {"default"})
        batch = body.get("type") == "batch"
        if batch:
            for name in ("period", "num_uses", "explicit_max_ttl"):
                if body.get(name):
                    raise Refusal(
                        400, 'batch tokens cannot have "%s" set' % name)
        if body.get("period") and not is_root:
            raise denied()
        no_parent = orphan or boolean(body, "no_parent")
        if no_parent and not orphan and not is_root:
            raise Refusal(400, "root or sudo privileges required to create"
                          " orphan token")
        known = self.state.data["policies"].get(request.namespace, {})
        warnings = ['Policy "%s" does not exist' % name for name in wanted
                    if name != "root" and name not in known]
        token_id = body.get("id")
        options = {
            "type": "batch" if batch else "service",
            "ttl": duration(body.get("ttl")),
            "explicit_max": duration(body.get("explicit_max_ttl")),
            "period": duration(body.get("period")),
            "renewable": boolean(body, "renewable", True),
            "num_uses": integer(body, "num_uses"),
            "parent": None if no_parent else tokens.digest(request.token_id),
            "meta": body.get("meta"),
            "display_name": "token" + ("-" + str(body["display_name"])
                                       if body.get("display_name") else ""),
        }
        if token_id and is_root and not batch:
            record = self.tokens.add(str(token_id), wanted,
                                     request.namespace, **options)
        else:
            token_id, record = self.tokens.make(
                self.release.token_prefix, wanted, request.namespace,
                **options)
        return envelope(auth=self.tokens.auth(token_id, record),
                        warnings=warnings)


def clean_path(raw):
    """Where the real server redirects a path with //, /./ or /../ to."""
    clean = posixpath.normpath(raw)
    if clean.startswith("//"):
        clean = clean[1:]
    if raw.endswith("/") and clean != "/":
        clean += "/"
    return clean
