"""replay: a recording through another policy or planner."""

from __future__ import annotations

import time
from pathlib import Path
from typing import IO, TYPE_CHECKING

import click

from ray_watcher.commands.history import Span
from ray_watcher.commands.options import json_option
from ray_watcher.errors import NotRunningError, UnusableFileError
from ray_watcher.output import replay as output
from ray_watcher.output import terminal
from ray_watcher.settings import OperatorSettings
from ray_watcher.tuning import replay as tuning
from ray_watcher_common.program.settings import load
from scaler.config.policy_file import read_policy
from scaler.control.custom_planner import load_planner
from scaler.model.errors import RecordingError
from scaler.recording import export
from scaler.recording.file import recorded
from scaler.recording.reading import Reader

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ray_watcher.host import Host
    from scaler.recording.patch import Document


@click.command()
@click.argument("file", required=False, type=click.File("rb"))
@click.option(
    "--since",
    type=Span(),
    default="1d",
    show_default=True,
    metavar="SPAN",
    help="Time span of the journal's recording to replay; a FILE is replayed as a whole.",
)
@click.option(
    "--policy",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="FILE",
    help="Policy file (YAML) to replay with.  [default: the recorded policies]",
)
@click.option(
    "--step",
    type=Span(),
    default=f"{tuning.STEP_SECONDS:g}s",
    show_default=True,
    metavar="SPAN",
    help="Time between plans while nothing changes.",
)
@click.option(
    "--limit",
    type=click.IntRange(1),
    default=50,
    show_default=True,
    metavar="N",
    help="Maximum number of differences to print.",
)
@json_option
@click.pass_obj
def replay(
    host: Host, /, file: IO[bytes] | None, since: float, policy: Path | None, step: float, limit: int, *, as_json: bool
) -> None:
    """Show which decisions another policy or planner would have changed.

    Plans each recorded situation again, with the planner of this version or the one that WATCHER_PLANNER names. The
    recording does not react: what another decision would have changed later is not in it.

    \b
    Example:  ray-watcher replay --since 8h --policy new-policy.yml
    """  # noqa: D301  # \b is click's
    del host
    settings = load(OperatorSettings)
    source = str(getattr(file, "name", "standard input")) if file else str(settings.journal_file)
    other = read_policy(policy, settings) if policy else None
    reader = Reader()
    try:
        documents = export.read(file, source)[1] if file else _of_journal(settings, since)
        result = tuning.replay(map(reader.moment, documents), load_planner(settings.planner), other, step)
    except RecordingError as error:
        raise UnusableFileError(str(error)) from None
    if result is None:
        raise UnusableFileError(f"{source}: got no recorded moments in this time span")
    names = (source, str(policy or "as recorded"), settings.planner or "built-in")
    if as_json:
        terminal.document(output.document(result, *names))
    else:
        output.show(result, *names, limit=limit)


def _of_journal(settings: OperatorSettings, since: float) -> Iterator[Document]:
    if not settings.journal_file.exists():
        raise NotRunningError(f"there is no journal {settings.journal_file}; give a FILE of: ray-watcher record export")
    now = time.time()
    return recorded(settings.journal_file, now - since, now)
