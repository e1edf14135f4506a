"""A journal that cannot be written for a while: what ended meanwhile is written down when it can be."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from scaler.control.actions import ActionRunner
from scaler.journal.journal import Journal
from scaler.model.decision import Action, Cause, Plan
from scaler.model.errors import JournalError
from scaler.model.workers import ActionKind
from scaler.telemetry.metrics import ScalerMetrics
from support.builders import NOW, policy
from support.fake_provider import FakeProvider
from support.fakes import AtOnceExecutor, FakeClock, FakeDrainer

if TYPE_CHECKING:
    from collections.abc import Iterator

LAUNCH = Action(ActionKind.LAUNCH, Cause.PENDING_DEMAND, "one waits", "default")


class FullJournal(Journal):
    """Cannot write outcomes while `full`."""

    full = False

    def conclude(self, action_id: int, outcome: str, detail: str, at: float, host: str = "") -> None:
        if self.full:
            raise JournalError("database or disk is full")
        super().conclude(action_id, outcome, detail, at, host)


@pytest.fixture
def journal() -> Iterator[FullJournal]:
    with closing(FullJournal(None)) as made:
        yield made


def runner_on(journal: Journal) -> ActionRunner:
    return ActionRunner(
        provider=FakeProvider(),
        drainer=FakeDrainer(),
        journal=journal,
        metrics=ScalerMetrics(),
        clock=FakeClock(NOW),
        executor=AtOnceExecutor(),
        on_success=lambda _kind: None,
    )


def test_an_outcome_that_could_not_be_written_is_written_later(journal: FullJournal) -> None:
    runner = runner_on(journal)
    journal.full = True
    runner.start(journal.record_decision("test", Plan((LAUNCH, LAUNCH)), NOW), [LAUNCH, LAUNCH], (), policy())
    assert [record.outcome for record in journal.actions(9)] == [None, None]

    journal.full = False
    runner.running()

    assert [record.outcome for record in journal.actions(9)] == ["done", "done"]


def test_a_journal_that_stays_full_costs_no_outcome(journal: FullJournal) -> None:
    runner = runner_on(journal)
    journal.full = True
    runner.start(journal.record_decision("test", Plan((LAUNCH,)), NOW), [LAUNCH], (), policy())
    runner.running()
    runner.running()
    journal.full = False
    runner.running()

    (record,) = journal.actions(9)
    assert (record.outcome, record.finished_at) == ("done", NOW)
