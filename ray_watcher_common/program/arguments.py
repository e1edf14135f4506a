"""The command line of programs that the environment alone configures: it takes `--help` and refuses anything else."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pydantic.fields import FieldInfo

    from ray_watcher_common.program.settings import EnvSettings


def accept_none(program: str, purpose: str, settings: type[EnvSettings], given: Sequence[str] | None = None) -> None:
    """Return if nothing is `given` (default: the arguments of this process).

    Ends the process otherwise: with exit code 0 and the variables of `settings` for `--help`, with 2 for anything else.
    """
    given = sys.argv[1:] if given is None else given
    if not given:
        return
    import argparse  # here, so that a program that runs for weeks does not hold it

    parser = argparse.ArgumentParser(
        prog=f"python -m {program}",
        description=f"{purpose} It takes no arguments; these environment variables configure it.",
        epilog="\n".join(map(_described, settings.model_fields.values())),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.parse_args(given)


def _described(field: FieldInfo) -> str:
    default = field.get_default(call_default_factory=True)
    shown = "unset" if default is None else default
    return f"{field.validation_alias}\n    {field.description} (default: {shown})"
