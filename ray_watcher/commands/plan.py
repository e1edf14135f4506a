"""plan: what the scaler would do, touching nothing."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

import click

from ray_watcher import dry_run
from ray_watcher.output import terminal
from ray_watcher.output.plan import document, show
from ray_watcher.settings import OperatorSettings
from ray_watcher_common.settings import load
from scaler.config.policy_file import policy_from, read_policy
from scaler.control.custom_planner import load_planner


@click.command()
@click.option(
    "--state",
    type=click.File("rb"),
    metavar="FILE",
    help="A saved /state document of the exporter; - is standard input.  [default: the live cluster's]",
)
@click.option(
    "--policy",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="A policy file (YAML).  [default: what the running scaler follows; with --state, what the settings say]",
)
@click.option(
    "--alerts",
    type=click.File("rb"),
    metavar="FILE",
    help="A body of Alertmanager's webhook.  [default: what the running scaler has heard; with --state, it is"
    " assumed that scaling up is permitted]",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "json"]),
    default="table",
    show_default=True,
    help="For people or for scripts.",
)
def plan(state: BinaryIO | None, policy: Path | None, alerts: BinaryIO | None, form: str) -> None:
    """Show what would be done; do nothing.

    The plan is made by the scaler's own code. With --state its time is the state's, so that the same files give the
    same plan; without, it is for the cluster that is up.

    \b
    Example:  ray-watcher plan --state state.json --alerts webhook.json --format json
    """  # noqa: D301  # \b is click's
    settings = load(OperatorSettings)
    given = (read_policy(policy, settings), str(policy)) if policy else None
    default = (policy_from(settings), str(settings.policy_file or "the settings"))
    planner = load_planner(settings.planner)
    heard, heard_from = (alerts.read(), _name(alerts)) if alerts else (None, "")
    if state:
        run = dry_run.of_file(state.read(), _name(state), heard, heard_from, given or default, planner)
    else:
        run = dry_run.live(settings, heard, heard_from, given, default, planner)
    if form == "json":
        terminal.document(document(run))
    else:
        show(run)


def _name(file: BinaryIO) -> str:
    return str(getattr(file, "name", "standard input"))
