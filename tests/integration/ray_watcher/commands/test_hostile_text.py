"""Alerts, labels, containers, tasks and Ray may hold what a terminal acts on; no verb prints it as it is."""

from __future__ import annotations

import dataclasses
import gzip
import inspect
import json
import re
import unicodedata
from typing import TYPE_CHECKING, Any, cast

import pytest

from ray_watcher.cli import all_verbs
from ray_watcher.demo.scene import Decision, Scene
from ray_watcher.demo.views import LiveView, PlainView
from ray_watcher.errors import WatcherError
from ray_watcher.output import terminal
from ray_watcher.stack.compose import LISTEN_LABEL, PROGRAM_LABEL, ProgramContainer
from scaler.model.errors import ProviderUnavailableError
from scaler.providers.container import Container
from support.answering import answering
from support.explained_golden import STATE
from support.own import own_ports
from support.situations import SITUATIONS
from support.watcher_fakes import World

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from click.testing import Result

    from ray_watcher.stack.stack import Stack
    from ray_watcher.stack.supervisord import Program
    from scaler.providers.engine import Engine

SEEN = "hostile"
HOSTILE = (
    f"{SEEN}\x1b]0;title\x07 \x1b[2J \x1b]8;;http://evil.example\x07 \x9b2J \x7f \x00 \b\b"
    "\u202e\u2066\u200f \u2028 \U000e0041 \ud800 \r\nerror: FORGED LINE"
)
OURS = {"direction", "action", "state", "outcome", "trigger", "event", "activeAt", "ray_scale", "worker_id", "from"}
"""Keys whose values the programs choose from a list of their own, and read again."""


def poisoned(value: Any, key: str = "") -> Any:
    """A document, with hostile text in each text that may come from others."""
    if isinstance(value, dict):
        return {name: poisoned(item, name) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [poisoned(item, key) for item in value]
    return f"{value} {HOSTILE}" if isinstance(value, str) and key not in OURS else value


ADDRESSES = ("WATCHER_LISTEN", "WATCHER_EXPORTER_LISTEN", "WATCHER_PROMETHEUS_LISTEN", "WATCHER_ALERTMANAGER_LISTEN")


@pytest.fixture(scope="module")
def silent() -> dict[str, str]:
    """Addresses at which nothing answers."""
    return {name: f"127.0.0.1:{port}" for name, port in zip(ADDRESSES, own_ports(4), strict=True)}


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, silent: dict[str, str]) -> None:
    """A cluster and a state directory of its own."""
    own = {"WATCHER_STATE_DIR": str(tmp_path), "WATCHER_CLUSTER": "hostile-text"}
    for name, value in {**silent, **own}.items():
        monkeypatch.setenv(name, value)


@pytest.fixture(params=[False, True], ids=["pipe", "terminal"], autouse=True)
def where(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Output as into a pipe, and as on a terminal."""
    monkeypatch.setattr(terminal, "on_terminal", lambda: request.param)


def assert_shown(*texts: str) -> None:
    """The hostile text arrived, on a line that is ours, and nothing of it acts."""
    text = "\n".join(texts)
    acting = {c for c in text if unicodedata.category(c) in {"Cc", "Cf", "Cs", "Zl"} and c != "\n"}
    assert SEEN in text
    assert (acting, re.findall(r"^(?:error: )?FORGED", text, flags=re.MULTILINE)) == (set(), [])


# --- one way in for each verb --------------------------------------------------------------------------


def a_worker_that_ended(verb: str, *arguments: str) -> Callable[[Path], Result]:
    """What the engine says of a worker, and what it wrote last."""

    def run(_directory: Path) -> Result:
        world = World(pending=2).with_head(workers=2)
        world.process.provider.output = (HOSTILE,)
        world.process.provider.exit("worker-1-000001", 1, HOSTILE)
        return world.run(verb, *arguments)

    return run


def a_worker_that_does_not_start(verb: str, *arguments: str) -> Callable[[Path], Result]:
    def run(_directory: Path) -> Result:
        world = World() if verb == "start-ray" else World().with_head()
        world.process.provider.output, world.process.provider.exit_code = (HOSTILE,), 1
        return world.run(verb, *arguments)

    return run


def an_engine_that_refuses(verb: str) -> Callable[[Path], Result]:
    def run(_directory: Path) -> Result:
        world = World(docker=True)
        world.containers.provider.unavailable = ProviderUnavailableError(HOSTILE)
        return world.run(verb, *([] if "watcher" in verb else ["--provider", "docker"]))

    return run


def a_program_that_is_missing(stack: Stack) -> Sequence[Program]:
    raise WatcherError(f"{stack.directory} {HOSTILE}")


def a_busy_worker(_: Path) -> Result:
    world = World(busy={"worker-1-000001"}).with_head(workers=1)
    world.refusal = HOSTILE
    return world.run("remove-worker", "1")


def programs(*lines: str, port: str) -> list[ProgramContainer]:
    """The watcher's containers; their names and output are anybody's."""

    @dataclasses.dataclass
    class Refusing:
        def logs(self, _id: str, *, tail: int | None, follow: bool) -> Iterator[str]:
            del tail, follow
            return iter(lines)

        def started_at(self, _id: str) -> float:
            return 0.0

        def stop(self, _id: str, _grace: float) -> None:
            raise ProviderUnavailableError(HOSTILE)

    labels = {LISTEN_LABEL: f"127.0.0.1:{port}"}
    return [
        ProgramContainer(
            cast("Engine", Refusing()),
            Container(HOSTILE, HOSTILE, "image", {**labels, PROGRAM_LABEL: name}, "running", HOSTILE, 0.0, None),
        )
        for name in ("exporter", "prometheus", "scaler")
    ]


def of_containers(verb: str, *arguments: str) -> Callable[[Path], Result]:
    def run(_directory: Path) -> Result:
        alert = {"labels": {"alertname": "A", "ray_scale": "up"}, "state": "firing", "activeAt": "now"}
        alerts = {"data": {"alerts": [poisoned({**alert, "annotations": {"summary": ""}})]}}
        with answering(status=poisoned(_status()), alerts=alerts) as (address, _):
            port = address.rpartition(":")[2]
            return World(compose=programs(HOSTILE, port=port)).run(verb, *arguments)

    return run


def _status() -> dict[str, Any]:
    """Of a pool with all there is to say: demand, alerts, pauses, workers, decisions."""
    status = SITUATIONS["scaling is paused"].status()
    held = [{"cause": "paused", "count": 1, "reason": "why", "shape": "CPU:1"}]
    actions = [{"action": "launch", "worker_id": "", "cause": "pending_demand", "reason": "why"}]
    decision = {"id": 1, "at": status["time"], "trigger": "check", "actions": actions, "held": held, "infeasible": held}
    return {**status, "decisions": [decision]}


def answered(verb: str, *arguments: str, code: int = 200, **replies: Any) -> Callable[[Path], Result]:
    """What scaler and exporter reply."""

    def run(_directory: Path) -> Result:
        with answering(code, **replies) as (address, _):
            found = {"WATCHER_LISTEN": address, "WATCHER_EXPORTER_URL": f"http://{address}"}
            dashboard = {"RAY_DASHBOARD_METRIC_API": f"http://{address}/api"}
            return World().run(verb, *arguments, env=found | dashboard)

    return run


def _history() -> dict[str, Any]:
    entry = {"at": 1.0, "action": "launch", "count": 1, "worker_id": f"worker-1 {HOSTILE}", "cause": "idle"}
    more = {"outcome": "failed", "took_seconds": 1.0, "joined_after_seconds": None, "reason": "why", "detail": "full"}
    entries = [poisoned({**entry, **more})]
    return {"version": 1, "since": 0.0, "until": 9.0, "entries": entries, "truncated": False, "samples": []}


def a_state_with_resources(_: Path) -> Result:
    state = json.loads(STATE.read_text(encoding="utf-8"))
    for demand in state["demands"]:
        demand["shape"] = {f"{name}{HOSTILE}": amount for name, amount in demand["shape"].items()}
    return World().run("plan", "--state", "-", given=json.dumps(state))


def files_with_mistakes(directory: Path) -> Result:
    rules = directory / "rules.yml"
    rules.write_text(json.dumps({"groups": [{"rules": [{"alert": HOSTILE, "labels": {"ray_scale": HOSTILE}}]}]}))
    return World().run("check-config", "--rules", str(rules))


JOB = {"status": "FAILED", "message": HOSTILE}
NODE = {"event": "node", "node_id": "n", "instance_id": "\x1b[2J", "first_start": 1.0, "tasks": 1}


def a_strange_recording(*verb: str) -> Callable[[Path], Result]:
    """A file that names a format of somebody else."""
    header = {"format": HOSTILE, "version": 1, "cluster": "test", "written_by": "somebody"}

    def run(tmp_path: Path) -> Result:
        file = tmp_path / "strange.gz"
        file.write_bytes(gzip.compress(json.dumps(header, ensure_ascii=False).encode("utf-8", "replace")))
        return World().run(*verb, str(file))

    return run


WAYS: list[tuple[str, Callable[[Path], Result]]] = [
    ("start-ray", a_worker_that_does_not_start("start-ray", "--num-workers", "1")),
    ("status-ray", a_worker_that_ended("status-ray")),
    ("status-ray", a_worker_that_ended("status-ray", "--json")),
    ("stop-ray", an_engine_that_refuses("stop-ray")),
    ("logs-ray", a_worker_that_ended("logs-ray", "--service", "worker-1")),
    ("logs-ray", a_worker_that_ended("logs-ray")),
    ("logs-ray", of_containers("logs-ray", "--service", "scaler")),
    ("start-watcher", an_engine_that_refuses("start-watcher")),
    ("start-watcher", lambda _: World(programs=a_program_that_is_missing).run("start-watcher")),
    ("watcher-status", of_containers("watcher-status")),
    ("watcher-status", of_containers("watcher-status", "--json")),
    ("restart-watcher", an_engine_that_refuses("restart-watcher")),
    ("stop-watcher", of_containers("stop-watcher")),
    ("check-config", files_with_mistakes),
    ("plan", a_state_with_resources),
    ("plan", answered("plan", code=500, state=HOSTILE)),
    ("explain", answered("explain", status=poisoned(_status()))),
    ("explain", answered("explain", code=500, status=HOSTILE)),
    ("history", answered("history", history=_history())),
    ("history", answered("history", "--json", history=_history())),
    ("record", a_strange_recording("record", "import")),
    ("reload", answered("reload", code=500, reload={"detail": HOSTILE})),
    ("replay", a_strange_recording("replay")),
    ("pause", answered("pause", "--reason", "r", code=400, pause={"detail": HOSTILE})),
    ("resume", answered("resume", code=400, resume={"detail": HOSTILE})),
    ("add-worker", a_worker_that_does_not_start("add-worker")),
    ("remove-worker", a_busy_worker),
    ("load", answered("load", jobs={"submission_id": "job-1"}, job=JOB, job_logs={"logs": f"{HOSTILE}\n"})),
    ("load", answered("load", jobs={"submission_id": "job-1"}, job=JOB, job_logs={"logs": json.dumps(poisoned(NODE))})),
]
ELSEWHERE = {"build-image", "completion", "copy-config", "demo", "mixin"}
"""They print output of `debian` and `pip` (through `terminal.note`), the caller's own path, and views of the loop."""


@pytest.mark.parametrize(("verb", "run"), WAYS, ids=[f"{number}-{verb}" for number, (verb, _) in enumerate(WAYS)])
def test_what_others_wrote_is_shown_and_does_nothing(verb: str, run: Callable[[Path], Result], tmp_path: Path) -> None:
    result = run(tmp_path)

    assert verb in all_verbs()
    assert_shown(result.stdout, result.stderr)


def test_every_verb_was_tried() -> None:
    assert {verb for verb, _ in WAYS} | ELSEWHERE == set(all_verbs())


# --- what all verbs print with -------------------------------------------------------------------------

WRITERS = [
    terminal.line,
    terminal.sentence,
    terminal.log_line,
    terminal.error,
    terminal.warn,
    terminal.note,
    terminal.heading,
]


@pytest.mark.parametrize("write", WRITERS, ids=lambda write: str(write.__name__))
def test_each_way_to_print_a_line(write: Callable[[str], None], capfd: pytest.CaptureFixture[str]) -> None:
    write(HOSTILE)
    assert_shown(*capfd.readouterr())


def test_facts_tables_and_documents(capfd: pytest.CaptureFixture[str]) -> None:
    terminal.facts([("name", HOSTILE)])
    terminal.commands([("name", HOSTILE)])
    terminal.table(["a", "b"], [["x", HOSTILE]])
    terminal.document({HOSTILE: HOSTILE})
    terminal.one_line(HOSTILE)
    assert_shown(*capfd.readouterr())


def test_every_way_to_print_is_tried_here() -> None:
    writes = {
        name
        for name, function in inspect.getmembers(terminal, inspect.isfunction)
        if re.search(r"click\.echo", inspect.getsource(function))
    }
    assert writes == {write.__name__ for write in WRITERS} | {"facts", "commands", "table", "document", "one_line"}


def test_the_demos_views(capfd: pytest.CaptureFixture[str]) -> None:
    scene = Scene(alerts=((HOSTILE, "firing"),), workers=((HOSTILE, "IDLE"),), decisions=(Decision(1, "k", HOSTILE),))
    PlainView().show(scene)
    live = LiveView("title")
    live.show(scene)
    live.close()
    assert_shown(*capfd.readouterr())
