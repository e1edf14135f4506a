"""The policy file: what it says is what the planner gets, and every mistake in it is told with its line."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from ray_watcher_common.documents import yaml_lines
from ray_watcher_common.documents.findings import Severity
from ray_watcher_common.program.settings import SettingsError
from scaler.config import policy_file
from scaler.config.policy_schema import LABEL_WORD
from scaler.model.cluster import NODE_GROUP_LABEL, WorkerType
from scaler.model.policy import Policy
from scaler.model.schedule import Schedule, TypeBounds
from support.check_config_golden import BROKEN, default_settings

if TYPE_CHECKING:
    from pathlib import Path

FULL = """\
version: 1
limits: {min_workers: 1, max_workers: 20, scale_up_cooldown: 30, scale_down_cooldown: 5}
worker_types:
  - name: cpu
    num_cpus: 4
    num_gpus: 1
    memory: 8GB
    object_store_memory: 2GB
    min_workers: 1
    max_workers: 10
    idle_timeout: 90
    priority: -2
    price_per_hour: 1.25
    max_launches: 4
    resources: {tpu: 2}
    labels: {zone: a, example.com/disk: ssd}
    image: my/ray:1
"""
CPU = WorkerType(
    name="cpu",
    num_cpus=4.0,
    num_gpus=1.0,
    memory=8_000_000_000,
    object_store_memory=2_000_000_000,
    min_workers=1,
    max_workers=10,
    idle_timeout=90.0,
    custom_resources=(("tpu", 2.0),),
    labels=(("example.com/disk", "ssd"), ("zone", "a")),
    image="my/ray:1",
    priority=-2,
    price_per_hour=1.25,
    max_launches=4,
)


def policy_of(text: str, **changes: object) -> Policy:
    policy, findings = policy_file.check(yaml_lines.parse(text, "policy.yml"), default_settings(**changes))
    assert findings == ()
    assert policy is not None
    return policy


def told(text: str, **changes: object) -> list[str]:
    found = policy_file.check(yaml_lines.parse(text, "f"), default_settings(**changes))[1]
    return [f"{one.line}: {one.severity.value}: {one.message}" for one in found]


def with_types(*lines: str) -> str:
    """A file whose first worker type begins on line 3."""
    return "version: 1\nworker_types:\n" + "".join(f"  - {line}\n" for line in lines)


def test_every_key_reaches_the_policy() -> None:
    assert policy_of(FULL) == Policy(
        worker_types=(CPU,), max_workers=20, min_workers=1, scale_up_cooldown=30.0, scale_down_cooldown=5.0
    )


def test_without_a_file_the_guides_variables_describe_one_type() -> None:
    settings = default_settings(max_workers=7, min_workers=2, num_cpus=3, cooldown=20)

    policy = policy_file.policy_from(settings)

    assert policy.worker_types == (settings.worker_type,)
    assert (policy.min_workers, policy.max_workers, policy.scale_up_cooldown) == (2, 7, 20)


def test_what_the_file_leaves_out_is_the_environments() -> None:
    changes = {"max_workers": 9, "min_workers": 1, "cooldown": 7, "scale_down_cooldown": 3, "idle_timeout": 44}
    policy = policy_of(with_types("{name: a}"), **changes, object_store_memory=500_000_000)

    assert policy == Policy(
        worker_types=(WorkerType("a", object_store_memory=500_000_000, max_workers=9, idle_timeout=44.0),),
        max_workers=9,
        min_workers=1,
        scale_up_cooldown=7,
        scale_down_cooldown=3,
    )


def test_a_type_offers_its_custom_resources_and_its_name_as_rays_label() -> None:
    assert CPU.resources == {
        "CPU": 4.0,
        "GPU": 1.0,
        "memory": 8e9,
        "object_store_memory": 2e9,
        "tpu": 2.0,
    }
    assert CPU.node_labels == {NODE_GROUP_LABEL: "cpu", "zone": "a", "example.com/disk": "ssd"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("worker_types: [{name: a}]\n", "1: error: version: is missing", id="no version"),
        pytest.param("version: 1\n", "1: error: worker_types: is missing", id="no types"),
        pytest.param(
            "version: 1\nworker_types: []\n", "2: error: worker_types: got [], wanted at least one", id="none"
        ),
        pytest.param("version: 1\nworker_types: a\n", "2: error: worker_types: got 'a', wanted a list", id="no list"),
        pytest.param("- 1\n", "1: error: got [1], wanted keys and values", id="no mapping"),
        pytest.param(
            "version: 1\nlimits: 3\nworker_types: [{name: a}]\n",
            "2: error: limits: got 3, wanted keys and values",
            id="limits that are none",
        ),
        pytest.param(with_types("a"), "3: error: worker_types[0]: got 'a', wanted keys and values", id="no entry"),
        pytest.param(
            with_types("{name: a, placement: [gpu]}"),
            "3: error: worker_types[0].placement[0]: got 'gpu', wanted a constraint of Swarm",
            id="no constraint",
        ),
        pytest.param(
            with_types("{name: a}") + "max_workers: 3\n",
            "4: error: max_workers: is unknown; it belongs under `limits`",
            id="a limit beside the limits",
        ),
        pytest.param(
            with_types("{name: a, min_worker: 1}"),
            "3: error: worker_types[0].min_worker: is unknown; did you mean min_workers?",
            id="a key that is nearly right",
        ),
        pytest.param(
            "version: 1\nworker_types: [{name: a}]\ncolour: red\n",
            "3: error: colour: is unknown; known here: version, limits, worker_types",
            id="a key from elsewhere",
        ),
        pytest.param(
            with_types("{name: a}", "{name: b}", "{name: a}"),
            "5: error: worker_types[2].name: got 'a', which line 3",
            id="a name twice",
        ),
        pytest.param(
            with_types("{name: a, min_workers: 3, max_workers: 2}"),
            "3: error: worker_types[0].max_workers: got 2, wanted at least min_workers (3)",
            id="a type's bounds the wrong way round",
        ),
        pytest.param(
            "version: 1\nlimits: {min_workers: 3, max_workers: 2}\nworker_types: [{name: a}]\n",
            "2: error: limits.max_workers: got 2, wanted at least min_workers (3)",
            id="the pool's bounds the wrong way round",
        ),
        pytest.param(
            with_types("{name: a, max_workers: 6}"),
            "3: error: worker_types[0].max_workers: got 6, wanted at most WATCHER_MAX_WORKERS "
            "(5; limits.max_workers is not set)",
            id="a type allows more than the environment",
        ),
        pytest.param(
            "version: 1\nlimits: {max_workers: 4}\nworker_types: [{name: a, max_workers: 6}]\n",
            "3: error: worker_types[0].max_workers: got 6, wanted at most limits.max_workers (4)",
            id="a type allows more than the pool",
        ),
        pytest.param(
            "version: 1\nlimits: {min_workers: 6}\nworker_types: [{name: a}, {name: b}]\n",
            "2: error: limits.min_workers (6) is more than WATCHER_MAX_WORKERS (5; limits.max_workers is not set)",
            id="the pool's minimum above the environment's maximum",
        ),
        pytest.param(
            with_types("{name: a, min_workers: 3}", "{name: b, min_workers: 3}"),
            "2: error: min_workers of all types add up to 6, more than WATCHER_MAX_WORKERS "
            "(5; limits.max_workers is not set)",
            id="minima that do not fit together",
        ),
        pytest.param(
            "version: 1\nlimits: {min_workers: 3}\nworker_types: [{name: a, max_workers: 1}]\n",
            "2: error: limits.min_workers (3) is more than max_workers of all types allow, which is 1",
            id="a minimum that no types reach",
        ),
        pytest.param(
            with_types("{name: a, idle_timeout: 30}"),
            "3: warning: worker_types[0].idle_timeout: got 30, which is less than WATCHER_IDLE_TIMEOUT (60): ",
            id="idle earlier than the alert says",
        ),
    ],
)
def test_a_mistake_is_told_by_line_and_key(text: str, expected: str) -> None:
    [line] = told(text)
    assert line.startswith(expected)


@pytest.mark.parametrize(
    "value",
    [
        "num_cpus: 0.5",
        "num_cpus: yes",
        "num_gpus: -1",
        "memory: 0",
        "memory: .inf",
        "object_store_memory: 1MB",
        "idle_timeout: .nan",
        "max_launches: 0",
        "priority: 1.5",
        "resources: {GPU: 1}",
        "resources: {'node:1.2.3.4': 1}",
        "resources: {a: 0}",
        "resources: {1: 1}",
        "labels: {ray.io/node-group: a}",
        "labels: {a=b: c}",
        "labels: {a: 'b,c'}",
        "labels: {a: 1}",
        "image: ''",
        "image: [a]",
        "name: 'a b'",
        "name: 7",
    ],
)
def test_a_value_that_cannot_be_used_is_told_with_its_key(value: str) -> None:
    key = value.split(":", maxsplit=1)[0]
    entry = f"{{{value}}}" if key == "name" else f"{{name: a, {value}}}"
    lines = told(with_types(entry))
    assert lines
    assert all(line.startswith(f"3: error: worker_types[0].{key}") for line in lines)


def test_an_image_means_nothing_to_processes() -> None:
    assert told(with_types("{name: a, image: x}"), provider="docker") == []
    [line] = told(with_types("{name: a, image: x}"), provider="process")
    assert line.startswith("3: warning: worker_types[0].image: processes have no image")


def test_a_broken_file_ends_in_one_error_with_a_line_for_each_mistake() -> None:
    with pytest.raises(SettingsError) as error:
        policy_file.policy_from(default_settings(policy_file=BROKEN / "policy.yml"))

    lines = str(error.value).splitlines()
    assert len(lines) > 20
    assert all(re.match(rf"policy file {BROKEN}/policy\.yml:\d+: ", line) for line in lines)
    assert not any("WATCHER_IDLE_TIMEOUT" in line for line in lines)  # a warning is check-config's to tell


def test_a_missing_file_is_told() -> None:
    with pytest.raises(SettingsError, match=r"policy file /no/such/policy\.yml: cannot be read: No such file"):
        policy_file.policy_from(default_settings(policy_file="/no/such/policy.yml"))


def test_type_names_are_known_even_of_a_broken_file() -> None:
    document = yaml_lines.parse(with_types("{name: a, min: 1}", "{name: b}", "{}", "x"), "f")
    assert policy_file.type_names(document) == {"a", "b"}


# --- a valid policy comes back as it was ---------------------------------------------------------------

words = st.from_regex(LABEL_WORD, fullmatch=True)
counts = st.integers(0, 1000)


@st.composite
def worker_types(draw: st.DrawFn, name: str) -> WorkerType:
    fewest = draw(st.integers(0, 10))
    return WorkerType(
        name=name,
        num_cpus=float(draw(counts)),
        num_gpus=float(draw(counts)),
        memory=draw(st.none() | st.integers(1, 10**13)),
        object_store_memory=draw(st.integers(75 * 1024 * 1024, 10**13)),
        min_workers=fewest,
        max_workers=fewest + draw(st.integers(0, 100)),
        idle_timeout=draw(st.floats(60, 1e6)),
        custom_resources=tuple(
            sorted((f"r-{name}", n + 1.0) for name, n in draw(st.dictionaries(words, counts, max_size=2)).items())
        ),
        labels=tuple(sorted(draw(st.dictionaries(words, words, max_size=2)).items())),
        image=draw(st.none() | words),
        priority=draw(st.integers(-9, 9)),
        price_per_hour=draw(counts) / 4,
        max_launches=draw(st.none() | st.integers(1, 99)),
    )


@st.composite
def policies(draw: st.DrawFn) -> Policy:
    names = draw(st.lists(words, min_size=1, max_size=3, unique=True))
    kinds = tuple(draw(worker_types(name)) for name in names)
    fewest, most = sum(kind.min_workers for kind in kinds), max(kind.max_workers for kind in kinds)
    return Policy(
        worker_types=kinds,
        min_workers=draw(st.integers(0, most)),
        max_workers=max(fewest, most) + draw(counts),
        scale_up_cooldown=draw(st.floats(0, 1e6)),
        scale_down_cooldown=draw(st.floats(0, 1e6)),
    )


def document_of(policy: Policy) -> dict[str, Any]:
    """The policy as one would write it."""
    limits = ("min_workers", "max_workers", "scale_up_cooldown", "scale_down_cooldown")
    return {
        "version": 1,
        "limits": {key: getattr(policy, key) for key in limits},
        "worker_types": [entry_of(kind) for kind in policy.worker_types],
    }


def entry_of(kind: WorkerType) -> dict[str, Any]:
    values = {key: value for key, value in vars(kind).items() if key not in ("custom_resources", "labels", "placement")}
    whole = {"num_cpus": int(kind.num_cpus), "num_gpus": int(kind.num_gpus)}
    resources = {name: int(amount) for name, amount in kind.custom_resources}
    placed = {"placement": list(kind.placement)}
    return {**values, **whole, "resources": resources, "labels": dict(kind.labels), **placed}


@given(policies())
def test_a_valid_policy_comes_back_as_it_was_written(policy: Policy) -> None:
    assert policy_of(yaml.safe_dump(document_of(policy))) == policy


@given(policies(), st.data())
def test_an_unknown_key_anywhere_is_a_mistake(policy: Policy, data: st.DataObject) -> None:
    document = document_of(policy)
    part = data.draw(st.sampled_from([document, document["limits"], *document["worker_types"]]))
    part["surprise"] = 1

    [line] = told(yaml.safe_dump(document))

    assert "surprise: is unknown" in line


def test_reading_a_file_is_reading_its_text(tmp_path: Path) -> None:
    (tmp_path / "policy.yml").write_text(FULL, encoding="utf-8")
    assert policy_file.read_policy(tmp_path / "policy.yml", default_settings()) == policy_of(FULL)


@pytest.mark.parametrize(("provider", "warnings"), [("swarm", 0), ("docker", 1), ("auto", 1)])
def test_placement_is_for_several_hosts(provider: str, warnings: int) -> None:
    text = with_types("{name: a, placement: ['node.labels.gpu==a100', 'node.hostname != h1']}")
    policy, findings = policy_file.check(yaml_lines.parse(text, "policy.yml"), default_settings(provider=provider))

    assert policy is not None
    assert policy.worker_types[0].placement == ("node.labels.gpu==a100", "node.hostname != h1")
    assert [found.severity for found in findings] == [Severity.WARNING] * warnings


OFFICE = "schedules:\n  - name: office\n    cron: 0 8 * * mon-fri\n    timezone: Europe/Vienna\n"


def with_schedule(rest: str, before: str = "version: 1\nworker_types: [{name: a}]\n") -> str:
    return before + OFFICE + rest


def test_a_schedule_comes_back_as_it_was_written(tmp_path: Path) -> None:
    file = tmp_path / "policy.yml"
    file.write_text(with_schedule("    duration: 10h\n    min_workers: 2\n    worker_types: {a: {warm_workers: 1}}\n"))
    (found,) = policy_file.read_policy(file, default_settings()).schedules
    bounds = TypeBounds(name="a", warm_workers=1)
    assert found == Schedule(
        name="office",
        cron="0 8 * * mon-fri",
        timezone="Europe/Vienna",
        duration=36000.0,
        min_workers=2,
        worker_types=(bounds,),
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(
            with_schedule("    min_workers: 1\n"), "4: error: schedules[0]: got", id="neither duration nor end"
        ),
        pytest.param(
            with_schedule("    duration: 1h\n    min_workers: 3\n    max_workers: 2\n"),
            "9: error: schedules[0].max_workers: got 2, wanted at least min_workers (3)",
            id="min above max",
        ),
        pytest.param(
            with_schedule("    duration: 1h\n    min_workers: 9\n"),
            "4: error: schedules[0]: min_workers (9) is more than max_workers (5)",
            id="min above the pool's max",
        ),
        pytest.param(
            with_schedule("    duration: 1h\n    worker_types: {b: {min_workers: 1}}\n"),
            "8: error: schedules[0].worker_types.b: is no worker type",
            id="a type that is not there",
        ),
        pytest.param(
            with_schedule("    duration: 1h\n"), "4: warning: schedules[0]: sets no limit", id="nothing to change"
        ),
        pytest.param(
            with_schedule("    duration: 90\n"), "7: error: schedules[0].duration: got 90, wanted text", id="no unit"
        ),
        pytest.param(
            with_schedule("    end: 0 0 30 2 *\n    min_workers: 1\n"),
            "7: error: schedules[0].end: got '0 0 30 2 *', wanted five fields",
            id="never matches",
        ),
        pytest.param(
            with_schedule("    duration: 1h\n    min_workers: 1\n").replace("Europe/Vienna", "Vienna"),
            "6: error: schedules[0].timezone: got 'Vienna', wanted the name of a time zone",
            id="a zone that is not there",
        ),
        pytest.param(
            with_schedule("    duration: 10h\n    min_workers: 4\n")
            + "  - {name: noon, cron: 0 12 * * *, timezone: Europe/Vienna, duration: 1h, max_workers: 2}\n",
            "8: warning: schedules[0].min_workers: got 4, but noon overlaps and allows 2",
            id="two that cannot both hold",
        ),
    ],
)
def test_a_mistake_in_a_schedule_is_told_by_line_and_key(text: str, expected: str) -> None:
    [line] = told(text)
    assert line.startswith(expected), line
