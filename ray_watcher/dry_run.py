"""The plan for a saved or the live cluster, made by the loop's own code, touching nothing."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

from ray_watcher.errors import NotRunningError, UnusableFileError, WatcherError
from ray_watcher.fetch import UnreachableError, get_json
from ray_watcher.output.plan import DryRun
from ray_watcher_common.state import StateDocumentError, from_document
from scaler.alerting import payload
from scaler.model.errors import InvalidAlertError
from scaler.planning import dry_run
from scaler.planning.plan import plan
from scaler.web import status_reader

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ray_watcher.settings import OperatorSettings
    from ray_watcher_common.state import ClusterState
    from scaler.control.custom_planner import Planner
    from scaler.model.alerts import Alert
    from scaler.model.decision import Observation
    from scaler.model.policy import Policy

    NamedPolicy = tuple[Policy, str]  # and where it comes from


ASSUMED = "No alerts were given: the plan assumes that {name} permits scaling up, and nothing permits scaling down."


def of_file(  # the files, and what they are called
    state: bytes,
    state_from: str,
    alerts: bytes | None,
    alerts_from: str,
    policy: NamedPolicy,
    planner: Planner = plan,
) -> DryRun:
    """The plan for a saved `/state`, at its own time. Raises `UnusableFileError`."""
    try:
        document = json.loads(state)
        snapshot = from_document(document)
    except (ValueError, RecursionError) as error:
        raise UnusableFileError(f"--state {state_from}: no JSON document: {error}") from None
    except StateDocumentError as error:
        raise UnusableFileError(f"--state {state_from}: {error}") from None
    heard, notes = _heard(alerts, alerts_from, snapshot)
    observation = dry_run.observe(snapshot, _worker_types(document), heard, policy[0])
    return _run(observation, policy, state_from, alerts_from if alerts is not None else "an assumption", notes, planner)


def live(
    settings: OperatorSettings,
    alerts: bytes | None,
    alerts_from: str,
    given: NamedPolicy | None,
    default: NamedPolicy,
    planner: Planner = plan,
) -> DryRun:
    """The plan for the cluster that is up: the exporter's state, and of the scaler what is not given here.

    Raises `NotRunningError` where the exporter does not answer.
    """
    url = f"{settings.exporter_url.rstrip('/')}/state"
    try:
        document = get_json(url)
        snapshot = from_document(document)
    except (UnreachableError, StateDocumentError) as error:
        raise NotRunningError(f"{error}; start it with: ray-watcher start-watcher, or give --state FILE") from None
    status = _scaler(settings)
    if status is None:
        heard, notes = _heard(alerts, alerts_from, snapshot)
        notes = ("The scaler does not answer: cooldowns and joining workers are not known.", *notes)
        chosen = given or default
        observation = dry_run.observe(snapshot, _worker_types(document), heard, chosen[0])
        return _run(observation, chosen, url, alerts_from if alerts is not None else "an assumption", notes, planner)
    try:
        chosen = given or (status_reader.policy_of(status), "the scaler")
        told, pauses = status_reader.alerts_of(status), status_reader.pauses_of(status)
        workers, cooldown = status_reader.workers_of(status, snapshot), status_reader.cooldown_of(status)
        health = status_reader.launch_health_of(status)
    except (KeyError, TypeError, ValueError) as error:
        raise WatcherError(f"the scaler's status is of another version than this program: {error!r}") from None
    heard, notes = _heard(alerts, alerts_from, snapshot) if alerts is not None else (told, ())
    observation = dry_run.observe(
        snapshot, {}, heard, chosen[0], workers=workers, cooldown=cooldown, pauses=pauses, launch_health=health
    )
    return _run(observation, chosen, url, alerts_from if alerts is not None else "the scaler", notes, planner)


def _run(
    observation: Observation,
    policy: NamedPolicy,
    state_from: str,
    alerts_from: str,
    notes: tuple[str, ...],
    planner: Planner,
) -> DryRun:
    now = observation.snapshot.observed_at if observation.snapshot else time.time()
    proposed = planner(observation, policy[0], now)
    return DryRun(observation, policy[0], proposed, state_from, policy[1], alerts_from, notes)


def _heard(alerts: bytes | None, alerts_from: str, snapshot: ClusterState) -> tuple[list[Alert], tuple[str, ...]]:
    """The alerts of a webhook's body, or the assumed one; and what is to be said about them."""
    if alerts is None:
        return [dry_run.assumed(snapshot)], (ASSUMED.format(name=dry_run.ASSUMED_ALERT),)
    try:
        heard = payload.read(alerts, snapshot.observed_at)
    except InvalidAlertError as error:
        raise UnusableFileError(f"--alerts {alerts_from}: {error}") from None
    ignored = (f"{heard.ignored} alerts carry no usable label ray_scale.",) if heard.ignored else ()
    return list(heard.alerts), (*ignored, *heard.problems)


def _worker_types(document: Mapping[str, Any]) -> dict[str, str]:
    """The type of each worker id, as the exporter read it from Ray."""
    return {node["instance_id"]: str(node.get("worker_type") or "") for node in document["nodes"]}


def _scaler(settings: OperatorSettings) -> dict[str, Any] | None:
    try:
        status: dict[str, Any] = get_json(f"http://{settings.listen}/api/v1/status")
    except UnreachableError:
        return None
    return status
