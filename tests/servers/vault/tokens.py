# SPDX-License-Identifier: GPL-2.0-or-later
"""Tokens: making, finding, using up, renewing, revoking.

Stored under the hash of the token, as data that state.py can write out:
{accessor, policies, type, created, expires (None: never), creation_ttl,
explicit_max, period, renewable, num_uses, parent, namespace, path, meta,
display_name, renewed}.
"""
import hashlib
import secrets

from .reply import Refusal, bad_token
from .values import go_duration, rfc3339

SYSTEM_MAX_TTL = 768 * 3600


def digest(token):
    return hashlib.sha256(token.encode()).hexdigest()


def random_id(length):
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
    return "".join(secrets.choice(alphabet) for _ in range(length))


class Tokens:
    def __init__(self, table, clock):
        self.table = table
        self.clock = clock

    def add(self, token_id, policies, namespace="", **given):
        batch = given.get("type") == "batch"
        now = self.clock()
        ttl = given.get("ttl") or 0
        period = given.get("period") or 0
        if policies != ["root"] or ttl:
            ttl = min(period or ttl or SYSTEM_MAX_TTL,
                      given.get("explicit_max") or SYSTEM_MAX_TTL,
                      given.get("max_ttl") or SYSTEM_MAX_TTL)
        record = {
            "accessor": "" if batch else random_id(24),
            "policies": policies,
            "type": "batch" if batch else "service",
            "created": now,
            "expires": now + ttl if ttl else None,
            "creation_ttl": ttl,
            "explicit_max": given.get("explicit_max") or 0,
            "max_ttl": given.get("max_ttl") or SYSTEM_MAX_TTL,
            "period": period,
            "renewable": bool(ttl) and not batch
            and given.get("renewable", True),
            "num_uses": given.get("num_uses") or 0,
            "parent": given.get("parent"),
            "namespace": namespace,
            "path": given.get("path", "auth/token/create"),
            "meta": given.get("meta"),
            "display_name": given.get("display_name", "token"),
            "renewed": None,
        }
        self.table[digest(token_id)] = record
        return record

    def make(self, prefix, policies, namespace="", **given):
        """Returns (token, record)."""
        if given.get("type") == "batch":
            token = prefix.replace("s.", "b.") + random_id(180)
        else:
            token = prefix + random_id(24)
        return token, self.add(token, policies, namespace, **given)

    def find(self, token):
        """The live record, or None. Expiry takes effect here."""
        key = digest(token)
        record = self.table.get(key)
        if record is None:
            return None
        if record["expires"] is not None and record["expires"] <= self.clock():
            self.revoke(key)
            return None
        if record["type"] == "batch" and record["parent"] \
                and record["parent"] not in self.table:
            return None
        return record

    def use(self, token):
        """The record for one request; a limited token loses one use."""
        record = self.find(token) if token else None
        if record is None:
            raise bad_token()
        if record["num_uses"]:
            # -1 stands for "spent": 0 would read as unlimited.
            if record["num_uses"] < 0:
                self.revoke(digest(token))
                raise bad_token()
            record["num_uses"] -= 1
            if record["num_uses"] == 0:
                record["num_uses"] = -1
        return record

    def revoke(self, key):
        """This token and all descendants."""
        pending = [key]
        while pending:
            gone = pending.pop()
            self.table.pop(gone, None)
            pending += [k for k, r in self.table.items()
                        if r["parent"] == gone]

    def revoke_self(self, token, record):
        if record["type"] == "batch":
            raise Refusal(400, "batch tokens cannot be revoked")
        self.revoke(digest(token))

    def by_accessor(self, accessor):
        for key, record in self.table.items():
            if accessor and record["accessor"] == accessor:
                return key
        raise Refusal(403, "invalid accessor")

    def ttl(self, record):
        if record["expires"] is None:
            return 0
        return max(round(record["expires"] - self.clock()), 0)

    def renew(self, record, increment):
        """Returns warnings."""
        if record["type"] == "batch":
            raise Refusal(400, "batch tokens cannot be renewed")
        if not record["renewable"]:
            raise Refusal(400, "lease is not renewable")
        now = self.clock()
        ceiling = record["max_ttl"]
        if record["explicit_max"]:
            ceiling = record["explicit_max"]
        left = round(record["created"] + ceiling - now)
        warnings = []
        if record["period"]:
            wanted = record["period"]
            if record["explicit_max"]:
                wanted = min(wanted, left)
        else:
            wanted = increment or record["creation_ttl"]
            if wanted > left:
                warnings.append(
                    'TTL of "%s" exceeded the effective max_ttl of "%s"; TTL'
                    " value is capped accordingly"
                    % (go_duration(wanted), go_duration(max(left, 0))))
                wanted = left
        record["expires"] = now + max(wanted, 0)
        record["renewed"] = now
        return warnings

    def describe(self, token, record):
        """The data of lookup-self."""
        data = {
            "accessor": record["accessor"],
            "creation_time": int(record["created"]),
            "creation_ttl": record["creation_ttl"],
            "display_name": record["display_name"],
            "entity_id": "",
            "expire_time": None,
            "explicit_max_ttl": record["explicit_max"],
            "id": token,
            "issue_time": rfc3339(record["created"]),
            "meta": record["meta"],
            "num_uses": max(record["num_uses"], 0),
            "orphan": record["parent"] is None,
            "path": record["path"],
            "policies": record["policies"],
            "renewable": record["renewable"],
            "ttl": self.ttl(record),
            "type": record["type"],
        }
        if record["expires"] is not None:
            data["expire_time"] = rfc3339(record["expires"])
        if record["period"]:
            data["period"] = record["period"]
        if record["renewed"]:
            data["last_renewal"] = rfc3339(record["renewed"])
            data["last_renewal_time"] = int(record["renewed"])
        if record["namespace"]:
            data["namespace_path"] = record["namespace"]
        return data

    def auth(self, token, record):
        """The auth member of logins, creations and renewals."""
        return {
            "client_token": token,
            "accessor": record["accessor"],
            "policies": record["policies"],
            "token_policies": record["policies"],
            "metadata": record["meta"],
            "lease_duration": self.ttl(record),
            "renewable": record["renewable"],
            "entity_id": "",
            "token_type": record["type"],
            "orphan": record["parent"] is None,
            "mfa_requirement": None,
            "num_uses": max(record["num_uses"], 0),
        }
