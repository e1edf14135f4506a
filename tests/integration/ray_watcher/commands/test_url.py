"""`--url`: the verbs over the API of a scaler on another host, the real application behind a real server."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from support.site import NOTIFICATION, Site, at_an_address
from support.watcher_fakes import World

if TYPE_CHECKING:
    from collections.abc import Iterator

VERBS = [["explain"], ["history"], ["plan"], ["watcher-status"], ["resume"], ["add-worker"], ["remove-worker"]]
TOKEN = "secret"  # noqa: S105  # a test's own


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    """A scaler with a worker and a token, at `site.url`."""
    made = Site(token=TOKEN)
    made.client.post("/alerts", json=NOTIFICATION, headers={"Authorization": f"Bearer {TOKEN}"})
    for _ in range(2):  # the launches are workers in the second round
        made.reconciler.reconcile("test")
    with at_an_address(made) as site:
        yield site


@pytest.fixture(autouse=True)
def token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATCHER_TOKEN", TOKEN)


def test_explain_and_history_are_the_other_scalers(site: Site) -> None:
    assert "Cluster 'test'" in World().run("explain", "--url", site.url).stdout
    assert "pending_demand" in World().run("history", "--url", site.url, "--since", "99999d", "--no-plot").stdout


def test_watcher_status_shows_the_other_scaler_and_the_alerts_that_it_knows(site: Site) -> None:
    shown = World().run("watcher-status", "--url", site.url)
    document = json.loads(World().run("watcher-status", "--url", site.url, "--json").stdout)

    assert (shown.exit_code, "Programs" in shown.stdout) == (0, False)
    assert "worker-1-000001" in shown.stdout
    assert [(alert["name"], alert["scale"], alert["since"]) for alert in document["alerts"]] == [
        ("RayPendingTasks", "up", "2026-01-02T03:04:05Z")
    ]
    assert (document["cluster"], document["programs"], document["scaler"]["cluster"]) == ("test", [], "test")


def test_plan_is_made_of_the_other_scalers_state_policy_and_alerts(site: Site) -> None:
    made = json.loads(World().run("plan", "--url", site.url, "--json").stdout)

    assert made["state"]["from"] == f"{site.url}api/v1/state"
    assert (made["state"]["pending"], made["policy"]["from"], made["alerts"]["up"]) == (
        3,
        "the scaler",
        ["RayPendingTasks"],
    )


@pytest.mark.parametrize("given", [["plan", "--state", "-"], ["watcher-status", "--tail", "3"]])
def test_what_another_host_has_not_is_a_wrong_usage(site: Site, given: list[str]) -> None:
    result = World().run(*given, "--url", site.url)

    assert (result.exit_code, "cannot be used" in result.stderr) == (2, True)


def test_the_variable_is_the_same_as_the_option(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATCHER_URL", site.url)

    assert "Cluster 'test'" in World().run("explain").stdout


def test_pause_holds_and_resume_lets_go(site: Site) -> None:
    paused = World().run("pause", "up", "--reason", "benchmark", "--url", site.url)
    refused = World().run("add-worker", "--url", site.url)
    resumed = World().run("resume", "--url", site.url)
    added = World().run("add-worker", "--reason", "a test", "--url", site.url)

    assert (paused.exit_code, resumed.exit_code, added.exit_code) == (0, 0, 0)
    assert (refused.exit_code, "[paused]" in refused.stderr) == (1, True)
    assert "launching worker-" in added.stdout


def test_a_worker_is_named_as_on_this_machine(site: Site) -> None:
    unknown = World().run("remove-worker", "99", "--url", site.url)

    assert (unknown.exit_code, "wanted one of: worker-1" in unknown.stderr) == (4, True)


def test_a_wrong_token_is_refused_in_words(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATCHER_TOKEN", "wrong")
    result = World().run("pause", "--reason", "x", "--url", site.url)

    assert (result.exit_code, "wanted the header" in result.stderr) == (1, True)


def test_a_size_of_its_own_is_a_wrong_usage(site: Site) -> None:
    result = World().run("add-worker", "--num-cpus", "2", "--url", site.url)

    assert (result.exit_code, "cannot be used with --url" in result.stderr) == (2, True)


@pytest.mark.parametrize("verb", VERBS)
def test_a_scaler_that_does_not_answer_is_named(verb: list[str]) -> None:
    result = World().run(*verb, "--url", "http://127.0.0.1:9")

    assert result.exit_code == 4
    assert "127.0.0.1:9" in result.stderr


def test_reload_prints_what_changed_and_the_mistakes_if_it_cannot(site: Site) -> None:
    before = site.in_files
    site.in_files = replace(before, policy=replace(before.policy, max_workers=9))
    try:
        assert World().run("reload", "--url", site.url).stdout.splitlines()[-1] == "max_workers: 5 -> 9"
        as_json = World().run("reload", "--url", site.url, "--json").stdout
        assert json.loads(as_json[as_json.index("{") :]) == {"version": 1, "changes": []}
        site.mistake = "policy file p.yml:3: worker_types: is missing"
        refused = World().run("reload", "--url", site.url)
        assert (refused.exit_code, site.mistake in refused.stderr) == (1, True)
    finally:
        site.in_files, site.mistake = before, ""
        site.reloader.reload("test")
