# SPDX-License-Identifier: GPL-2.0-or-later
"""Turning request members into values, with the real server's complaints."""
import base64
import datetime
import re

from .reply import Refusal

UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}


def duration(value):
    """Seconds from 60, "60", "1h30m"; None stays None."""
    if value is None or value == "":
        return None
    if isinstance(value, bool):
        raise Refusal(400, "time: invalid duration")
    if isinstance(value, (int, float)):
        return int(value)
    text = str(value).strip()
    if re.fullmatch(r"\d+", text):
        return int(text)
    parts = re.findall(r"(\d+)(ms|s|m|h|d)", text)
    if not parts or "".join(n + u for n, u in parts) != text:
        raise Refusal(400, 'time: invalid duration "%s"' % text)
    return int(sum(int(n) * UNITS[u] for n, u in parts))


def go_duration(seconds):
    """5400 is 1h30m, as in the real server's warnings."""
    seconds = int(seconds)
    text = ""
    for unit, size in (("h", 3600), ("m", 60), ("s", 1)):
        if seconds >= size:
            text += "%d%s" % (seconds // size, unit)
            seconds %= size
    return text or "0s"


def rfc3339(when):
    return datetime.datetime.utcfromtimestamp(when).isoformat() + "Z"


def integer(body, name, default=0):
    value = body.get(name, default)
    if value is None:
        return default
    try:
        if isinstance(value, bool):
            raise ValueError
        return int(value)
    except (TypeError, ValueError):
        raise Refusal(400, 'error converting input for field "%s": \'\' cannot'
                      " parse value as 'int': strconv.ParseInt: invalid syntax"
                      % name) from None


def boolean(body, name, default=False):
    value = body.get(name, default)
    if value is None:
        return default
    if isinstance(value, bool):
        return value
    if str(value).lower() in ("true", "1"):
        return True
    if str(value).lower() in ("false", "0"):
        return False
    raise Refusal(400, 'error converting input for field "%s": \'\' cannot'
                  " parse value as 'bool': strconv.ParseBool: invalid syntax"
                  % name)


def names(value):
    """A list, or text with commas."""
    if value is None:
        return []
    if isinstance(value, str):
        value = value.split(",")
    if not isinstance(value, list):
        raise Refusal(400, "expected a list of names")
    return [str(v).strip() for v in value if str(v).strip()]


class Base64Error(Exception):
    pass


def unbase64(text):
    """Strict standard base64; says where it went wrong, as Go does."""
    text = str(text)
    for at, char in enumerate(text):
        if not re.match(r"[A-Za-z0-9+/=]", char):
            raise Base64Error("illegal base64 data at input byte %d" % at)
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        raise Base64Error("illegal base64 data at input byte %d"
                          % max(len(text) // 4 * 4, 0)) from None


def to_base64(data):
    return base64.b64encode(data).decode()
