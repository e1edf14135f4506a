"""The web configuration file while a program runs: read again when it, or a file that it names, has changed."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import structlog

from ray_watcher_common.program.settings import SettingsError

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from ray_watcher_common.documents.findings import Finding

log = structlog.get_logger()

CHECK_SECONDS = 1.0
WEB_CONFIG_FILE = "file of TLS, users and headers (docs/tls.md)"
"""What settings say of such a file."""


class WebConfigError(Exception):
    """A file that cannot be used; `findings` say why."""

    def __init__(self, findings: list[Finding]) -> None:
        super().__init__("\n".join(map(str, findings)))
        self.findings = findings


@dataclass(frozen=True)
class WebConfig:
    """What the file says, ready to use. `files` are all that it was made from; empty: plain HTTP for everybody."""

    context: ssl.SSLContext | None = None
    client_names: frozenset[str] = frozenset()
    users: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    verifies_clients: bool = False
    files: tuple[Path, ...] = ()

    @property
    def scheme(self) -> str:
        """Of the URLs of this server."""
        return "https" if self.context else "http"


class WebConfigFile:
    """`current` is what the file at `path` says; without one, plain HTTP for everybody.

    Raises `SettingsError`, which names `variable`, for a file that cannot be used. One that becomes unusable later is
    reported, and what it said before holds. `now` is a clock that never goes back, in seconds.
    """

    def __init__(self, path: Path | None, variable: str, now: Callable[[], float] = time.monotonic) -> None:
        self._path, self._now, self._lock = path, now, threading.Lock()
        try:
            self._config = _read(path) if path else WebConfig()
        except WebConfigError as error:
            raise SettingsError("\n".join(f"{variable}: {finding}" for finding in error.findings)) from None
        self._seen, self._next = _stamps(self._config.files), now() + CHECK_SECONDS

    @property
    def current(self) -> WebConfig:
        """What holds now."""
        if self._path is not None and self._now() >= self._next:
            with self._lock:
                self._look(self._path)
        return self._config

    def _look(self, path: Path) -> None:
        self._next = self._now() + CHECK_SECONDS
        stamps = _stamps(self._config.files)
        if stamps == self._seen:
            return
        self._seen = stamps
        try:
            self._config = _read(path)
        except WebConfigError as error:
            log.error("web configuration not reloaded", problems=[str(finding) for finding in error.findings])  # noqa: TRY400
            return
        self._seen = _stamps(self._config.files)
        log.info("web configuration reloaded", file=str(path))


def _read(path: Path) -> WebConfig:
    from ray_watcher_common.web.config_reader import read  # here: YAML takes memory that a program without a file saves

    return read(path)


def _stamps(files: Iterable[Path]) -> dict[Path, tuple[int, int, int] | None]:
    return {file: _stamp(file) for file in files}


def _stamp(file: Path) -> tuple[int, int, int] | None:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
