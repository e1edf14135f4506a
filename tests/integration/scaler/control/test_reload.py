"""A reload: what it changes, and what it leaves alone if it cannot be used."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pytest

from scaler.config.configuration import Configuration
from scaler.control.reload import Reloader
from scaler.journal.history import Question
from scaler.model.cluster import Direction
from support.builders import NOW, alert, head, node, policy, snapshot, worker_type
from support.fakes import FakeReader
from support.loop_world import World
from support.site import Site

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ray_watcher_common.state import ClusterState

SUCCESSFUL = "rayscaler_config_last_reload_successful"
SUCCESS_AT = "rayscaler_config_last_reload_success_timestamp_seconds"


@pytest.fixture
def site() -> Iterator[Site]:
    made = Site(token="old")  # noqa: S106  # of this test
    yield made
    made.journal.close()


@dataclass
class ReadsDuringAReload(FakeReader):
    """While the loop looks at the cluster, the policy is replaced."""

    world: World | None = None

    def read(self) -> ClusterState:
        if self.world:
            self.world.reconciler.policy = policy(max_workers=9)
        return super().read()


def reload(site: Site, token: str = "old") -> tuple[int, object]:  # noqa: S107  # of this test
    answer = site.client.post("/-/reload", headers={"Authorization": f"Bearer {token}"})
    return answer.status_code, answer.json


def test_the_next_decision_follows_the_new_policy(site: Site) -> None:
    site.in_files = replace(site.in_files, policy=policy(max_workers=9))
    site.clock.pass_(5)

    assert reload(site) == (200, {"changes": ["max_workers: 5 -> 9"]})
    site.reconciler.reconcile("test")

    status = site.client.get("/api/v1/status").json
    assert status["limits"]["max_workers"] == 9
    assert status["configuration"] == {"source": None, "loaded_at": NOW + 5, "problem": None}
    assert site.metrics.registry.get_sample_value(SUCCESS_AT) == NOW + 5
    assert site.metrics.registry.get_sample_value("rayscaler_max_workers") == 9


def test_a_file_with_a_mistake_changes_nothing_and_is_reported_until_it_is_corrected(site: Site) -> None:
    site.mistake = "policy file p.yml:3: max_workers: got -1"
    site.in_files = replace(site.in_files, policy=policy(max_workers=9))
    site.clock.pass_(5)

    code, answer = reload(site)
    assert code == 500
    assert isinstance(answer, dict)
    assert answer["detail"] == site.mistake
    site.reconciler.reconcile("test")
    status = site.client.get("/api/v1/status").json
    assert status["limits"]["max_workers"] == 5
    assert status["configuration"]["problem"] == site.mistake
    assert site.mistake in status["summary"][-1]
    assert site.metrics.registry.get_sample_value(SUCCESSFUL) == 0
    assert site.metrics.registry.get_sample_value(SUCCESS_AT) == NOW

    site.mistake = ""
    assert reload(site)[0] == 200
    assert site.metrics.registry.get_sample_value(SUCCESSFUL) == 1
    assert site.client.get("/api/v1/status").json["configuration"]["problem"] is None


def test_what_changed_stands_in_the_history_and_nothing_does_if_nothing_changed(site: Site) -> None:
    reload(site)
    site.in_files = replace(site.in_files, policy=policy(max_workers=9))
    reload(site)

    entries = site.client.get("/api/v1/history?action=reload").json["entries"]
    assert [(entry["cause"], entry["reason"]) for entry in entries] == [("reload", "max_workers: 5 -> 9")]
    followed = site.client.get("/api/v1/history?after=0").json["entries"]
    assert [entry["action"] for entry in followed] == ["reload"]


def test_a_new_token_holds_at_once_and_the_old_one_no_longer(site: Site) -> None:
    site.in_files = replace(site.in_files, token="new")  # noqa: S106  # of this test

    assert reload(site, "new")[0] == 401
    code, answer = reload(site, "old")
    assert (code, answer) == (200, {"changes": ["token: changed"]})
    assert reload(site, "old")[0] == 401
    assert reload(site, "new")[0] == 200


def test_a_page_in_a_browser_cannot_reload(site: Site) -> None:
    answer = site.client.post("/-/reload", headers={"Authorization": "Bearer old", "Origin": "http://evil.example"})
    assert answer.status_code == 403


def test_a_scaler_on_standby_uses_the_change_and_leaves_the_journal_to_the_leader() -> None:
    world, adopted = World(), list[Configuration]()
    current, new = Configuration(world.policy), Configuration(policy(max_workers=9))
    reloader = Reloader(
        current,
        lambda: new,
        adopted.append,
        journal=world.journal,
        metrics=world.metrics,
        clock=world.clock,
        leads=lambda: False,
    )

    assert reloader.reload("SIGHUP") == ("max_workers: 5 -> 9",)
    assert adopted == [new]
    assert world.journal.history(Question(0.0), NOW)["entries"] == []


@pytest.mark.parametrize(
    ("idle", "drained"), [pytest.param(True, True, id="idle"), pytest.param(False, False, id="busy")]
)
def test_workers_of_a_type_that_is_gone_are_drained_when_idle_and_never_killed(*, idle: bool, drained: bool) -> None:
    world = World(policy=policy(worker_type(name="old", min_workers=1)))
    world.see()
    world.reconcile()
    world.executor.land()
    name = world.provider.list()[0].worker_id
    one = node(name, idle=100) if idle else node(name)
    world.journal.absorb_alerts([alert(Direction.DOWN, starts_at=NOW, received_at=world.clock.now())])

    world.reconciler.policy = policy(worker_type(name="new"))
    world.see(one)
    plan = world.reconcile()

    assert [(action.kind.value, action.worker_id) for action in plan.actions] == ([("drain", name)] if drained else [])


def test_a_round_that_has_begun_keeps_its_policy() -> None:
    reader = ReadsDuringAReload(snapshot(head()))
    world = World(policy=policy(max_workers=1), reader=reader)
    first, reader.world = world.reconciler.policy, world
    world.reconcile()

    assert world.reconciler.view.policy is first
