# SPDX-License-Identifier: GPL-2.0-or-later
"""sys/: health, mounts, policies, namespaces, capabilities, seal."""
import time
import uuid

from . import login, policy, transit
from .reply import Refusal, Reply, empty, envelope, nested
from .values import names

# Everything that answers without a token. The last two need no unsealing.
OPEN = ("sys/health", "sys/leader", "sys/seal-status")


def mount_view(mount):
    return {"accessor": mount["accessor"], "type": mount["type"],
            "uuid": mount["uuid"], "description": mount["description"],
            "config": {"default_lease_ttl": 0, "max_lease_ttl": 0,
                       "force_no_cache": False},
            "local": False, "options": {}, "seal_wrap": False}


class System:
    """One request's view: state, namespace and the paths below sys/."""

    def __init__(self, core, request):
        self.core = core
        self.state = core.state
        self.request = request
        self.namespace = request.namespace

    def handle(self, operation, path, body):
        head, _, rest = path.partition("/")
        table = {
            "mounts": self.mounts, "auth": self.auth,
            "policies": self.policies, "policy": self.old_policies,
            "namespaces": self.namespaces,
            "capabilities-self": self.capabilities_self, "seal": self.seal,
        }
        if head not in table:
            raise Refusal(404, nested("unsupported path"))
        return table[head](operation, rest.rstrip("/"), body)

    # open endpoints

    @staticmethod
    def open(core, path, query, namespaced):
        if path == "sys/leader":
            if not core.standby:
                return Reply(200, {"ha_enabled": False})
            return Reply(200, {"ha_enabled": True, "is_self": False,
                               "leader_address": core.standby,
                               "leader_cluster_address": ""})
        if namespaced:
            raise Refusal(400, "operation unavailable in namespaces")
        common = {"initialized": True, "sealed": core.sealed,
                  "version": core.release.version,
                  "cluster_name": "vault-cluster-test",
                  "cluster_id": core.state.data["cluster_id"]}
        if path == "sys/seal-status":
            return Reply(200, dict(common, type="shamir", t=1, n=1,
                                   progress=0, nonce=""))
        status, override = 200, "activecode"
        if core.sealed:
            status, override = 503, "sealedcode"
        elif core.standby:
            status, override = 429, "standbycode"
            if query.get("standbyok", "false") in ("", "true", "1"):
                override, status = "activecode", 200
        if override in query:
            try:
                status = int(query[override])
            except ValueError:
                raise Refusal(400, "invalid " + override) from None
            if not 200 <= status <= 599:
                raise Refusal(400, "invalid " + override)
        common.update({
            "standby": bool(core.standby) or core.sealed,
            "replication_performance_mode": "disabled",
            "replication_dr_mode": "disabled",
            "server_time_utc": int(time.time())})
        return Reply(status, common)

    # mounts

    def mount_list(self, auth):
        prefix = self.namespace + ("auth/" if auth else "")
        shown = {}
        if auth:
            shown["token/"] = {"type": "token", "options": None, "config": {
                "default_lease_ttl": 0, "max_lease_ttl": 0,
                "token_type": "default-service"}}
        for path, mount in self.state.data["mounts"].items():
            is_auth = mount["type"] in login.METHODS
            if path.startswith(prefix) and is_auth == auth \
                    and self.core.namespace_of(path) == self.namespace:
                shown[path[len(prefix):]] = mount_view(mount)
        return envelope(shown, extra=shown)

    def mount_change(self, operation, path, body, auth):
        full = self.namespace + ("auth/" if auth else "") + path + "/"
        mounts = self.state.data["mounts"]
        if operation == "delete":
            mounts.pop(full, None)
            return empty()
        if operation != "update":
            raise Refusal(405, nested("unsupported operation"))
        if not path or path.split("/")[0] in ("sys", "auth", "cubbyhole",
                                              "identity"):
            raise Refusal(400, "cannot mount under this path")
        kind = str(body.get("type", ""))
        known = set(login.METHODS) if auth else {"transit"}
        if kind not in known:
            raise Refusal(400, "plugin not found in the catalog: %s" % kind)
        if any(full.startswith(m) or m.startswith(full) for m in mounts):
            raise Refusal(400, "path is already in use at %s/" % path)
        mounts[full] = {
            "type": kind, "uuid": str(uuid.uuid4()),
            "accessor": "%s%s_%s" % ("auth_" if auth else "", kind,
                                     uuid.uuid4().hex[:8]),
            "description": str(body.get("description", ""))}
        if not auth:
            mounts[full].update(transit.new_mount())
        return empty()

    def mounts(self, operation, path, body):
        if not path:
            return self.mount_list(auth=False)
        return self.mount_change(operation, path, body, auth=False)

    def auth(self, operation, path, body):
        if not path:
            return self.mount_list(auth=True)
        return self.mount_change(operation, path, body, auth=True)

    # policies

    def policies(self, operation, path, body):
        kind, _, name = path.partition("/")
        if kind != "acl":
            raise Refusal(404, nested("unsupported path"))
        return self.policy(operation, name, body)

    def old_policies(self, operation, path, body):
        return self.policy(operation, path, body, text_member="rules")

    def policy(self, operation, name, body, text_member="policy"):
        table = self.state.data["policies"][self.namespace]
        name = name.lower()
        if not name:
            shown = sorted(table) + ["root"]
            data = {"keys": shown}
            if text_member == "rules":
                data["policies"] = shown
            return envelope(data)
        if operation == "update":
            text = body.get("policy") or body.get("rules")
            if not isinstance(text, str):
                raise Refusal(400, "'policy' parameter not supplied or empty")
            if name == "root":
                raise Refusal(400, 'cannot update "root" policy')
            policy.parse(text)
            table[name] = text
            return empty()
        if operation == "delete":
            if name in ("default", "root"):
                raise Refusal(400, "cannot delete %s policy" % name)
            table.pop(name, None)
            return empty()
        if operation != "read":
            raise Refusal(405, nested("unsupported operation"))
        if name not in table:
            raise Refusal(404)
        data = {"name": name, text_member: table[name]}
        return envelope(data, extra=data if text_member == "rules" else None)

    # the rest

    def namespaces(self, operation, path, _body):
        known = self.state.data["namespaces"]
        if not path:
            children = [n[len(self.namespace):] for n in known
                        if n != self.namespace
                        and n.startswith(self.namespace)]
            if not children:
                raise Refusal(404)
            return envelope({"keys": sorted(children)})
        full = self.namespace + path + "/"
        if operation == "update":
            if "/" in path:
                raise Refusal(400, "path must not contain slashes")
            if full not in known:
                known.append(full)
                self.state.data["policies"][full] = {
                    "default": policy.DEFAULT_POLICY}
            return envelope({"path": full, "id": full.strip("/"),
                             "custom_metadata": {}})
        if full not in known:
            raise Refusal(404)
        if operation == "delete":
            self.state.forget_namespace(full)
            return empty()
        return envelope({"path": full, "id": full.strip("/")})

    def capabilities_self(self, operation, _path, body):
        paths = names(body.get("paths") or body.get("path"))
        if operation != "update" or not paths:
            raise Refusal(400, "paths must be supplied")
        data = {path: self.core.capabilities(
            self.request.token, self.namespace + path) for path in paths}
        if len(paths) == 1:
            data["capabilities"] = data[paths[0]]
        return envelope(data, extra=data)

    def seal(self, operation, _path, _body):
        if operation != "update":
            raise Refusal(405, nested("unsupported operation"))
        self.core.sealed = True
        return empty()
