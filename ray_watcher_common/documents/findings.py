"""Mistakes in a file that a person wrote, one value each, reported in the form of a compiler."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Severity(str, Enum):
    """Error: it cannot work. Warning: it works differently than expected."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True)
class Finding:
    """One mistake; `line` counts from 1 and is None if it concerns the whole file."""

    path: str
    line: int | None
    message: str
    severity: Severity = Severity.ERROR

    @property
    def place(self) -> str:
        """`PATH:LINE`, which editors and terminals can open."""
        return self.path if self.line is None else f"{self.path}:{self.line}"

    def __str__(self) -> str:
        return f"{self.place}: {self.message}"


def in_order(findings: tuple[Finding, ...]) -> tuple[Finding, ...]:
    """Without duplicates, by file and line."""
    return tuple(sorted(dict.fromkeys(findings), key=lambda found: (found.path, found.line or 0)))
