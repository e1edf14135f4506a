"""Alertmanager's webhook, version 4: its payload, and the alerts in it that scale this cluster.

https://prometheus.io/docs/alerting/latest/configuration/#webhook_config. Unknown fields are
ignored; a mix of firing and resolved alerts is normal, so the status of each alert counts.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import datetime  # msgspec evaluates the annotation
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec
from msgspec import UNSET, UnsetType

from scaler.model.alerts import MAX_ALERTS, Alert
from scaler.model.cluster import Direction
from scaler.model.errors import InvalidAlertError, TooManyAlertsError

if TYPE_CHECKING:
    from collections.abc import Iterable

DIRECTION_LABEL = "ray_scale"
WORKER_TYPE_LABEL = "worker_type"
WATCHDOG = "RayWatchdog"  # the name of the alert that always fires; prometheus/rules/health.yml
STEP_ANNOTATION = "step"
LARGEST_STEP = 999
STEP = re.compile(r"[1-9][0-9]{0,2}")
DIRECTIONS = {direction.value: direction for direction in Direction}
FNV_OFFSET, FNV_PRIME = 14695981039346656037, 1099511628211
MAX_TEXT = 1000  # characters of a name or a summary: more is no help to a reader, and is kept for weeks
MAX_PROBLEMS = 20  # of one notification, in the reply and in the log


Moment = Annotated[datetime, msgspec.Meta(tz=True)]


class Labels(
    msgspec.Struct,
    rename={"direction": DIRECTION_LABEL, "name": "alertname", "worker_type": WORKER_TYPE_LABEL},
    gc=False,
):
    """The labels that we read. Skipping the others halves the time to read 1,000 alerts."""

    direction: str | UnsetType = UNSET
    name: str = "an alert without name"
    cluster: str | UnsetType = UNSET
    worker_type: str = ""


class Annotations(msgspec.Struct, rename={"step": STEP_ANNOTATION}, frozen=True, gc=False):
    """The annotations that we read."""

    step: str = ""
    summary: str = ""


class AnyAlert(msgspec.Struct, rename="camel", kw_only=True, gc=False):
    """The fields that an alert has in webhooks and in the list."""

    labels: Labels
    annotations: Annotations = Annotations()
    starts_at: Moment
    fingerprint: str = ""


class IncomingAlert(AnyAlert, kw_only=True, gc=False):
    """One alert of a notification."""

    status: Literal["firing", "resolved"]

    @property
    def unsigned(self) -> bool:
        """Whether it is a scaling alert whose sender omitted the fingerprint."""
        return not self.fingerprint and self.labels.direction is not UNSET


class Notification(msgspec.Struct, rename="camel"):
    """One POST of Alertmanager; its alerts are read one by one, so that a malformed one affects no other."""

    version: Literal["4"]
    group_key: str
    alerts: list[msgspec.Raw]
    truncated_alerts: int = 0


class _Labelled(msgspec.Struct):
    """An alert with all of its labels."""

    labels: dict[str, str]


NOTIFICATION = msgspec.json.Decoder(Notification)
INCOMING = msgspec.json.Decoder(IncomingAlert)
LABELLED = msgspec.json.Decoder(_Labelled)
UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)  # raised by a decoder for bytes that do not fit


class Problems:
    """Sentences on what could not be used; the first `MAX_PROBLEMS` are kept, all are counted."""

    def __init__(self) -> None:
        self.first: list[str] = []
        self.count = 0

    def add(self, sentence: str) -> None:
        """One more."""
        self.count += 1
        if len(self.first) < MAX_PROBLEMS:
            self.first.append(cut(sentence))

    def listed(self) -> tuple[str, ...]:
        """The first ones, and how many more there are."""
        more = self.count - len(self.first)
        return (*self.first, *([f"and {more} more"] if more else []))


@dataclass(frozen=True)
class Received:
    """The content of a notification: alerts that scale this cluster, a count of all others, and unusable values."""

    alerts: tuple[Alert, ...]
    ignored: int
    problems: tuple[str, ...]
    other_cluster: int = 0  # those of the ignored that scale another cluster
    malformed: int = 0  # those of the ignored that cannot be read
    watchdog: bool | None = None  # whether RayWatchdog fires; None: it is not among them


def read(body: bytes, now: float, cluster: str | None = None) -> Received:
    """Read a webhook's body, received at `now` (unix seconds).

    An alert that is malformed, or has an unusable `ray_scale` or `step`, is named in `problems` and affects no other
    alert. Alerts whose label `cluster` names another cluster than `cluster` are ignored (None: no alert is). Raises
    `InvalidAlertError` if it is no notification, or none of its alerts can be read; `TooManyAlertsError` if it has more
    alerts than the scaler keeps.
    """
    try:
        sent = NOTIFICATION.decode(body).alerts
    except UNREADABLE as error:
        raise InvalidAlertError(f"not an Alertmanager webhook (version 4): {error}") from None
    if len(sent) > MAX_ALERTS:
        raise TooManyAlertsError(f"got {len(sent)} alerts, wanted at most {MAX_ALERTS}; set max_alerts in Alertmanager")
    alerts, problems = [], Problems()
    for place, raw in enumerate(sent):
        try:
            alerts.append(_incoming(raw))
        except UNREADABLE as error:  # noqa: PERF203  # each has its own
            problems.add(_at(place, str(error)))
    malformed = problems.count
    if sent and not alerts:
        raise InvalidAlertError(f"not an Alertmanager webhook (version 4): {problems.first[0]}")
    received = scaling([(alert, alert.status == "firing") for alert in alerts], now, cluster, problems)
    return replace(received, ignored=received.ignored + malformed, malformed=malformed)


def cut(text: str) -> str:
    """`text`, or its first `MAX_TEXT` characters and a mark that there was more."""
    return text if len(text) <= MAX_TEXT else f"{text[:MAX_TEXT]}..."


def _at(place: int, error: str) -> str:
    """`error`, which names a place within one alert if at all, with the place in the notification."""
    alert = f"`$.alerts[{place}]"
    return error.replace("`$", alert, 1) if "`$" in error else f"{error} - at {alert}`"


def _incoming(raw: msgspec.Raw) -> IncomingAlert:
    alert = INCOMING.decode(raw)
    if alert.unsigned:
        alert.fingerprint = fingerprint(LABELLED.decode(raw).labels)
    elif len(alert.fingerprint) > MAX_TEXT:
        raise msgspec.ValidationError(f"Expected at most {MAX_TEXT} characters - at `$.fingerprint`")
    return alert


def scaling(
    listed: Iterable[tuple[AnyAlert, bool]], now: float, cluster: str | None, problems: Problems | None = None
) -> Received:
    """The alerts that scale `cluster`, from pairs of an alert and whether it is firing; adds to `problems`."""
    problems = problems or Problems()
    alerts: list[Alert] = []
    ignored = other_cluster = 0
    watchdog: bool | None = None
    for one, firing in listed:
        labels = one.labels
        if labels.name == WATCHDOG and (cluster is None or labels.cluster in (UNSET, cluster)):
            watchdog = firing or bool(watchdog)
        elif labels.direction is UNSET:
            ignored += 1
        elif cluster is not None and labels.cluster not in (UNSET, cluster):
            other_cluster += 1
        elif direction := DIRECTIONS.get(labels.direction):
            alerts.append(
                Alert(
                    one.fingerprint,
                    cut(labels.name),
                    direction,
                    firing,
                    one.starts_at.timestamp(),
                    now,
                    cut(labels.worker_type) or None,
                    _step(one, problems),
                    cut(one.annotations.summary),
                )
            )
        else:
            ignored += 1
            problems.add(
                f"{labels.name[:100]}: label {DIRECTION_LABEL} is {labels.direction[:100]!r}, wanted up or down"
            )
    return Received(tuple(alerts), ignored + other_cluster, problems.listed(), other_cluster, watchdog=watchdog)


def _step(alert: AnyAlert, problems: Problems) -> int | None:
    text = alert.annotations.step
    if not text:
        return None
    if STEP.fullmatch(text):
        return int(text)
    wanted = f"wanted 1 to {LARGEST_STEP}; sized by demand"
    problems.add(f"{alert.labels.name[:100]}: annotation {STEP_ANNOTATION} is {text[:100]!r}, {wanted}")
    return None


def fingerprint(labels: dict[str, str]) -> str:
    """The fingerprint that Alertmanager computes for these labels, for senders that omit it.

    FNV-1a of names and values, sorted, each followed by the byte 255 (model/fingerprinting.go of
    github.com/prometheus/common).
    """
    hashed = FNV_OFFSET
    for byte in b"".join(part.encode() + b"\xff" for label in sorted(labels.items()) for part in label):
        hashed = (hashed ^ byte) * FNV_PRIME % 2**64
    return f"{hashed:016x}"
