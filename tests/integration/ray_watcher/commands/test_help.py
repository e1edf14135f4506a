"""What a person sees who asks for help, and what no mistake may show: a traceback."""

from __future__ import annotations

import pytest

from ray_watcher.cli import all_verbs
from ray_watcher.errors import WatcherError
from support.watcher_fakes import World

GUIDE_OPTIONS = {
    "start-ray": ["--num-workers", "--num-cpus", "--num-gpus", "--object-store-memory", "--provider"],
    "start-watcher": ["--check-interval", "--pending-threshold", "--max-workers", "--cooldown", "--provider"],
    "restart-watcher": ["--max-workers", "--cooldown", "--defaults"],
    "status-ray": ["--json", "--provider"],
    "watcher-status": ["--json", "--tail"],
    "logs-ray": ["--service", "--follow", "--tail"],
    "stop-ray": ["--provider"],
    "stop-watcher": [],
    "check-config": ["--policy", "--rules", "--alertmanager", "--json"],
    "copy-config": ["DIRECTORY", "WATCHER_PROMETHEUS_DIR"],
    "mixin": ["--config", "--out"],
    "add-worker": ["--provider"],
    "remove-worker": ["--force"],
    "plan": ["--state", "--policy", "--alerts", "--format"],
    "explain": ["--json"],
    "history": ["--since", "--action", "--cause", "--worker", "--limit", "--json", "--plot"],
    "record": ["export", "import"],
    "reload": ["--url", "--json"],
    "replay": ["--since", "--policy", "--step", "--limit", "--json"],
    "pause": ["--reason", "--for", "--until"],
    "resume": [],
    "load": ["--num-tasks", "--num-cpus", "--num-gpus", "--seconds", "--no-wait"],
    "demo": ["--provider", "--keep"],
    "build-image": ["--base", "--tag"],
    "completion": ["bash", "zsh", "fish"],
}


def test_every_verb_is_listed_once() -> None:
    assert sorted(all_verbs()) == sorted(GUIDE_OPTIONS)


@pytest.mark.parametrize("verb", GUIDE_OPTIONS)
def test_help_has_the_options_and_an_example(verb: str) -> None:
    text = World().run(verb, "--help").stdout
    assert f"Example:  ray-watcher {verb}" in text
    for option in GUIDE_OPTIONS[verb]:
        assert option in text


@pytest.mark.parametrize(
    ("verb", "option", "default", "variable"),
    [
        ("start-watcher", "--check-interval SECONDS", "10", "WATCHER_CHECK_INTERVAL"),
        ("start-watcher", "--pending-threshold N", "0", "WATCHER_PENDING_THRESHOLD"),
        ("start-watcher", "--max-workers N", "5", "WATCHER_MAX_WORKERS"),
        ("start-watcher", "--cooldown SECONDS", "60", "WATCHER_COOLDOWN"),
        ("start-ray", "--num-cpus N", "1", "WATCHER_NUM_CPUS"),
        ("start-ray", "--num-gpus N", "0", "WATCHER_NUM_GPUS"),
        ("start-ray", "--object-store-memory BYTES", "1GB", "WATCHER_OBJECT_STORE_MEMORY"),
    ],
)
def test_help_says_unit_default_and_variable(verb: str, option: str, default: str, variable: str) -> None:
    words = " ".join(World().run(verb, "--help").stdout.split())
    assert option in words
    assert f"[default: {default}; env: {variable}]" in words


def test_exit_codes_are_told_and_all_different() -> None:
    kinds: list[type[WatcherError]] = [WatcherError, *WatcherError.__subclasses__()]
    codes = [kind.exit_code for kind in kinds]
    told = World().run("--help").stdout
    assert len(set(codes)) == len(codes)
    assert all(f"{code} " in told for code in codes)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        pytest.param(["start-ray", "--num-workers", "-1"], "--num-workers", id="below-zero"),
        pytest.param(["start-ray", "--num-cpus", "many"], "'--num-cpus': got 'many', wanted a whole", id="no-number"),
        pytest.param(["start-ray", "--object-store-memory", "1XB"], "got '1XB', wanted a size such as", id="no-size"),
        pytest.param(["start-ray", "--object-store-memory", "1MB"], "--object-store-memory", id="less-than-Ray-takes"),
        pytest.param(["start-ray", "--provider", "cloud"], "docker", id="unknown-provider"),
        pytest.param(["start-watcher", "--cooldown", "-1"], "--cooldown", id="negative-time"),
        pytest.param(["pause", "--reason", "x", "--until", "25:99"], "25:99", id="no-time"),
        pytest.param(["load", "--num-tasks", "0"], "--num-tasks", id="no-tasks"),
        pytest.param(["fly"], "error: No such command 'fly'", id="unknown-verb"),
        pytest.param(["start-rayy"], "'start-ray'", id="mistyped-verb"),
        pytest.param(["--fly"], "error: No such option", id="unknown-option"),
    ],
)
def test_wrong_usage_names_what_is_wrong(arguments: list[str], told: str) -> None:
    result = World().run(*arguments)
    assert (result.exit_code, told in result.stderr, "Traceback" in result.stderr) == (2, True, False)
