"""plan: preview the next scaling plan without acting."""

from __future__ import annotations

import time
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import click

from ray_watcher import dry_run
from ray_watcher.commands.options import chosen, json_option, url_option
from ray_watcher.commands.pause import MOMENTS, Moment, seconds_until
from ray_watcher.errors import NotRunningError
from ray_watcher.output import terminal
from ray_watcher.output.plan import document, show
from ray_watcher.settings import OperatorSettings
from ray_watcher_common.program.settings import load
from scaler.config.policy_file import policy_from, read_policy
from scaler.control.custom_planner import load_planner

if TYPE_CHECKING:
    from ray_watcher.host import Host


@click.command()
@click.option(
    "--state",
    type=click.File("rb"),
    metavar="FILE",
    help="Saved /state document of the exporter; - reads standard input.  [default: the running cluster]",
)
@click.option(
    "--policy",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Policy file (YAML).  [default: the running scaler's policy; with --state, the settings]",
)
@click.option(
    "--alerts",
    type=click.File("rb"),
    metavar="FILE",
    help="Body of an Alertmanager webhook.  [default: the running scaler's alerts; with --state, an assumed alert that"
    " permits scaling up]",
)
@click.option(
    "--at",
    type=Moment(MOMENTS),
    metavar="TIME",
    help="Use the limits that schedules set at this local time, for example 18:30 or 2026-01-02T18:30.  [default: now]",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "json"]),
    default="table",
    show_default=True,
    help="Output format.",
)
@url_option
@json_option
@click.pass_obj
def plan(  # noqa: PLR0913  # one for each option
    host: Host,
    /,
    state: BinaryIO | None,
    policy: Path | None,
    alerts: BinaryIO | None,
    at: datetime | None,
    form: str,
    *,
    as_json: bool,
    url: str | None,
) -> None:
    """Preview the next scaling plan (dry run).

    Uses the scaler's own code. With --state, the plan is made for the time of that state, so the same files always
    give the same plan. Without --state, it is made for the running cluster, and --policy shows what a reload of that
    file would change. With --url, state, policy and alerts are those of that scaler.

    \b
    Example:  ray-watcher plan --state state.json --alerts webhook.json --json
    """  # noqa: D301  # \b is click's
    if state and url:
        raise click.UsageError("--state and --url cannot be used together")
    settings = load(OperatorSettings, **chosen({"url": url}))
    given = (read_policy(policy, settings), str(policy)) if policy else None
    default = (policy_from(settings), str(settings.policy_file or "the settings"))
    planner = load_planner(settings.planner)
    when = time.time() + seconds_until(at, datetime.now().astimezone(), "--at") if at else None
    body, body_from = (alerts.read(), _name(alerts)) if alerts else (None, "")
    if state:
        run = dry_run.of_file(
            state.read(), _name(state), body, body_from, given or default, planner, settings.cluster, at=when
        )
    else:
        try:
            run = dry_run.live(settings, host.scaler_url(settings), body, body_from, given, default, planner, at=when)
        except NotRunningError as error:
            advice = f"{host.advice(settings)}, or give --state FILE"
            raise NotRunningError(str(error) if settings.url else f"{error}; {advice}") from None
    if as_json or form == "json":
        terminal.document(document(run))
    else:
        show(run)


def _name(file: BinaryIO) -> str:
    return str(getattr(file, "name", "standard input"))
