"""Users with passwords, as HTTP's Basic authentication presents them (RFC 7617).

A bcrypt hash is made to be slow, so a password that was right once is known by its digest: a scrape costs nothing.
One hash is computed at a time, and one for an unknown user too, so that the time of an answer names no user.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

NOBODY = "$2b$10$" + "." * 53  # no password has this hash; 10 is the cost that htpasswd -B and Prometheus' guide use
LONGEST_PASSWORD = 72  # bytes; bcrypt knows no more of it, and Prometheus' programs do not look at more either
WAIT_SECONDS = 2.0  # for the turn to compute a hash


class BusyError(Exception):
    """Too many passwords are being checked."""


class Users:
    """Checks what callers present; remembers one right password of each user, as a digest under a key of its own."""

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)
        self._right: dict[str, bytes] = {}
        self._one_at_a_time = threading.Lock()

    def known(self, hashes: Mapping[str, str], authorization: str) -> bool | None:
        """Whether the header is a user's of `hashes` (bcrypt, by name), as far as known: None if it may be."""
        user, password = presented(authorization)
        if user not in hashes:
            return False
        return True if hmac.compare_digest(self._right.get(user, b""), self._digest(hashes[user], password)) else None

    def check(self, hashes: Mapping[str, str], authorization: str) -> bool:
        """Whether the header is a user's of `hashes`. Raises `BusyError`."""
        user, password = presented(authorization)
        if not user:
            return False
        if self.known(hashes, authorization):
            return True
        if not self._one_at_a_time.acquire(timeout=WAIT_SECONDS):
            raise BusyError("too many passwords are being checked; send it again")
        try:
            is_right = matches(hashes.get(user, NOBODY), password) and user in hashes
        finally:
            self._one_at_a_time.release()
        if is_right:
            self._right[user] = self._digest(hashes[user], password)
        return is_right

    def _digest(self, hashed: str, password: bytes) -> bytes:
        return hmac.digest(self._key, hashed.encode() + b"\0" + password, hashlib.sha256)


def presented(authorization: str) -> tuple[str, bytes]:
    """User and password of a header; ("", b"") if it has none."""
    scheme, _, coded = authorization.partition(" ")
    try:
        decoded = base64.b64decode(coded.strip(), validate=True) if scheme.lower() == "basic" else b""
    except (binascii.Error, ValueError):
        decoded = b""
    user, _, password = decoded.partition(b":")
    return user.decode("utf-8", "replace"), password


def matches(hashed: str, password: bytes) -> bool:
    """Whether `hashed` (bcrypt) is of `password`; takes some 50 ms."""
    import bcrypt  # here, so that a program without users does not hold it

    try:
        return bcrypt.checkpw(password[:LONGEST_PASSWORD], hashed.encode())
    except ValueError:  # a hash that is none
        return False
