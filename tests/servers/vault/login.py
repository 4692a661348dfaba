# SPDX-License-Identifier: GPL-2.0-or-later
"""Auth methods other than token: roles, and turning a login into a token.

Each method has exists(), handle() for its administration and login(), which
returns (role, display name, metadata) or refuses.
"""
import base64
import json
import uuid

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.asymmetric.utils import \
    encode_dss_signature

from .reply import Refusal, empty, envelope, nested
from .values import boolean, duration, integer, names

TOKEN_FIELDS = {
    "token_policies": lambda body, name: names(body.get(name)),
    "token_ttl": lambda body, name: duration(body.get(name)) or 0,
    "token_max_ttl": lambda body, name: duration(body.get(name)) or 0,
    "token_explicit_max_ttl": lambda body, name: duration(body.get(name)) or 0,
    "token_period": lambda body, name: duration(body.get(name)) or 0,
    "token_num_uses": integer,
    "token_no_default_policy": boolean,
    "token_type": lambda body, name: body.get(name) or "default",
}
# What older clients call them.
OLD_NAMES = {"policies": "token_policies", "ttl": "token_ttl",
             "max_ttl": "token_max_ttl", "period": "token_period"}


def role_fields(body, role, own):
    """role updated with the members of body that fields know."""
    body = dict(body)
    for old, new in OLD_NAMES.items():
        if old in body and new not in body:
            body[new] = body[old]
    role = dict(role or {})
    for name, read in list(TOKEN_FIELDS.items()) + list(own.items()):
        if name in body or name not in role:
            role[name] = read(body, name)
    return role


def token_options(role):
    """(policies, arguments of Tokens.make) for a login with this role."""
    policies = list(role["token_policies"])
    if not role["token_no_default_policy"] and "default" not in policies:
        policies.append("default")
    return sorted(policies), {
        "ttl": role["token_ttl"],
        "max_ttl": role["token_max_ttl"],
        "explicit_max": role["token_explicit_max_ttl"],
        "period": role["token_period"],
        "num_uses": role["token_num_uses"],
        "type": "batch" if role["token_type"] == "batch" else "service",
    }


class Roles:
    """Administration that the methods share: <kind>/<name>."""
    kind = "role"
    own = {}

    def __init__(self, mount, clock):
        self.mount = mount
        self.roles = mount.setdefault("roles", {})
        self.clock = clock

    def exists(self, parts):
        if len(parts) == 2 and parts[0] == self.kind:
            return parts[1] in self.roles
        return None

    def check(self, role):
        pass

    def handle(self, operation, parts, body):
        if parts == [self.kind] and operation == "list":
            if not self.roles:
                raise Refusal(404)
            return envelope({"keys": sorted(self.roles)})
        if len(parts) != 2 or parts[0] != self.kind:
            raise Refusal(404, nested("unsupported path"))
        name = parts[1]
        if operation == "update":
            role = role_fields(body, self.roles.get(name), self.own)
            self.check(role)
            self.roles[name] = role
            return empty()
        if operation == "delete":
            self.roles.pop(name, None)
            return empty()
        if name not in self.roles:
            raise Refusal(404)
        hidden = ("role_id", "secrets")
        return envelope({k: v for k, v in self.roles[name].items()
                         if k not in hidden})


class AppRole(Roles):
    own = {
        "secret_id_num_uses": integer,
        "secret_id_ttl": lambda body, name: duration(body.get(name)) or 0,
        "bind_secret_id": lambda body, name: boolean(body, name, True),
        "role_id": lambda body, name: str(body.get(name) or uuid.uuid4()),
        "secrets": lambda body, name: {},
    }

    def handle(self, operation, parts, body):
        if len(parts) == 3 and parts[0] == "role":
            role = self.roles.get(parts[1])
            if role is None:
                raise Refusal(404, 'role "%s" does not exist' % parts[1])
            return self.secret(operation, role, parts[2], body)
        return super().handle(operation, parts, body)

    def secret(self, operation, role, what, body):
        if what == "role-id":
            if operation == "update":
                if not body.get("role_id"):
                    raise Refusal(400, "missing role_id")
                role["role_id"] = str(body["role_id"])
                return empty()
            return envelope({"role_id": role["role_id"]})
        if what not in ("secret-id", "custom-secret-id") \
                or operation != "update":
            raise Refusal(404, nested("unsupported path"))
        secret_id = str(uuid.uuid4())
        if what == "custom-secret-id":
            secret_id = str(body.get("secret_id") or "")
            if not secret_id:
                raise Refusal(400, "missing secret_id")
        ttl, accessor = role["secret_id_ttl"], str(uuid.uuid4())
        role["secrets"][secret_id] = {
            "uses": role["secret_id_num_uses"],
            "expires": self.clock() + ttl if ttl else None,
        }
        return envelope({"secret_id": secret_id,
                         "secret_id_accessor": accessor,
                         "secret_id_num_uses": role["secret_id_num_uses"],
                         "secret_id_ttl": ttl})

    def login(self, body, _peer):
        role_id = str(body.get("role_id") or "")
        if not role_id:
            raise Refusal(500, "missing role_id")
        wrong = Refusal(400, "invalid role or secret ID")
        found = [(n, r) for n, r in self.roles.items()
                 if r["role_id"] == role_id]
        if not found:
            raise wrong
        name, role = found[0]
        if role["bind_secret_id"]:
            secret_id = str(body.get("secret_id") or "")
            if not secret_id:
                raise Refusal(400, "missing secret_id")
            secret = role["secrets"].get(secret_id)
            if secret and secret["expires"] is not None \
                    and secret["expires"] <= self.clock():
                secret = role["secrets"].pop(secret_id) and None
            if not secret:
                raise wrong
            if secret["uses"]:
                secret["uses"] -= 1
                if not secret["uses"]:
                    del role["secrets"][secret_id]
        return role, "approle", {"role_name": name}


class Cert(Roles):
    kind = "certs"
    own = {
        "certificate": lambda body, name: str(body.get(name) or ""),
        "allowed_common_names": lambda body, name: names(body.get(name)),
        "display_name": lambda body, name: str(body.get(name) or ""),
    }

    def check(self, role):
        try:
            x509.load_pem_x509_certificate(role["certificate"].encode())
        except ValueError:
            raise Refusal(400, "failed to parse certificate") from None

    @staticmethod
    def vouches(trusted, leaf):
        if trusted == leaf:
            return True
        if trusted.subject != leaf.issuer:
            return False
        public, algorithm = trusted.public_key(), leaf.signature_hash_algorithm
        if isinstance(public, ec.EllipticCurvePublicKey):
            how = (ec.ECDSA(algorithm),)
        else:
            how = (padding.PKCS1v15(), algorithm)
        try:
            public.verify(leaf.signature, leaf.tbs_certificate_bytes, *how)
        except InvalidSignature:
            return False
        return True

    def login(self, body, peer):
        if not peer:
            raise Refusal(400, "no client certificate found")
        leaf = x509.load_der_x509_certificate(peer)
        common = [a.value for a in leaf.subject.get_attributes_for_oid(
            x509.oid.NameOID.COMMON_NAME)]
        wanted = body.get("name")
        for name, role in self.roles.items():
            if wanted and wanted != name:
                continue
            trusted = x509.load_pem_x509_certificate(
                role["certificate"].encode())
            allowed = role["allowed_common_names"]
            if self.vouches(trusted, leaf) \
                    and (not allowed or set(allowed) & set(common)):
                return role, role["display_name"] or name, {
                    "cert_name": name,
                    "common_name": common[0] if common else ""}
        raise Refusal(
            400, "invalid certificate or no client certificate supplied")


class Kubernetes(Roles):
    """JWTs are checked against pem_keys; there is no TokenReview here."""
    own = {
        "bound_service_account_names":
            lambda body, name: names(body.get(name)),
        "bound_service_account_namespaces":
            lambda body, name: names(body.get(name)),
    }

    def handle(self, operation, parts, body):
        if parts != ["config"]:
            return super().handle(operation, parts, body)
        if operation == "update":
            keys = body.get("pem_keys") or []
            keys = keys if isinstance(keys, list) else [keys]
            try:
                for pem in keys:
                    serialization.load_pem_public_key(str(pem).encode())
            except ValueError as error:
                raise Refusal(400, str(error)) from None
            self.mount["config"] = {
                "pem_keys": keys,
                "kubernetes_host": str(body.get("kubernetes_host", ""))}
            return empty()
        if "config" not in self.mount:
            raise Refusal(404)
        return envelope(self.mount["config"])

    def claims(self, jwt):
        """The claims of a JWT with a good signature and in its time."""
        def part(text):
            return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        try:
            head, payload, signature = jwt.split(".")
            algorithm = json.loads(part(head))["alg"]
            claims, signature = json.loads(part(payload)), part(signature)
            expires = float(claims["exp"])
        except (ValueError, KeyError, TypeError):
            raise Refusal(400, "failed to parse jwt") from None
        signed = ("%s.%s" % (head, payload)).encode()
        for pem in self.mount["config"]["pem_keys"]:
            key = serialization.load_pem_public_key(pem.encode())
            try:
                if isinstance(key, ec.EllipticCurvePublicKey) \
                        and algorithm == "ES256" and len(signature) == 64:
                    pair = encode_dss_signature(
                        int.from_bytes(signature[:32], "big"),
                        int.from_bytes(signature[32:], "big"))
                    key.verify(pair, signed, ec.ECDSA(hashes.SHA256()))
                elif algorithm == "RS256":
                    key.verify(signature, signed, padding.PKCS1v15(),
                               hashes.SHA256())
                else:
                    continue
            except InvalidSignature:
                continue
            if expires <= self.clock():
                break
            return claims
        raise Refusal(403, "permission denied")

    def login(self, body, _peer):
        for name in ("role", "jwt"):
            if not body.get(name):
                raise Refusal(400, "missing " + name)
        role = self.roles.get(str(body["role"]))
        if role is None:
            raise Refusal(400, 'invalid role name "%s"' % body["role"])
        if "config" not in self.mount:
            raise Refusal(500, "could not load backend configuration")
        subject = str(self.claims(str(body["jwt"])).get("sub", ""))
        parts = subject.split(":")
        if parts[:2] != ["system", "serviceaccount"] or len(parts) != 4:
            raise Refusal(403, "permission denied")
        for value, field in ((parts[2], "bound_service_account_namespaces"),
                             (parts[3], "bound_service_account_names")):
            if value not in role[field] and "*" not in role[field]:
                raise Refusal(403, "permission denied")
        return role, "kubernetes-%s-%s" % (parts[2], parts[3]), {
            "role": str(body["role"]), "service_account_name": parts[3],
            "service_account_namespace": parts[2]}


METHODS = {"approle": AppRole, "cert": Cert, "kubernetes": Kubernetes}
