"""A journal file with bytes that nobody wrote: it is read, or said to be damaged, and never anything else."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from scaler.journal.journal import Journal
from scaler.model.decision import Action, Cause, Plan
from scaler.model.errors import JournalError
from scaler.model.workers import ActionKind
from support.builders import NOW, alert, worker_name

if TYPE_CHECKING:
    from pathlib import Path

LAUNCH = Action(ActionKind.LAUNCH, Cause.PENDING_DEMAND, "one waits", "default")


def use(journal: Journal) -> None:
    """What the loop and the pages ask of a journal."""
    decision = journal.record_decision("test", Plan((LAUNCH,)), NOW)
    journal.conclude(journal.intend(decision, LAUNCH, worker_name(1), NOW), "done", "", NOW)
    journal.absorb_alerts([alert()])
    journal.mark_joined([worker_name(1)], NOW)
    for question in (
        journal.alerts,
        journal.joined,
        journal.open_actions,
        journal.last_scale_up,
        journal.launch_outcomes,
    ):
        question()
    journal.pauses(NOW)
    journal.decisions(5)
    journal.actions(5)


@pytest.mark.parametrize("seed", range(60))
def test_damage_is_told_as_damage(tmp_path: Path, seed: int) -> None:
    rnd, path = random.Random(seed), tmp_path / "journal.db"  # noqa: S311  # damage, not secrets
    sound = Journal(path)
    for _ in range(8):
        use(sound)
    sound.close()
    content = bytearray(path.read_bytes())
    for _ in range(rnd.choice([1, 20, 400])):
        content[rnd.randrange(len(content))] = rnd.randrange(256)
    path.write_bytes(content)

    try:
        damaged = Journal(path)
    except JournalError:
        return
    try:
        use(damaged)
    except JournalError as error:
        assert "journal" in str(error)  # noqa: PT017  # it may as well be readable
    finally:
        damaged.close()
