"""Alertmanager's matchers, read as it reads them. Pure.

Two grammars exist: the classic one (pkg/labels/parse.go), and since Alertmanager 0.27 one with quoted names
(matcher/parse). By default Alertmanager takes the classic reading if there is one, else the new one. Regular
expressions are RE2's, which Go's are; they match the whole value.
"""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import re2

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

OPERATORS = r"=~|!~|!=|="
CLASSIC = re.compile(rf"\s*([a-zA-Z_:][a-zA-Z0-9_:]*)\s*({OPERATORS})\s*(.*?)\s*", re.DOTALL)
QUOTED = r'"(?:[^"\\]|\\.)*"'
UNQUOTED = r"""[^\s{}!=~,\\"'`]+"""
UTF8 = re.compile(rf"\s*({QUOTED}|{UNQUOTED})\s*({OPERATORS})\s*({QUOTED}|{UNQUOTED})\s*(?:,|$)", re.DOTALL)
ESCAPES = {"n": "\n", '"': '"', "\\": "\\"}
GO_ESCAPES = {**ESCAPES, "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v"}


class _UnreadableError(ValueError):
    """Text that a grammar does not take."""


@dataclass(frozen=True)
class Matcher:
    """`label operator value`; the operator is one of `=`, `!=`, `=~`, `!~`."""

    label: str
    operator: str
    value: str

    def holds(self, labels: Mapping[str, str]) -> bool | None:
        """Whether `labels` match; a missing label counts as empty. None if the expression cannot be judged here."""
        actual = labels.get(self.label, "")
        if self.operator in ("=", "!="):
            return (actual == self.value) is (self.operator == "=")
        options = re2.Options()
        options.log_errors = False
        try:
            found = re2.fullmatch(self.value, actual, options=options)
        except re2.error:
            return None  # Alertmanager refuses the file
        return (found is not None) is (self.operator == "=~")


def parse(text: str) -> tuple[Matcher, ...] | None:
    """The matchers of one string, as in a list `matchers:`; None if neither grammar takes it."""
    for grammar in (_classic, _utf8):
        with contextlib.suppress(_UnreadableError):
            return tuple(grammar(text))
    return None


def _classic(text: str) -> Iterator[Matcher]:
    for part in _split(text.removeprefix("{").removesuffix("}")):
        match = CLASSIC.fullmatch(part)
        if match is None:
            raise _UnreadableError(part)
        yield Matcher(match[1], match[2], _classic_value(match[3]))


def _split(text: str) -> Iterator[str]:
    """At commas outside of double quotes; a backslash takes a quote's meaning."""
    part, inside, escaped = "", False, False
    for character in text:
        if character == "," and not inside:
            yield part
            part = ""
            continue
        if character == '"' and not escaped:
            inside = not inside
        escaped = character == "\\" and not escaped
        part += character
    if part.strip():
        yield part


def _classic_value(raw: str) -> str:
    body = raw[1:] if (quoted := raw.startswith('"')) else raw
    value, rest = "", body
    while rest:
        character, following = rest[0], rest[1:2]
        if character == "\\" and following:
            value += ESCAPES.get(following, f"\\{following}")
            rest = rest[2:]
            continue
        if character == '"':
            if quoted and len(rest) == 1:
                return value
            raise _UnreadableError(raw)
        value, rest = value + character, rest[1:]
    if quoted:
        raise _UnreadableError(raw)
    return value


def _utf8(text: str) -> Iterator[Matcher]:
    inner = text.strip()
    if inner.startswith("{") and inner.endswith("}"):
        inner = inner[1:-1]
    position = 0
    while inner[position:].strip():
        match = UTF8.match(inner, position)
        if match is None:
            raise _UnreadableError(text)
        yield Matcher(_utf8_text(match[1]), match[2], _utf8_text(match[3]))
        position = match.end()


def _utf8_text(raw: str) -> str:
    if not raw.startswith('"'):
        return raw
    return re.sub(r"\\(.)", lambda match: _unescaped(match[1]), raw[1:-1], flags=re.DOTALL)


def _unescaped(character: str) -> str:
    if character not in GO_ESCAPES:
        raise _UnreadableError(f"\\{character}")
    return GO_ESCAPES[character]
