"""The cluster's state from the exporter's `/state`, unless it is stale."""

from __future__ import annotations

from typing import TYPE_CHECKING

import requests
import structlog

from ray_watcher_common.state import ClusterState, StateDocumentError, read_document
from ray_watcher_common.urls import shown_url
from ray_watcher_common.web.client import session, why
from scaler.model.errors import SnapshotUnavailableError

if TYPE_CHECKING:
    from pathlib import Path

log = structlog.get_logger()

MOST_LOGGED = 5
MOST_SHOWN = 300  # characters of one reason
TIMEOUTS = (1.0, 3.0)  # the exporter itself never waits longer than a second


class StateReader:
    """The exporter at `url`; a state older than `stale_after` seconds is refused.

    `password_file` belongs to the user in `url`.
    """

    def __init__(self, url: str, stale_after: float, password_file: Path | None = None) -> None:
        self._url = f"{url.rstrip('/')}/state"
        self._shown = shown_url(self._url)
        self._stale_after = stale_after
        self._session = session(TIMEOUTS, password_file=password_file)
        self._left_out = False

    def read(self) -> ClusterState:
        """The current snapshot. Raises `SnapshotUnavailableError` if it is missing, stale or unreadable."""
        try:
            reply = self._session.get(self._url)
            document = reply.json()
        except requests.RequestException as error:
            raise SnapshotUnavailableError(f"exporter not responding at {self._shown}: {why(error)}") from error
        except RecursionError:
            raise SnapshotUnavailableError(f"{self._shown} is not readable: nested too deeply") from None
        if not reply.ok:
            raise SnapshotUnavailableError(f"exporter at {self._shown}: HTTP {reply.status_code}{_reasons(document)}")
        age = document.get("age_seconds") if isinstance(document, dict) else None
        if isinstance(age, (int, float)) and age > self._stale_after:
            raise SnapshotUnavailableError(f"the snapshot is {age:.0f} s old, more than {self._stale_after:g} s")
        try:
            state, left_out = read_document(document)
        except StateDocumentError as error:
            raise SnapshotUnavailableError(str(error)) from error
        if left_out and not self._left_out:
            log.warning("unusable items left out", number=len(left_out), problems=list(left_out[:MOST_LOGGED]))
        self._left_out = bool(left_out)
        return state


def _reasons(document: object) -> str:
    """What the exporter's problem document says, with the reason of each source, bounded."""
    if not isinstance(document, dict):
        return ""
    reasons = document.get("reasons")
    by_source = list(reasons.values()) if isinstance(reasons, dict) else []
    said = [str(text)[:MOST_SHOWN] for text in (document.get("detail"), *by_source[:MOST_LOGGED]) if text]
    return ", " + ": ".join(filter(None, (said[0], "; ".join(said[1:])))) if said else ""
