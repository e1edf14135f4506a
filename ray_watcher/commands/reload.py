"""reload: scaler and exporter read policy file and token file again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from ray_watcher.commands import asking
from ray_watcher.commands.options import chosen, json_option, url_option
from ray_watcher.errors import WatcherError
from ray_watcher.fetch import UnreachableError, post_json, present, refusal
from ray_watcher.output import terminal
from ray_watcher.settings import OperatorSettings
from ray_watcher_common.program.reloading import PATH
from ray_watcher_common.program.settings import load
from ray_watcher_common.web.client import PasswordFile

if TYPE_CHECKING:
    from ray_watcher.host import Host

RELOAD_VERSION = 1  # of the document
OK = 200


@click.command()
@url_option
@json_option
@click.pass_obj
def reload(host: Host, /, *, as_json: bool, **given: Any) -> None:
    """Use the changed policy file and token without a restart.

    The scaler reads the files again and uses them from its next decision on; the exporter reads the thresholds in the
    policy file. A file with a mistake changes nothing. Workers of a type that is gone are drained when they are idle.
    `plan --policy FILE` shows beforehand what changes.

    \b
    Example:  ray-watcher reload
    """  # noqa: D301  # \b is click's
    settings = load(OperatorSettings, **chosen(given))
    changes = _reload_scaler(host, settings)
    if not settings.url:
        _reload_exporter(settings)
    if as_json:
        terminal.document({"version": RELOAD_VERSION, "changes": changes})
        return
    for line in changes or ["reloaded, nothing changed"]:
        terminal.line(line)


def _reload_scaler(host: Host, settings: OperatorSettings) -> list[str]:
    """What changed. Raises `NotRunningError`, and `WatcherError` with the mistakes of the files."""
    url, token = host.scaler_url(settings), host.scaler(settings)[1]
    try:
        status, answer = post_json(f"{url}{PATH}", {}, token)
    except UnreachableError as error:
        raise asking.not_running(host, settings, error) from None
    if status != OK:
        raise WatcherError(f"not reloaded, nothing changed: {refusal(status, answer)}")
    return [str(line) for line in answer["changes"]]


def _reload_exporter(settings: OperatorSettings) -> None:
    """Let the exporter read the thresholds; warns if it does not."""
    if settings.exporter_password_file:
        present(settings.exporter_url, PasswordFile(settings.exporter_password_file))
    try:
        status, answer = post_json(f"{settings.exporter_url.rstrip('/')}{PATH}", {}, None)
    except UnreachableError as error:
        terminal.warn(f"thresholds not reloaded: {error}")
        return
    if status != OK:
        terminal.warn(f"thresholds not reloaded: the exporter answers {refusal(status, answer)}")
