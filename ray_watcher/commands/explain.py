"""explain: why the pool is as it is."""

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
    """Say why the pool is as it is.

    What waits and for what, why each worker stays, limits, cooldowns and alerts, in sentences; the words in brackets
    are the causes in journal, log and metrics.

    \b
    Example:  ray-watcher explain --json
    """  # noqa: D301  # \b is click's
    try:
        status = scaler_status(stack_of(load(OperatorSettings)))
    except UnreachableError as error:
        raise NotRunningError(f"{error}; {START_IT}") from None
    try:
        told = output.document(status)
    except KeyError as error:
        raise WatcherError(f"the scaler's status has no {error}: it is of another version than this program") from None
    if as_json:
        terminal.document(told)
    else:
        output.show(status)
