"""plan, explain and history on the command line, against a small scaler and exporter, or none."""

from __future__ import annotations

import json
import time
from contextlib import closing
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import pytest

from ray_watcher.output import explain
from scaler.journal.journal import DONE, Journal
from scaler.model.decision import Action, Cause, Plan
from scaler.model.workers import ActionKind
from scaler.recording.store import RecordingStore
from support.answering import answering
from support.explained_golden import GOLDEN, STATE
from support.own import own_ports
from support.recordings import with_pending, written
from support.situations import SITUATIONS
from support.watcher_fakes import World

if TYPE_CHECKING:
    from pathlib import Path

BURST = SITUATIONS["a burst during the cooldown"]
UP = {
    "version": "4",
    "groupKey": "g",
    "alerts": [
        {
            "status": "firing",
            "labels": {"alertname": "Mine", "ray_scale": "up"},
            "startsAt": "2026-01-02T03:04:05Z",
            "fingerprint": "f",
        }
    ],
}


@pytest.fixture(autouse=True)
def silence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing answers, nothing is set, and the state directory is empty."""
    listen, exporter = own_ports(2)
    for name in ("WATCHER_POLICY_FILE", "WATCHER_MAX_WORKERS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("WATCHER_CLUSTER", "test")
    monkeypatch.setenv("WATCHER_STATE_DIR", str(tmp_path))
    monkeypatch.setenv("WATCHER_LISTEN", f"127.0.0.1:{listen}")
    monkeypatch.setenv("WATCHER_EXPORTER_URL", f"http://127.0.0.1:{exporter}")


def at(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    """Let exporter and scaler answer there."""
    monkeypatch.setenv("WATCHER_LISTEN", address)
    monkeypatch.setenv("WATCHER_EXPORTER_URL", f"http://{address}")


# --- plan --------------------------------------------------------------------------------------------


def test_a_saved_state_is_planned_and_what_is_assumed_is_said() -> None:
    result = World().run("plan", "--state", str(STATE))

    assert (result.exit_code, result.stderr) == (0, "")
    assert "RayPendingTasks" in result.stdout
    assert "no_worker_type_fits" in result.stdout


def test_the_same_files_give_the_same_document() -> None:
    runs = [World().run("plan", "--state", str(STATE), "--format", "json").stdout for _ in range(2)]

    assert runs[0] == runs[1]
    assert json.loads(runs[0]).keys() == json.loads((GOLDEN / "plan.json").read_text()).keys()


def test_the_state_may_come_on_standard_input_and_the_alerts_from_a_file(tmp_path: Path) -> None:
    alerts = tmp_path / "webhook.json"
    alerts.write_text(json.dumps(UP))
    result = World().run("plan", "--state", "-", "--alerts", str(alerts), "--format", "json", given=STATE.read_text())

    document = json.loads(result.stdout)
    assert (document["alerts"]["up"], document["notes"]) == (["Mine"], [])


def test_a_policy_file_gives_types_and_limits(tmp_path: Path) -> None:
    file = tmp_path / "policy.yaml"
    file.write_text("version: 1\nlimits: {max_workers: 7}\nworker_types:\n  - {name: small, num_cpus: 2}\n")
    result = World().run("plan", "--state", str(STATE), "--policy", str(file), "--format", "json")

    policy = json.loads(result.stdout)["policy"]
    assert policy == {"from": str(file), "changes": None, "max_workers": 7, "worker_types": ["small"]}


@pytest.mark.parametrize(
    ("option", "content"),
    [
        pytest.param("--state", b"\xff\xfe", id="a-state-of-bytes"),
        pytest.param("--state", b"[1, 2]", id="a-state-that-is-a-list"),
        pytest.param("--state", b'{"version": 9}', id="a-state-of-another-version"),
        pytest.param("--state", b"[" * 100_000, id="a-state-too-deep"),
        pytest.param("--alerts", b"{}", id="alerts-that-are-none"),
        pytest.param("--policy", b"worker_types: 7", id="a-policy-that-is-none"),
        pytest.param("--state", None, id="a-state-that-is-not-there"),
        pytest.param("--policy", None, id="a-policy-that-is-not-there"),
    ],
)
def test_a_broken_file_is_wrong_usage_and_named(tmp_path: Path, option: str, content: bytes | None) -> None:
    file = tmp_path / "broken"
    if content is not None:
        file.write_bytes(content)
    state = [] if option == "--state" else ["--state", str(STATE)]
    result = World().run("plan", *state, option, str(file))

    assert (result.exit_code, result.stdout, "broken" in result.stderr) == (2, "", True)
    assert "Traceback" not in result.stderr


def test_without_a_file_the_plan_is_the_live_clusters_by_the_scalers_own_account(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with answering(state=json.loads(STATE.read_text()), status=BURST.status()) as (address, _):
        at(monkeypatch, address)
        document = json.loads(World().run("plan", "--format", "json").stdout)

    assert (document["policy"]["from"], document["policy"]["max_workers"]) == ("the scaler", 20)
    assert (document["alerts"]["from"], document["state"]["workers"]) == ("the scaler", 3)
    assert "cooldown" in {held["cause"] for held in document["held"]}


def test_without_a_scaler_the_live_plan_says_what_it_does_not_know(monkeypatch: pytest.MonkeyPatch) -> None:
    with answering(state=json.loads(STATE.read_text())) as (address, _):
        at(monkeypatch, address)
        document = json.loads(World().run("plan", "--format", "json").stdout)

    assert (len(document["notes"]), document["policy"]["from"]) == (2, "the settings")


def test_without_file_or_exporter_there_is_no_plan() -> None:
    result = World().run("plan")

    assert (result.exit_code, "--state FILE" in result.stderr) == (4, True)


# --- explain -----------------------------------------------------------------------------------------


def test_explain_says_what_the_golden_file_says(monkeypatch: pytest.MonkeyPatch) -> None:
    with answering(status=BURST.status()) as (address, _):
        at(monkeypatch, address)
        text, document = World().run("explain").stdout, World().run("explain", "--json").stdout

    assert text.strip() in (GOLDEN / "explain.txt").read_text()
    assert json.loads(document) == json.loads(json.dumps(explain.document(BURST.status())))


def test_explain_without_a_scaler_is_not_running() -> None:
    result = World().run("explain")

    assert (result.exit_code, "ray-watcher start-watcher" in result.stderr) == (4, True)


@pytest.mark.parametrize("verb", ["explain", "history", "plan", "resume"])
def test_the_scaler_of_another_cluster_is_not_taken_for_ours(verb: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATCHER_CLUSTER", "mine")
    with answering(status=BURST.status(), state=json.loads(STATE.read_text()), resume={}) as (address, asked):
        at(monkeypatch, address)
        result = World().run(verb)

    assert (result.exit_code, result.stdout) == (1, "")
    assert all(name in result.stderr for name in ("'test'", "'mine'", "WATCHER_CLUSTER"))
    assert "/api/v1/resume" not in asked


def test_explain_names_its_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    with answering(status=BURST.status()) as (address, _):
        at(monkeypatch, address)
        assert "'test'" in World().run("explain").stdout.splitlines()[0]


def test_explain_with_another_versions_scaler_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    with answering(status={"version": 1}) as (address, _):
        at(monkeypatch, address)
        result = World().run("explain")

    assert (result.exit_code, result.stdout, "version" in result.stderr) == (1, "", True)


def test_a_launch_that_failed_a_moment_ago_is_told_at_the_top() -> None:
    failed = {"action": "launch", "outcome": "failed", "worker_id": "worker-1-00000a", "detail": "host full"}
    status = {**SITUATIONS["nothing pending"].status()}
    status["actions"] = [{**failed, "finished_at": status["time"] - 30}]

    told = explain.sections(status)[0][1][-1]
    assert all(part in told for part in ("30.0 s", "worker-1-00000a", "host full"))


# --- history -----------------------------------------------------------------------------------------


@pytest.fixture
def journal_file(tmp_path: Path) -> Path:
    """What a scaler left that is not running."""
    file, now = tmp_path / "journal" / "test.db", time.time()
    journal = Journal(file)
    launch = Action(ActionKind.LAUNCH, Cause.PENDING_DEMAND, "3 x CPU:1 wait", "default")
    decision = journal.record_decision("webhook", Plan((launch,)), now - 60)
    journal.conclude(journal.intend(decision, launch, "worker-1-00000a", now - 60), DONE, "", now - 59)
    journal.mark_joined(["worker-1-00000a"], now - 55)
    journal.close()
    with closing(RecordingStore(file)) as store:
        for segment in written([with_pending(3, now - 60, workers=0), with_pending(0, now - 50)]):
            store.append(segment)
    return file


def test_without_a_scaler_the_journal_is_read(journal_file: Path) -> None:
    result = World().run("history")

    assert (result.exit_code, str(journal_file) in result.stderr) == (0, True)
    header, row = result.stdout.splitlines()
    assert header.split() == [
        "TIME",
        time.strftime("%Z"),
        "ACTION",
        "WORKER",
        "CAUSE",
        "OUTCOME",
        "TOOK",
        "JOINED",
        "REASON",
    ]
    assert row.split()[1:9] == ["launch", "worker-1-00000a", "pending_demand", "done", "1.0", "s", "5.0", "s"]


@pytest.mark.usefixtures("journal_file")
def test_a_plot_is_drawn_when_asked_for() -> None:
    text = World().run("history", "--plot").stdout

    assert [name for name in ("(workers)", "(pending requests)") if name in text] == ["(workers)", "(pending requests)"]
    assert "(workers)" not in World().run("history").stdout


@pytest.mark.usefixtures("journal_file")
@pytest.mark.parametrize(
    ("arguments", "entries"),
    [([], 1), (["--action", "drain"], 0), (["--worker", "1"], 1), (["--cause", "idle"], 0), (["--since", "10s"], 0)],
)
def test_filters_reach_the_journal(arguments: list[str], entries: int) -> None:
    assert len(json.loads(World().run("history", "--json", *arguments).stdout)["entries"]) == entries


def test_the_running_scaler_is_asked_with_the_filters(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = {"version": 1, "since": 0.0, "until": 9.0, "entries": [], "truncated": False, "samples": []}
    with answering(history=answer) as (address, asked):
        at(monkeypatch, address)
        result = World().run("history", "--worker", "worker-3", "--cause", "cooldown", "--limit", "7")

    assert (result.exit_code, len(result.stdout.splitlines())) == (0, 1)
    query = parse_qs(urlsplit(asked[-1]).query)
    assert (query["worker"], query["cause"], query["limit"]) == (["worker-3"], ["cooldown"], ["7"])


def test_history_without_scaler_and_journal_is_not_running() -> None:
    result = World().run("history")

    assert (result.exit_code, "journal" in result.stderr) == (4, True)


@pytest.mark.parametrize(
    "arguments",
    [["--since", "soon"], ["--since", "0s"], ["--worker", "head"], ["--cause", "moon"], ["--limit", "0"]],
)
def test_a_question_that_cannot_be_is_wrong_usage(arguments: list[str]) -> None:
    result = World().run("history", *arguments)

    assert (result.exit_code, arguments[0] in result.stderr) == (2, True)
