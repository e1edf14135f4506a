"""`/api/v1/add-worker` and `/api/v1/remove-worker`: journaled, limited and run as what the loop decides itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from scaler.control.requests import LoopBusyError, Requests
from scaler.control.view import Wakeup
from scaler.model.errors import JournalError
from scaler.planning.by_hand import AddWorker
from support.builders import worker_name
from support.site import Site

if TYPE_CHECKING:
    from collections.abc import Iterator

WHY = {"reason": "a benchmark", "by": "anna"}


@pytest.fixture
def site() -> Iterator[Site]:
    made = Site()
    made.reconciler.reconcile("test")
    yield made
    made.journal.close()


def ask(site: Site, verb: str, **asked: Any) -> Any:
    return site.client.post(f"/api/v1/{verb}", json={**WHY, **asked})


def test_a_worker_is_launched_without_an_alert_and_journaled_with_who_and_why(site: Site) -> None:
    reply = ask(site, "add-worker")

    (record,) = site.journal.actions(10)
    assert (reply.status_code, reply.json["worker_id"], reply.json["action"]) == (202, record.worker_id, "launch")
    assert (record.cause, record.reason) == ("operator", "by anna: a benchmark")
    assert site.journal.decisions(1)[0]["trigger"] == "operator"
    assert site.journal.last_scale_up() is None  # no cooldown begins
    assert set(site.runner.running()) == {record.worker_id}


def test_max_workers_is_not_exceeded_by_hand(site: Site) -> None:
    replies = [ask(site, "add-worker") for _ in range(6)]

    assert [reply.status_code for reply in replies] == [202] * 5 + [409]
    assert "max_workers of 5" in replies[-1].json["detail"]
    assert replies[-1].json["detail"].endswith("[max_workers]")


def test_a_type_that_the_policy_does_not_have_is_refused(site: Site) -> None:
    reply = ask(site, "add-worker", worker_type="gpu")

    assert (reply.status_code, "[unknown_worker_type]" in reply.json["detail"]) == (409, True)
    assert site.journal.actions(10) == []


@pytest.mark.parametrize(("verb", "asked"), [("add-worker", {}), ("remove-worker", {"worker_id": worker_name(1)})])
def test_the_token_is_wanted_and_nothing_changes_by_get(verb: str, asked: dict[str, str]) -> None:
    guarded = Site(token="secret")  # noqa: S106  # a test's own

    assert guarded.client.post(f"/api/v1/{verb}", json={**WHY, **asked}).status_code == 401
    assert guarded.client.get(f"/api/v1/{verb}").status_code == 405
    assert guarded.journal.actions(10) == []
    guarded.journal.close()


def test_a_worker_that_does_not_exist_is_refused(site: Site) -> None:
    reply = ask(site, "remove-worker", worker_id="worker-9-000009")

    assert (reply.status_code, "there is no worker worker-9-000009" in reply.json["detail"]) == (409, True)


def test_a_journal_that_cannot_be_written_is_the_answer(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_arguments: object) -> int:
        raise JournalError("disk full")

    monkeypatch.setattr(site.journal, "record_decision", fail)
    reply = ask(site, "add-worker")

    assert (reply.status_code, reply.json["detail"]) == (503, "disk full")
    assert not site.runner.running()


def test_a_loop_that_does_not_come_round_does_not_act_on_it_later() -> None:
    requests = Requests(Wakeup())

    with pytest.raises(LoopBusyError, match="nothing was done"):
        requests.ask(AddWorker("default", "why"), 0.01)

    with requests.taken() as asked:
        assert asked == []
