"""explain: why the pool is as it is."""

from __future__ import annotations

import click

from common.settings import load
from watcher import explain_output, output
from watcher.commands.options import json_option
from watcher.errors import NotRunningError, WatcherError
from watcher.fetch import UnreachableError
from watcher.settings import OperatorSettings
from watcher.stack import START_IT, stack_of
from watcher.watcher_status import scaler_status


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
        told = explain_output.document(status)
    except KeyError as error:
        raise WatcherError(f"the scaler's status has no {error}: it is of another version than this program") from None
    if as_json:
        output.document(told)
    else:
        explain_output.show(status)
