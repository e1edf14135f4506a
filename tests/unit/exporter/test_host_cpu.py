"""Physical CPU over a window of its own."""

from __future__ import annotations

import pytest

from exporter.host_cpu import HostCpu, busy_and_total


class Machine:
    """A clock and two processors of which `busy` were at work all the time."""

    def __init__(self) -> None:
        self.seconds, self.worked = 0.0, 0.0

    def run(self, seconds: float, busy: float) -> None:
        """Let time pass."""
        self.seconds += seconds
        self.worked += seconds * busy

    def now(self) -> float:
        """Seconds."""
        return self.seconds

    def cpu_times(self) -> tuple[float, float]:
        """Busy and total CPU seconds."""
        return self.worked, self.seconds * 2


def test_nothing_is_said_before_the_first_window_has_passed() -> None:
    machine = Machine()
    cpu = HostCpu(machine.now, machine.cpu_times)
    machine.run(0.9, busy=2)

    assert cpu.ratio() is None


def test_the_ratio_is_that_of_the_window() -> None:
    machine = Machine()
    cpu = HostCpu(machine.now, machine.cpu_times)
    machine.run(5, busy=0.5)

    assert cpu.ratio() == pytest.approx(0.25)


def test_many_scrapers_do_not_shrink_the_window() -> None:
    machine = Machine()
    cpu = HostCpu(machine.now, machine.cpu_times)
    machine.run(5, busy=0.5)
    cpu.ratio()
    machine.run(0.01, busy=2)

    assert cpu.ratio() == pytest.approx(0.25)


def test_this_machine_has_worked_and_rested() -> None:
    busy, total = busy_and_total()

    assert 0 < busy < total
