"""Requests to the scaler that change something, from the command line."""

from __future__ import annotations

import getpass
from typing import TYPE_CHECKING, Any

from ray_watcher.errors import NotRunningError, WatcherError
from ray_watcher.fetch import UnreachableError, get_json, post_json, refusal

if TYPE_CHECKING:
    from ray_watcher.host import Host
    from ray_watcher.settings import OperatorSettings


def post(host: Host, settings: OperatorSettings, verb: str, asked: dict[str, Any]) -> dict[str, Any]:
    """The scaler's answer. Raises `NotRunningError`, and `WatcherError` with its words if it refuses."""
    url, token = host.scaler_url(settings), host.scaler(settings)[1]
    try:
        status, answer = post_json(f"{url}/api/v1/{verb}", asked, token)
    except UnreachableError as error:
        raise not_running(host, settings, error) from None
    if status not in (200, 202):
        raise WatcherError(f"the scaler refused to {verb.replace('-', ' ')}: {refusal(status, answer)}")
    return answer


def worker_id(host: Host, settings: OperatorSettings, name: str | None) -> str:
    """The id of a worker of the scaler: of an id, `worker-N` or N; without a name, the longest idle one.

    Raises `NotRunningError` if there is none.
    """
    try:
        workers = get_json(f"{host.scaler_url(settings)}/api/v1/status")["workers"]
    except UnreachableError as error:
        raise not_running(host, settings, error) from None
    for worker in workers:
        if name in {worker["worker_id"], f"worker-{worker['index']}", str(worker["index"])}:
            return str(worker["worker_id"])
    if name is not None:
        known = ", ".join(f"worker-{worker['index']}" for worker in workers) or "none"
        raise NotRunningError(f"got worker {name!r}, wanted one of: {known}")
    idle = [worker for worker in workers if worker["idle_seconds"]]
    if not idle:
        raise WatcherError("no worker is idle; name a worker and use --force to stop it with its work")
    return str(max(idle, key=lambda worker: float(worker["idle_seconds"]))["worker_id"])


def not_running(host: Host, settings: OperatorSettings, error: UnreachableError) -> NotRunningError:
    """That the scaler does not answer; with what to do if it is this machine's."""
    return NotRunningError(str(error) if settings.url else f"{error}; {host.advice(settings)}")


def who() -> str:
    """The user who asks, for the journal."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a user id without a name
        return "the command line"
