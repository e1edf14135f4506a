"""Reads the cluster's state from the exporter's `/state`, and refuses what is stale."""

from __future__ import annotations

import requests

from ray_watcher_common.state import ClusterState, StateDocumentError, from_document
from scaler.model.errors import SnapshotUnavailableError

TIMEOUT_SECONDS = (1.0, 3.0)  # connect, read: the exporter itself never waits longer than a second


class StateReader:
    """The exporter at `url`; a snapshot older than `stale_after` seconds is refused."""

    def __init__(self, url: str, stale_after: float) -> None:
        self._url = f"{url.rstrip('/')}/state"
        self._stale_after = stale_after
        self._session = requests.Session()
        self._session.trust_env = False  # a proxy of the environment is not meant for our own exporter

    def read(self) -> ClusterState:
        """The present snapshot. Raises `SnapshotUnavailableError` where it is missing, stale or unreadable."""
        try:
            reply = self._session.get(self._url, timeout=TIMEOUT_SECONDS)
            document = reply.json()
        except requests.RequestException as error:
            raise SnapshotUnavailableError(f"the exporter at {self._url} does not answer: {_cause(error)}") from error
        except RecursionError:
            raise SnapshotUnavailableError(f"{self._url} is not readable: nested too deeply") from None
        if not reply.ok:
            problem = document.get("error", "") if isinstance(document, dict) else ""
            raise SnapshotUnavailableError(f"the exporter has no snapshot (HTTP {reply.status_code}) {problem}".strip())
        age = document.get("age_seconds") if isinstance(document, dict) else None
        if isinstance(age, (int, float)) and age > self._stale_after:
            raise SnapshotUnavailableError(f"the snapshot is {age:.0f} s old, more than {self._stale_after:g} s")
        try:
            return from_document(document)
        except StateDocumentError as error:
            raise SnapshotUnavailableError(str(error)) from error


def _cause(error: Exception) -> str:
    """The innermost reason of a chain of connection errors, without the library's object names."""
    while (inner := error.__cause__ or error.__context__) and isinstance(inner, Exception):
        error = inner
    return str(error) or type(error).__name__
