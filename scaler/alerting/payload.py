"""Alertmanager's webhook, version 4: what it must look like, and what of it concerns us.

https://prometheus.io/docs/alerting/latest/configuration/#webhook_config. Unknown fields may come and are left
alone; a mix of firing and resolved alerts is normal, so each alert's own status counts.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime  # msgspec looks at it
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec
from msgspec import UNSET, UnsetType

from scaler.model.alerts import Alert
from scaler.model.cluster import Direction
from scaler.model.errors import InvalidAlertError

if TYPE_CHECKING:
    from collections.abc import Iterable

DIRECTION_LABEL = "ray_scale"
WORKER_TYPE_LABEL = "worker_type"
STEP_ANNOTATION = "step"
LARGEST_STEP = 999
STEP = re.compile(r"[1-9][0-9]{0,2}")
DIRECTIONS = {direction.value: direction for direction in Direction}
FNV_OFFSET, FNV_PRIME = 14695981039346656037, 1099511628211


Moment = Annotated[datetime, msgspec.Meta(tz=True)]


class Labels(
    msgspec.Struct,
    rename={"direction": DIRECTION_LABEL, "name": "alertname", "worker_type": WORKER_TYPE_LABEL},
    gc=False,
):
    """Those labels that we read: the others are skipped, and 1,000 alerts are read in half the time."""

    direction: str | UnsetType = UNSET
    name: str = "an alert without name"
    cluster: str | UnsetType = UNSET
    worker_type: str = ""


class Annotations(msgspec.Struct, rename={"step": STEP_ANNOTATION}, frozen=True, gc=False):
    """Those annotations that we read."""

    step: str = ""
    summary: str = ""


class ToldAlert(msgspec.Struct, rename="camel", kw_only=True, gc=False):
    """What webhook and list say alike of an alert."""

    labels: Labels
    annotations: Annotations = Annotations()
    starts_at: Moment
    fingerprint: str = ""


class IncomingAlert(ToldAlert, kw_only=True, gc=False):
    """One alert of a notification."""

    status: Literal["firing", "resolved"]

    @property
    def unsigned(self) -> bool:
        """Whether it scales and its sender has left its fingerprint out."""
        return not self.fingerprint and self.labels.direction is not UNSET


class Notification(msgspec.Struct, rename="camel"):
    """One POST of Alertmanager."""

    version: Literal["4"]
    group_key: str
    alerts: list[IncomingAlert]
    truncated_alerts: int = 0


class _Labelled(msgspec.Struct):
    """An alert's labels, all of them."""

    labels: dict[str, str]


class _Labelling(msgspec.Struct):
    """All labels of a notification's alerts."""

    alerts: list[_Labelled]


NOTIFICATION = msgspec.json.Decoder(Notification)
LABELLING = msgspec.json.Decoder(_Labelling)
UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)  # what a decoder says of bytes it does not want


@dataclass(frozen=True)
class Heard:
    """What a notification says to us: alerts that scale us, how many do not, and what could not be used."""

    alerts: tuple[Alert, ...]
    ignored: int
    problems: tuple[str, ...]
    elsewhere: int = 0  # of those ignored: how many scale another cluster


def read(body: bytes, now: float, cluster: str | None = None) -> Heard:
    """Read a webhook's body, received at `now` (unix seconds). Raises `InvalidAlertError` if it is no notification.

    One alert with an unusable `ray_scale` or `step` costs none of the others; it is named in `problems`. Alerts whose
    label `cluster` names another than `cluster` are none of ours (None: all are).
    """
    try:
        alerts = NOTIFICATION.decode(body).alerts
        if any(alert.unsigned for alert in alerts):
            for alert, labelled in zip(alerts, LABELLING.decode(body).alerts, strict=True):
                if alert.unsigned:
                    alert.fingerprint = fingerprint(labelled.labels)
    except UNREADABLE as error:
        raise InvalidAlertError(f"not an Alertmanager webhook (version 4): {error}") from None
    return sorted_out([(alert, alert.status == "firing") for alert in alerts], now, cluster)


def sorted_out(told: Iterable[tuple[ToldAlert, bool]], now: float, cluster: str | None) -> Heard:
    """Of alerts, each with whether it fires, those that scale `cluster`."""
    alerts: list[Alert] = []
    problems: list[str] = []
    ignored = elsewhere = 0
    for one, firing in told:
        labels = one.labels
        if labels.direction is UNSET:
            ignored += 1
        elif cluster is not None and labels.cluster not in (UNSET, cluster):
            elsewhere += 1
        elif direction := DIRECTIONS.get(labels.direction):
            alerts.append(
                Alert(
                    one.fingerprint,
                    labels.name,
                    direction,
                    firing,
                    one.starts_at.timestamp(),
                    now,
                    labels.worker_type or None,
                    _step(one, problems),
                    one.annotations.summary,
                )
            )
        else:
            ignored += 1
            problems.append(f"{labels.name}: label {DIRECTION_LABEL} is {labels.direction!r}, wanted up or down")
    return Heard(tuple(alerts), ignored + elsewhere, tuple(problems), elsewhere)


def _step(alert: ToldAlert, problems: list[str]) -> int | None:
    text = alert.annotations.step
    if not text:
        return None
    if STEP.fullmatch(text):
        return int(text)
    wanted = f"wanted 1 to {LARGEST_STEP}; sized by demand"
    problems.append(f"{alert.labels.name}: annotation {STEP_ANNOTATION} is {text!r}, {wanted}")
    return None


def fingerprint(labels: dict[str, str]) -> str:
    """The one that Alertmanager gives these labels, for senders that leave it out.

    FNV-1a of names and values in order, each followed by 255 (github.com/prometheus/common, model/fingerprinting.go).
    """
    hashed = FNV_OFFSET
    for byte in b"".join(part.encode() + b"\xff" for label in sorted(labels.items()) for part in label):
        hashed = (hashed ^ byte) * FNV_PRIME % 2**64
    return f"{hashed:016x}"
