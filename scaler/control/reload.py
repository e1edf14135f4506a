"""Change without a restart: the configuration is read again, and the loop's next round begins with it."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from ray_watcher_common.program.settings import SettingsError
from scaler.model.errors import JournalError, ScalerError

if TYPE_CHECKING:
    from collections.abc import Callable

    from scaler.config.configuration import Configuration
    from scaler.journal.journal import Journal
    from scaler.model.ports import Clock
    from scaler.telemetry.metrics import ScalerMetrics

log = structlog.get_logger()


class ReloadError(ScalerError):
    """The configuration cannot be used, and the one before holds; one line for each mistake."""


@dataclass(frozen=True)
class ReloadStatus:
    """When the configuration that holds was read (unix seconds), and why the last reload changed nothing; "": it did.

    `source` is the policy file; "": the environment.
    """

    loaded_at: float
    problem: str = ""
    source: str = ""


class Reloader:
    """Reads the configuration by `read` and has it used by `adopt`; both are called for one reload at a time.

    What changed is journaled first, if this scaler `leads`: on standby the leader does it.
    """

    def __init__(  # noqa: PLR0913  # what a reload reads, changes and reports to
        self,
        current: Configuration,
        read: Callable[[], Configuration],
        adopt: Callable[[Configuration], None],
        *,
        journal: Journal,
        metrics: ScalerMetrics,
        clock: Clock,
        leads: Callable[[], bool] = lambda: True,
        source: str = "",
    ) -> None:
        self._current, self._read, self._adopt = current, read, adopt
        self._journal, self._metrics, self._clock, self._leads = journal, metrics, clock, leads
        self._lock = threading.Lock()
        self.status = ReloadStatus(clock.now(), source=source)
        self._report(self.status)

    def reload(self, trigger: str) -> tuple[str, ...]:
        """Use the configuration as it is in its files now; returns what changed. Raises `ReloadError`."""
        with self._lock:
            try:
                changes = self._take(trigger)
            except (SettingsError, JournalError) as error:
                self._report(ReloadStatus(self.status.loaded_at, str(error), self.status.source))
                log.error("configuration not reloaded", trigger=trigger, problem=str(error))  # noqa: TRY400  # known
                raise ReloadError(str(error)) from None
            self._report(ReloadStatus(self._clock.now(), source=self.status.source))
            log.info("configuration reloaded", trigger=trigger, changes=list(changes))
            return changes

    def try_to_reload(self, trigger: str) -> None:
        """The same for a trigger that nobody waits for: a failure is in log, metrics and status."""
        try:
            self.reload(trigger)
        except ReloadError:
            return
        except Exception:
            log.exception("configuration not reloaded", trigger=trigger)

    def _take(self, trigger: str) -> tuple[str, ...]:
        new = self._read()
        changes = self._current.changes(new)
        if changes and self._leads():
            self._journal.record_reload(trigger, changes, self._clock.now())
        self._current = new
        self._adopt(new)
        return changes

    def _report(self, status: ReloadStatus) -> None:
        self.status = status
        self._metrics.last_reload_successful.set(not status.problem)
        self._metrics.last_reload_success.set(status.loaded_at)
