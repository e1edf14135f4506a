"""What is wrong in a file that a person wrote: one value for each mistake, told like a compiler does."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Severity(str, Enum):
    """Whether it cannot work (error), or works otherwise than one would expect (warning)."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True)
class Finding:
    """One mistake; `line` counts from 1 and is None where it concerns the file as a whole."""

    path: str
    line: int | None
    message: str
    severity: Severity = Severity.ERROR

    @property
    def place(self) -> str:
        """`PATH:LINE`, as editors and terminals open it."""
        return self.path if self.line is None else f"{self.path}:{self.line}"

    def __str__(self) -> str:
        return f"{self.place}: {self.message}"


def in_order(findings: tuple[Finding, ...]) -> tuple[Finding, ...]:
    """Each once, by file and line."""
    return tuple(sorted(dict.fromkeys(findings), key=lambda found: (found.path, found.line or 0)))
