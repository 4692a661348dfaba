# SPDX-License-Identifier: GPL-2.0-or-later
"""What a request handler gives back, and the one way to refuse."""
import uuid


class Refusal(Exception):
    """An error answer: {"errors": [...]} with a status."""

    def __init__(self, status, *errors):
        super().__init__(status, *errors)
        self.status = status
        self.errors = list(errors)


class Reply:
    """status and a JSON body (None: no body), or raw bytes with headers."""

    def __init__(self, status, body=None, raw=b"", headers=None):
        self.status = status
        self.body = body
        self.raw = raw
        self.headers = headers or {}


def nested(text):
    """Go's multierror rendering, in which some errors come wrapped."""
    return "1 error occurred:\n\t* %s\n\n" % text


def denied():
    """Policy refuses. An unusable token has the bare text instead."""
    return Refusal(403, nested("permission denied"))


def bad_token():
    return Refusal(403, "permission denied")


def envelope(data=None, auth=None, warnings=None, status=200, extra=None):
    body = dict(extra or {})
    body.update({
        "request_id": str(uuid.uuid4()),
        "lease_id": "",
        "renewable": False,
        "lease_duration": 0,
        "data": data,
        "wrap_info": None,
        "warnings": warnings or None,
        "auth": auth,
    })
    return Reply(status, body)


def empty():
    return Reply(204)
