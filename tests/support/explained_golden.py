"""What `plan` and `explain` print, as golden files: the JSON is a promise, the text is for review by eye."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from ray_watcher import dry_run
from ray_watcher.output import explain, layout, plan
from support.builders import policy, worker_type
from support.paths import TESTS
from support.situations import SITUATIONS

if TYPE_CHECKING:
    from pathlib import Path

GOLDEN = TESTS / "golden"
STATE = GOLDEN / "state.json"
TYPES = (worker_type(num_cpus=4.0, max_workers=3), worker_type(name="gpu", num_cpus=4.0, num_gpus=1.0, max_workers=2))


def saved_plan() -> plan.DryRun:
    """The plan for the exporter's golden state."""
    return dry_run.of_file(STATE.read_bytes(), STATE.name, None, "", (policy(*TYPES), "policy.yaml"))


def plan_text(run: plan.DryRun) -> str:
    """What `plan` prints into a pipe."""
    table = layout.table(["what", "cause", "reason"], plan.rows(run), None, str, str)
    return "\n".join([*plan.headlines(run), "", *table, ""])


def explain_text(name: str) -> str:
    """What `explain` prints in a situation."""
    lines = [f"=== {name} ==="]
    for title, sentences in explain.sections(SITUATIONS[name].status()):
        if title and sentences:
            lines += ["", title]
        lines += [f"  {sentence}" if title else sentence for sentence in sentences]
    return "\n".join(lines)


def _json(value: Any) -> str:
    return json.dumps(value, indent=2) + "\n"


def files() -> dict[Path, str]:
    """Every golden file of the two verbs with what it should hold."""
    run = saved_plan()
    documents = {name: explain.document(situation.status()) for name, situation in SITUATIONS.items()}
    return {
        GOLDEN / "plan.json": _json(plan.document(run)),
        GOLDEN / "plan.txt": plan_text(run),
        GOLDEN / "explain.json": _json(documents),
        GOLDEN / "explain.txt": "\n\n\n".join(map(explain_text, SITUATIONS)) + "\n",
    }
