"""Every block of commands in README and docs is followed by a test, or says here why it cannot be."""

from __future__ import annotations

import pytest

from support.command_blocks import DOCUMENTS, ROOT, command_blocks, fences

WALK = (
    "tests/integration/prometheus/test_alerts_walk.py::"
    "test_the_walk_can_be_followed_and_ends_with_a_plan_that_the_new_rule_permits"
)
GUIDE = "tests/e2e/test_guide.py::test_the_guides_session"
SERVE = "tests/e2e/test_serve.py::test_requests_bring_replicas_replicas_bring_workers_and_all_go_again"
COPY = (
    "tests/integration/ray_watcher/commands/test_copy_config.py::"
    "test_the_copy_has_what_is_shipped_and_check_config_reads_it"
)
MIXIN = (
    "tests/integration/ray_watcher/commands/test_mixin.py::test_the_documents_commands_write_rules_that_promtool_takes"
)
STACK = "tests/e2e/test_compose.py::test_the_compose_file_lives_through_a_day"

FOLLOWED = {
    ("docs/recording.md", "ray-watcher record"): (
        "tests/integration/ray_watcher/commands/test_record.py::test_the_documents_commands_run"
    ),
    ("README.md", "make demo"): "tests/e2e/test_demo.py::test_the_demo_runs_the_whole_loop_and_leaves_nothing",
    ("README.md", "scripts/setup demo"): GUIDE,
    ("README.md", ".venv/bin/ray-watcher start-ray"): GUIDE,
    ("docs/alerts.md", "export WATCHER_PENDING_THRESHOLD"): WALK,
    ("docs/alerts.md", "sed -i '/alert: RayAtMaxWorkers/"): WALK,
    ("docs/alerts.md", "promtool test rules prometheus/tests/health"): WALK,
    ("docs/alerts.md", "sed -i 's/regex: ray_node_"): WALK,
    ("docs/alerts.md", "promtool test rules prometheus/tests/mine"): WALK,
    ("docs/alerts.md", "ray-watcher check-config"): WALK,
    ("docs/alerts.md", "curl -s http://127.0.0.1:9811/state"): WALK,
    ("docs/compose.md", "make env\nmake images"): STACK,
    ("docs/compose.md", "docker compose exec -T ray-head"): STACK,
    ("docs/compose.md", "docker compose down --remove-orphans"): STACK,
    ("docs/mixin.md", "ray-watcher mixin"): MIXIN,
    ("docs/install.md", "ray-watcher copy-config"): COPY,
    ("docs/serve.md", "ray-watcher start-ray --serve-port"): SERVE,
}
"""Which test follows a block, by document and beginning."""

CANNOT_BE_FOLLOWED = {
    ("README.md", "make test"): "runs the tests themselves; test_readme.py sees to it that CI runs it",
    ("README.md", "pipx install"): "installs for the user who runs the tests",
    ("docs/install.md", "pipx install"): "likewise; tests/e2e/test_installed.py installs into environments of its own",
    ("docs/compose.md", "make env "): "pulls images, Grafana's among them; the block without a registry is followed",
    ("docs/existing-monitoring.md", "sudo git clone"): "makes systemd services of this machine",
    ("docs/simulation.md", ".venv/bin/python -m benchmarks.simulation"): "takes minutes; benchmarks/test_simulation.py "
    "runs the command on a small day",
}
"""Why a block is not followed."""


def known(document: str, text: str) -> list[tuple[str, str]]:
    """The entries for a block."""
    return [key for key in (*FOLLOWED, *CANNOT_BE_FOLLOWED) if key[0] == document and text.startswith(key[1])]


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_fence_names_the_language_of_what_it_holds(document: str) -> None:
    assert [text for language, text in fences(document) if not language] == []


def test_every_block_of_commands_is_followed_or_says_why_not() -> None:
    entries = [(document, text, known(document, text)) for document, text in command_blocks()]

    assert [(document, text) for document, text, found in entries if len(found) != 1] == []
    assert sorted(found[0] for _, _, found in entries) == sorted([*FOLLOWED, *CANNOT_BE_FOLLOWED])


@pytest.mark.parametrize(("place", "test"), FOLLOWED.items(), ids=lambda value: "".join(value)[:60])
def test_the_test_that_follows_a_block_is_there_and_names_its_document(place: tuple[str, str], test: str) -> None:
    file, _, name = test.partition("::")
    source = (ROOT / file).read_text(encoding="utf-8")

    assert f"def {name}(" in source
    assert place[0].rpartition("/")[2] in source
