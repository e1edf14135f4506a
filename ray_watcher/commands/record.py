"""record: export and import the recording of what decisions rested on."""

from __future__ import annotations

import time
from importlib.metadata import version
from pathlib import Path
from typing import IO, TYPE_CHECKING

import click

from ray_watcher.commands.history import Span
from ray_watcher.errors import NotRunningError, UnusableFileError
from ray_watcher.output import terminal
from ray_watcher.settings import OperatorSettings
from ray_watcher_common.program.settings import load
from scaler.model.errors import RecordingError
from scaler.recording import export
from scaler.recording.file import add, recorded

if TYPE_CHECKING:
    from ray_watcher.host import Host


@click.group()
def record() -> None:
    """Export or import the recording of decisions.

    The scaler records what its decisions rest on (docs/recording.md). Replay a file with: ray-watcher replay FILE

    \b
    Example:  ray-watcher record export monday.jsonl.gz --since 1d
    """  # noqa: D301  # \b is click's


@record.command("export")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--since", type=Span(), default="1d", show_default=True, metavar="SPAN", help="Time span to export, for example 2h."
)
@click.pass_obj
def export_recording(host: Host, /, file: Path, since: float) -> None:
    """Write the recording to a compressed file.

    The file has no tokens or passwords, but names, labels and addresses of the cluster.

    \b
    Example:  ray-watcher record export monday.jsonl.gz --since 1d
    """  # noqa: D301  # \b is click's
    del host
    settings, now = load(OperatorSettings), time.time()
    if not settings.journal_file.exists():
        raise NotRunningError(f"there is no journal {settings.journal_file}")
    if file.exists():
        raise UnusableFileError(f"{file}: the file exists already; choose another name")
    header = export.Header(cluster=settings.cluster, written_by=f"ray-watcher {version('ray-watcher')}")
    documents = recorded(settings.journal_file, now - since, now)
    count = 0
    with file.open("xb") as target:
        count = export.write(target, header, documents)
    if not count:
        file.unlink()
        raise UnusableFileError(f"the journal {settings.journal_file} has no recording in this time span")
    terminal.line(f"Wrote {terminal.count(count, 'moment')} to {file}.")


@record.command("import")
@click.argument("file", type=click.File("rb"))
@click.pass_obj
def import_recording(host: Host, /, file: IO[bytes]) -> None:
    """Add the recording in a file to a journal that has none.

    Use WATCHER_CLUSTER to choose the journal. Its `history` then has the charts of the recording.

    \b
    Example:  WATCHER_CLUSTER=monday ray-watcher record import monday.jsonl.gz
    """  # noqa: D301  # \b is click's
    del host
    settings = load(OperatorSettings)
    name = str(getattr(file, "name", "standard input"))
    try:
        count = add(settings.journal_file, export.read(file, name)[1])
    except RecordingError as error:
        raise UnusableFileError(str(error)) from None
    terminal.line(f"Added {terminal.count(count, 'moment')} to {settings.journal_file}.")
