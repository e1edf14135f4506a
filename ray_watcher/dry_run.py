"""The plan for a saved or the running cluster, made by the loop's own code, without acting."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ray_watcher.errors import NotRunningError, UnusableFileError, WatcherError
from ray_watcher.fetch import UnreachableError, get_json, present
from ray_watcher.output.plan import DryRun
from ray_watcher_common.state import StateDocumentError, from_document
from ray_watcher_common.urls import shown_url
from ray_watcher_common.web.client import PasswordFile
from scaler.alerting import payload
from scaler.model.difference import differences
from scaler.model.errors import InvalidAlertError
from scaler.planning import dry_run
from scaler.planning.plan import plan
from scaler.schedules.effective import effective, schedule_lines
from scaler.web import status_reader

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ray_watcher.settings import OperatorSettings
    from ray_watcher_common.state import ClusterState
    from scaler.control.custom_planner import Planner
    from scaler.model.alerts import Alert
    from scaler.model.cluster import WorkerType
    from scaler.model.decision import Observation
    from scaler.model.policy import Policy

    NamedPolicy = tuple[Policy, str]  # and where it comes from


ASSUMED = "No alerts given: assuming that {name} permits scaling up and that nothing permits scaling down."


def of_file(  # noqa: PLR0913  # contents and names of files
    state: bytes,
    state_from: str,
    alerts: bytes | None,
    alerts_from: str,
    policy: NamedPolicy,
    planner: Planner = plan,
    cluster: str | None = None,
    *,
    at: float | None = None,
) -> DryRun:
    """The plan for a saved `/state`, at its own time; alerts of another cluster than `cluster` are left alone.

    `at` (unix seconds): with the limits that schedules set then. Raises `UnusableFileError`.
    """
    try:
        document = json.loads(state)
        snapshot = from_document(document)
    except (ValueError, RecursionError) as error:
        raise UnusableFileError(f"--state {state_from}: got no JSON document: {error}") from None
    except StateDocumentError as error:
        raise UnusableFileError(f"--state {state_from}: {error}") from None
    given_alerts, notes = _read_alerts(alerts, alerts_from, snapshot, cluster)
    observation = dry_run.observe(snapshot, _worker_types(document), given_alerts, policy[0])
    return _run(
        observation, policy, state_from, alerts_from if alerts is not None else "an assumption", notes, planner, at
    )


def live(  # noqa: PLR0913  # what stands for the running cluster's
    settings: OperatorSettings,
    scaler: str,
    alerts: bytes | None,
    alerts_from: str,
    given: NamedPolicy | None,
    default: NamedPolicy,
    planner: Planner = plan,
    *,
    at: float | None = None,
) -> DryRun:
    """The plan for the running cluster: the exporter's state, and values of the scaler (a base URL) unless given.

    Of a scaler on another host (`settings.url`) the state too, for its exporter may be out of reach.

    Raises `NotRunningError` if what has the state does not answer.
    """
    url = f"{scaler}/api/v1/state" if settings.url else _exporter(settings)
    try:
        document = get_json(url)
        snapshot = from_document(document)
    except (UnreachableError, StateDocumentError) as error:
        raise NotRunningError(str(error)) from None
    status = _scaler(scaler)
    if status is None and settings.url:
        raise NotRunningError(f"{shown_url(scaler)} is not responding")
    if status is None:
        given_alerts, notes = _read_alerts(alerts, alerts_from, snapshot, settings.cluster)
        notes = ("Scaler not responding: cooldowns and joining workers are unknown.", *notes)
        chosen = given or default
        observation = dry_run.observe(snapshot, _worker_types(document), given_alerts, chosen[0])
        return _run(
            observation, chosen, url, alerts_from if alerts is not None else "an assumption", notes, planner, at
        )
    try:
        running = status_reader.policy_of(status)
        chosen = (_sized_as(running, given[0]), given[1]) if given else (running, "the scaler")
        known, pauses = status_reader.alerts_of(status), status_reader.pauses_of(status)
        workers, cooldown = status_reader.workers_of(status, snapshot), status_reader.cooldown_of(status)
        health = status_reader.launch_health_of(status)
    except (KeyError, TypeError, ValueError) as error:
        raise WatcherError(
            f"the scaler's status cannot be read ({error!r}): scaler and ray-watcher have different versions"
        ) from None
    given_alerts, notes = (
        _read_alerts(alerts, alerts_from, snapshot, settings.cluster) if alerts is not None else (known, ())
    )
    observation = dry_run.observe(
        snapshot, {}, given_alerts, chosen[0], workers=workers, cooldown=cooldown, pauses=pauses, launch_health=health
    )
    run = _run(observation, chosen, url, alerts_from if alerts is not None else "the scaler", notes, planner, at)
    return replace(run, changes=differences(running, chosen[0])) if given else run


def _sized_as(running: Policy, given: Policy) -> Policy:
    """`given`, with the running scaler's sizes for types whose memory the file leaves to the host's share."""
    known = {kind.name: kind for kind in running.worker_types}

    def sized(kind: WorkerType) -> WorkerType:
        if kind.memory is not None or (now := known.get(kind.name)) is None:
            return kind
        return replace(kind, memory=now.memory, object_store_memory=now.object_store_memory)

    return replace(given, worker_types=tuple(map(sized, given.worker_types)))


def _run(
    observation: Observation,
    policy: NamedPolicy,
    state_from: str,
    alerts_from: str,
    notes: tuple[str, ...],
    planner: Planner,
    at: float | None,
) -> DryRun:
    now = observation.snapshot.observed_at if observation.snapshot else time.time()
    when = now if at is None else at
    holding = effective(policy[0], when)
    proposed = planner(observation, holding, now)
    notes = (*notes, *schedule_lines(policy[0], when))
    return DryRun(observation, holding, proposed, state_from, policy[1], alerts_from, notes)


def _read_alerts(
    alerts: bytes | None, alerts_from: str, snapshot: ClusterState, cluster: str | None
) -> tuple[list[Alert], tuple[str, ...]]:
    """The alerts of a webhook's body, or the assumed one, with notes about them."""
    if alerts is None:
        return [dry_run.assumed(snapshot)], (ASSUMED.format(name=dry_run.ASSUMED_ALERT),)
    try:
        received = payload.read(alerts, snapshot.observed_at, cluster)
    except InvalidAlertError as error:
        raise UnusableFileError(f"--alerts {alerts_from}: {error}") from None
    notes = []
    if received.other_cluster:
        notes.append(f"Alerts of other clusters than {cluster!r} (WATCHER_CLUSTER) ignored: {received.other_cluster}.")
    if unusable := received.ignored - received.other_cluster:
        notes.append(f"Alerts without a usable label ray_scale ignored: {unusable}.")
    return list(received.alerts), (*notes, *received.problems)


def _worker_types(document: Mapping[str, Any]) -> dict[str, str]:
    """The type of each worker id, as the exporter read it from Ray."""
    return {node["instance_id"]: str(node.get("worker_type") or "") for node in document["nodes"]}


def _exporter(settings: OperatorSettings) -> str:
    """Where the exporter has the state; its password is presented there from now on."""
    if settings.exporter_password_file:
        present(settings.exporter_url, PasswordFile(settings.exporter_password_file))
    return f"{settings.exporter_url.rstrip('/')}/state"


def _scaler(url: str) -> dict[str, Any] | None:
    try:
        status: dict[str, Any] = get_json(f"{url}/api/v1/status")
    except UnreachableError:
        return None
    return status
