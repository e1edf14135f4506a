"""Alertmanager's webhook, version 4: what it must look like, and what of it concerns us.

https://prometheus.io/docs/alerting/latest/configuration/#webhook_config. Unknown fields may come and are left
alone; a mix of firing and resolved alerts is normal, so each alert's own status counts.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from typing import Literal

from pydantic import AwareDatetime, BaseModel, Field, ValidationError
from pydantic.alias_generators import to_camel

from scaler.alerts import Alert
from scaler.errors import InvalidAlertError
from scaler.model import Direction

DIRECTION_LABEL = "ray_scale"
WORKER_TYPE_LABEL = "worker_type"
STEP_ANNOTATION = "step"
LARGEST_STEP = 999
STEP = re.compile(r"[1-9][0-9]{0,2}")
PROBLEMS_NAMED = 5


class IncomingAlert(BaseModel, alias_generator=to_camel):
    """One alert of a notification."""

    status: Literal["firing", "resolved"]
    labels: dict[str, str]
    annotations: dict[str, str] = Field(default_factory=dict)
    starts_at: AwareDatetime
    fingerprint: str = ""


class Notification(BaseModel, alias_generator=to_camel):
    """One POST of Alertmanager."""

    version: Literal["4"]
    group_key: str
    alerts: list[IncomingAlert]
    truncated_alerts: int = 0


@dataclass(frozen=True)
class Heard:
    """What a notification says to us: alerts that scale, how many are none of ours, and what could not be used."""

    alerts: tuple[Alert, ...]
    ignored: int
    problems: tuple[str, ...]


def read(body: bytes, now: float) -> Heard:
    """Read a webhook's body, received at `now` (unix seconds). Raises `InvalidAlertError` if it is no notification.

    One alert with an unusable `ray_scale` or `step` costs none of the others; it is named in `problems`.
    """
    try:
        notification = Notification.model_validate_json(body)
    except ValidationError as error:
        raise InvalidAlertError(_explain(error)) from None
    alerts: list[Alert] = []
    problems: list[str] = []
    ignored = 0
    for incoming in notification.alerts:
        if DIRECTION_LABEL not in incoming.labels:
            ignored += 1
        elif alert := _scaling_alert(notification.group_key, incoming, now, problems):
            alerts.append(alert)
        else:
            ignored += 1
    return Heard(tuple(alerts), ignored, tuple(problems))


def _scaling_alert(group_key: str, incoming: IncomingAlert, now: float, problems: list[str]) -> Alert | None:
    name = incoming.labels.get("alertname", "an alert without name")
    try:
        direction = Direction(incoming.labels[DIRECTION_LABEL])
    except ValueError:
        problems.append(f"{name}: label {DIRECTION_LABEL} is {incoming.labels[DIRECTION_LABEL]!r}, wanted up or down")
        return None
    return Alert(
        key=f"{group_key}|{incoming.fingerprint or _fingerprint(incoming.labels)}",
        name=name,
        direction=direction,
        firing=incoming.status == "firing",
        starts_at=incoming.starts_at.timestamp(),
        received_at=now,
        worker_type=incoming.labels.get(WORKER_TYPE_LABEL) or None,
        step=_step(name, incoming.annotations.get(STEP_ANNOTATION), problems),
        summary=incoming.annotations.get("summary", ""),
    )


def _step(name: str, text: str | None, problems: list[str]) -> int | None:
    if not text:
        return None
    if STEP.fullmatch(text):
        return int(text)
    problems.append(f"{name}: annotation {STEP_ANNOTATION} is {text!r}, wanted 1 to {LARGEST_STEP}; sized by demand")
    return None


def _fingerprint(labels: dict[str, str]) -> str:
    """A stand-in where a sender gives none: equal for equal labels."""
    return hashlib.sha256(json.dumps(labels, sort_keys=True).encode()).hexdigest()[:16]


def _explain(error: ValidationError) -> str:
    details = error.errors(include_url=False, include_context=False)
    named = [f"{'.'.join(map(str, d['loc'])) or 'body'}: {d['msg']}" for d in details[:PROBLEMS_NAMED]]
    more = f" and {len(details) - len(named)} more" if len(details) > len(named) else ""
    return f"not an Alertmanager webhook (version 4): {'; '.join(named)}{more}"
