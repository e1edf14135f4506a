"""The table of a run: what was tried how often, and what was violated in which round."""

from __future__ import annotations

from faults.record import Action, Inflicted, Record
from faults.tally import Tally

FAULTS = (Inflicted("kill:scaler", 1, 1), Inflicted("kill:scaler", 2, 2), Inflicted("cut:gcs", 3, 4))
OPEN = Action(1, 1, "launch", "worker-1-aaaaaa", 1.0, None)


def test_faults_are_counted_and_a_violation_is_told_with_its_seed() -> None:
    tally = Tally()

    assert tally.add(7, Record(inflicted=FAULTS)) == []
    assert tally.add(8, Record(inflicted=FAULTS[:1], actions=(OPEN,))) != []

    assert tally.table().splitlines()[1:] == ["cut:gcs          1  0", "kill:scaler      3  1"]
    assert list(tally.told) == [8]
    assert (tally.totals["rounds"], tally.totals["faults"], tally.totals["launches"]) == (2, 4, 1)
