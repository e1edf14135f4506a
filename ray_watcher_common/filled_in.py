"""A configuration file for a program that knows no variables, with those of the environment filled in.

`python3 -m ray_watcher_common.filled_in SOURCE TARGET` writes SOURCE to TARGET with each `${NAME}` replaced by the
variable NAME, if it is set. Everything else stays as it is: `$1` of a relabelling rule, `{{ $value }}` of an alert,
`${NAME}` of a variable that is not set.
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

MODE = 0o644  # the program that reads it is another user
_VARIABLE = re.compile(r"\$\{([A-Z][A-Z0-9_]*)\}")


def filled_in(text: str, variables: Mapping[str, str]) -> str:
    """`text` with the `variables` in. What is put in is not looked at again."""
    return _VARIABLE.sub(lambda found: variables.get(found[1], found[0]), text)


def write(source: Path, target: Path, variables: Mapping[str, str]) -> None:
    """Write `target`, atomically. Raises `OSError`, `UnicodeDecodeError`."""
    text = filled_in(source.read_text(encoding="utf-8"), variables)
    with tempfile.NamedTemporaryFile("w", dir=target.parent, encoding="utf-8", delete=False) as file:
        file.write(text)
    made = Path(file.name)
    made.chmod(MODE)
    made.replace(target)


def main(arguments: Sequence[str]) -> None:
    """Write the one file."""
    source, target = map(Path, arguments)
    try:
        write(source, target, os.environ)
    except (OSError, UnicodeDecodeError) as error:
        sys.exit(f"error: {source} to {target}: {error}")
    sys.stdout.write(f"{target} is written from {source}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
