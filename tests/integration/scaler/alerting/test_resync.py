"""Alerts as Alertmanager's own list has them: what became of a webhook does not matter."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

from scaler.alerting.alertmanager import AlertmanagerApi
from scaler.alerting.resync import AlertResync
from scaler.control.view import Wakeup
from scaler.journal.journal import Journal
from scaler.model.errors import JournalError
from scaler.telemetry.metrics import ScalerMetrics
from support.builders import NOW, alert
from support.fake_alertmanager import FakeAlertmanager, listed
from support.fakes import FakeClock
from support.own import own_ports

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scaler.model.alerts import Alert

FIRING = alert(key="f1", received_at=NOW - 100)


class Pair:
    """Two Alertmanagers and a scaler's journal; `urls` are those that it was told of."""

    def __init__(self) -> None:
        self.one, self.other = FakeAlertmanager(), FakeAlertmanager()
        self.clock, self.wakeup, self.metrics = FakeClock(NOW), Wakeup(), ScalerMetrics()
        self.journal = Journal(None)

    def resync(self, *urls: str) -> AlertResync:
        api = AlertmanagerApi(urls or (self.one.url, self.other.url), "ray-watcher", "blue")
        return AlertResync(api, journal=self.journal, metrics=self.metrics, clock=self.clock, wakeup=self.wakeup)

    def firing(self) -> list[str]:
        return sorted(known.key for known in self.journal.alerts() if known.firing)

    def up(self) -> float | None:
        return self.metrics.registry.get_sample_value("rayscaler_alertmanager_up")


@pytest.fixture
def pair() -> Iterator[Pair]:
    made = Pair()
    with ExitStack() as served:
        served.enter_context(made.one.served())
        served.enter_context(made.other.served())
        yield made
    made.journal.close()


DEAD = (503, b"starting")
NONSENSE = (200, b'{"no": "Alertmanager"}')
NO_ALERT: list[dict[str, Any]] = []


@pytest.mark.parametrize(
    ("known", "one", "other", "firing"),
    [
        pytest.param([], [listed()], [listed()], ["f1"], id="a firing whose webhook was lost is heard"),
        pytest.param([], [listed()], [], ["f1"], id="one of a pair has not heard of it yet"),
        pytest.param([FIRING], [], [], [], id="a resolve whose webhook was lost is heard"),
        pytest.param([FIRING], [listed()], [listed()], ["f1"], id="webhook and list speak of one alert"),
        pytest.param([FIRING], [], [listed()], ["f1"], id="what one of a pair still lists goes on"),
        pytest.param([FIRING], [listed(state="suppressed")], [], [], id="a silence pauses"),
        pytest.param([FIRING], [listed(state="suppressed")], [listed()], ["f1"], id="a silence that only one knows"),
        pytest.param([], [listed(cluster="green")], [], [], id="another cluster's alert is none of ours"),
        pytest.param([], [listed(cluster="blue")], [], ["f1"], id="our cluster's is"),
        pytest.param([], [listed(receiver="operators")], [], [], id="what goes to another receiver permits nothing"),
        pytest.param(
            [FIRING], [listed(receiver="mine")], [], ["f1"], id="what a webhook told stays if the list has it"
        ),
        pytest.param([], [listed(ray_scale="sideways")], [], [], id="a wrong direction permits nothing"),
        pytest.param([alert(key="f2", received_at=NOW - 100)], [listed()], [], ["f1"], id="a truncated webhook"),
        pytest.param([FIRING._replace(received_at=NOW)], [], [], ["f1"], id="a webhook younger than the question"),
    ],
)
def test_alerts_are_what_the_list_says(
    pair: Pair, known: list[Alert], one: list[Any], other: list[Any], firing: list[str]
) -> None:
    pair.journal.absorb_alerts(known)
    pair.one.alerts, pair.other.alerts = one, other

    pair.resync().read()

    assert (pair.firing(), pair.up()) == (firing, 1.0)


@pytest.mark.parametrize(
    ("one", "other", "suppressed"),
    [
        pytest.param([listed()], [], (0, 0), id="an active alert"),
        pytest.param([listed(state="suppressed")], [], (1, 0), id="a silenced or inhibited alert"),
        pytest.param([listed(muted_by=["nights"])], [], (1, 0), id="an alert muted by a time interval"),
        pytest.param([listed(state="suppressed", ray_scale="down")], [], (0, 1), id="the other direction"),
        pytest.param([listed(state="suppressed")], [listed(state="suppressed")], (1, 0), id="both of a pair"),
        pytest.param([listed(state="suppressed")], [listed()], (0, 0), id="only one of a pair"),
        pytest.param([listed(state="suppressed", cluster="green")], [], (0, 0), id="another cluster"),
        pytest.param([listed(state="suppressed", receiver="operators")], [], (0, 0), id="another receiver"),
    ],
)
def test_suppressed_scaling_alerts_are_counted_by_direction(
    pair: Pair, one: list[Any], other: list[Any], suppressed: tuple[int, int]
) -> None:
    pair.one.alerts, pair.other.alerts = one, other
    resync = pair.resync()

    resync.read()

    value = pair.metrics.registry.get_sample_value
    counted = [value("rayscaler_alerts_suppressed", {"direction": way}) for way in ("up", "down")]
    assert tuple(counted) == suppressed
    assert bool(resync.last.suppressed) is bool(sum(suppressed))


def test_an_alert_is_active_again_as_soon_as_it_is_no_longer_suppressed(pair: Pair) -> None:
    pair.journal.absorb_alerts([FIRING])
    resync = pair.resync()
    firing = []
    for state in ("suppressed", "suppressed", "active"):
        pair.one.alerts = [listed(state=state)]
        resync.read()
        pair.clock.time += 1
        firing.append(pair.firing())

    assert firing == [[], [], ["f1"]]


def test_a_restarted_alertmanager_with_an_empty_list_ends_nothing(pair: Pair) -> None:
    pair.journal.absorb_alerts([FIRING])
    pair.one.up_seconds = 5

    pair.resync().read()
    assert pair.firing() == ["f1"]
    pair.one.up_seconds = 500
    pair.resync().read()
    assert pair.firing() == []


def test_a_restarted_alertmanager_that_knows_of_a_silence_ends_the_alert(pair: Pair) -> None:
    pair.journal.absorb_alerts([FIRING])
    pair.one.up_seconds, pair.one.alerts = 5, [listed(state="suppressed")]

    pair.resync().read()

    assert pair.firing() == []


@pytest.mark.parametrize("answer", [DEAD, NONSENSE], ids=["an error", "something that is no Alertmanager"])
def test_where_none_answers_what_was_heard_stays_and_it_is_said(pair: Pair, answer: tuple[int, bytes]) -> None:
    pair.journal.absorb_alerts([FIRING])
    pair.one.broken = pair.other.broken = answer
    resync = pair.resync()

    assert resync.read() is False
    assert (pair.firing(), pair.up(), resync.last.read_at) == (["f1"], 0.0, None)
    assert [pair.one.url in resync.last.problems[0], pair.other.url in resync.last.problems[1]] == [True, True]


def test_where_one_of_a_pair_answers_its_list_counts(pair: Pair) -> None:
    pair.journal.absorb_alerts([FIRING])
    pair.one.broken = DEAD
    resync = pair.resync()

    resync.read()

    assert (pair.firing(), pair.up(), len(resync.last.problems)) == ([], 1.0, 1)


def test_a_dead_address_is_told_within_seconds(pair: Pair) -> None:
    resync = pair.resync(f"http://127.0.0.1:{own_ports(1)[0]}")

    resync.read()

    assert "connection refused" in resync.last.problems[0]


def test_while_it_lasts_the_list_keeps_an_alert_from_expiring(pair: Pair) -> None:
    pair.journal.absorb_alerts([FIRING])
    pair.one.alerts = [listed()]

    changed = pair.resync().read()

    assert (changed, [known.received_at for known in pair.journal.alerts()]) == (False, [NOW])


def test_what_changes_is_told_so_that_the_loop_wakes(pair: Pair) -> None:
    pair.one.alerts = [listed()]
    resync = pair.resync()

    assert [resync.read(), resync.read()] == [True, False]


def test_a_silence_that_ends_permits_again(pair: Pair) -> None:
    pair.one.alerts = [listed(state="suppressed")]
    pair.journal.absorb_alerts([FIRING])
    resync = pair.resync()
    resync.read()
    pair.clock.pass_(90)
    pair.one.alerts = [listed()]

    resync.read()

    assert pair.firing() == ["f1"]


def test_without_a_url_nothing_is_asked(pair: Pair) -> None:
    resync = AlertResync(
        AlertmanagerApi((), "ray-watcher", "blue"),
        journal=pair.journal,
        metrics=pair.metrics,
        clock=pair.clock,
        wakeup=pair.wakeup,
    )

    assert (resync.read(), resync.last.urls, pair.up()) == (False, (), 0.0)


def test_what_cannot_be_stored_is_asked_for_again(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    def full_disk(*_: object) -> list[Alert]:
        raise JournalError("journal: disk is full")

    pair.one.alerts = [listed()]
    resync = pair.resync()
    with monkeypatch.context() as full:
        full.setattr(pair.journal, "apply_listing", full_disk)
        assert resync.read() is False

    assert resync.read() is True
