"""explain: pending work and worker state, with reasons."""

from __future__ import annotations

import click

from ray_watcher.commands.options import json_option
from ray_watcher.errors import NotRunningError, WatcherError
from ray_watcher.fetch import UnreachableError
from ray_watcher.output import explain as output
from ray_watcher.output import terminal
from ray_watcher.output.watcher_status import scaler_status
from ray_watcher.settings import OperatorSettings
from ray_watcher.stack.stack import START_IT, stack_of
from ray_watcher_common.settings import load


@click.command()
@json_option
def explain(*, as_json: bool) -> None:
    """Explain pending work and worker state.

    Shows what is pending and why, why each worker stays, limits, cooldowns and alerts. The words in brackets are the
    causes used in journal, log and metrics.

    \b
    Example:  ray-watcher explain --json
    """  # noqa: D301  # \b is click's
    try:
        status = scaler_status(stack_of(load(OperatorSettings)))
    except UnreachableError as error:
        raise NotRunningError(f"{error}; {START_IT}") from None
    try:
        document = output.document(status)
    except KeyError as error:
        raise WatcherError(
            f"the scaler's status has no {error}: scaler and ray-watcher have different versions; restart the scaler"
        ) from None
    if as_json:
        terminal.document(document)
    else:
        output.show(status)
