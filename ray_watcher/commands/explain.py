"""explain: pending work and worker state, with reasons."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from ray_watcher.commands import asking
from ray_watcher.commands.options import chosen, json_option, url_option
from ray_watcher.errors import WatcherError
from ray_watcher.fetch import UnreachableError, get_json
from ray_watcher.output import explain as output
from ray_watcher.output import terminal
from ray_watcher.settings import OperatorSettings
from ray_watcher_common.program.settings import load

if TYPE_CHECKING:
    from ray_watcher.host import Host


@click.command()
@url_option
@json_option
@click.pass_obj
def explain(host: Host, /, *, as_json: bool, **given: Any) -> None:
    """Explain pending work and worker state.

    Shows what is pending and why, why each worker stays, limits, cooldowns and alerts. The words in brackets are the
    causes used in journal, log and metrics.

    \b
    Example:  ray-watcher explain --json
    """  # noqa: D301  # \b is click's
    settings = load(OperatorSettings, **chosen(given))
    try:
        status = get_json(f"{host.scaler_url(settings)}/api/v1/status")
    except UnreachableError as error:
        raise asking.not_running(host, settings, error) from None
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
