"""The command blocks of README and docs, and how a test follows one as a reader does."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = tuple(str(path.relative_to(ROOT)) for path in (ROOT / "README.md", *sorted(ROOT.glob("docs/**/*.md"))))
COMMANDS = "bash"  # the language that blocks of commands name
BOUND_SECONDS = 600.0  # images may have to be built
_FENCE = re.compile(r"^```(\S*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def fences(document: str) -> list[tuple[str, str]]:
    """Language and text of every fenced block."""
    return _FENCE.findall((ROOT / document).read_text(encoding="utf-8"))


def command_blocks() -> Iterator[tuple[str, str]]:
    """Document and text of every block of commands."""
    for document in DOCUMENTS:
        yield from ((document, text) for language, text in fences(document) if language == COMMANDS)


def block(document: str, beginning: str) -> str:
    """The one block of commands of a document that begins so."""
    [found] = [text for where, text in command_blocks() if where == document and text.startswith(beginning)]
    return found


def follow(text: str, environment: Mapping[str, str] | None = None, instead: Mapping[str, str] | None = None) -> str:
    """What the commands say at the root of the checkout, with its environment active; all have to succeed.

    `instead` replaces what a reader would: each of its keys has to be there.
    """
    for old, new in (instead or {}).items():
        assert old in text, f"{old!r} is not in:\n{text}"
        text = text.replace(old, new)
    outer = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}  # `make test` ARGS
    path = os.pathsep.join([str(Path(sys.executable).parent), outer["PATH"]])
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", text],
        cwd=ROOT,
        env={**outer, "PATH": path, **(environment or {})},
        capture_output=True,
        text=True,
        timeout=BOUND_SECONDS,
        check=False,
    )
    assert done.returncode == 0, f"{text}\nended with {done.returncode}:\n{done.stdout}{done.stderr}"
    return done.stdout
