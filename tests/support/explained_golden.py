"""What `plan` and `explain` print, as golden files: the JSON is a promise, the text is for review by eye."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from ray_watcher import dry_run
from ray_watcher.output import explain, layout, plan
from scaler.planning.plan import plan as planned
from support.builders import NOW, policy, worker_type
from support.paths import TESTS
from support.plan_cases.all_cases import CASES
from support.situations import SITUATIONS

if TYPE_CHECKING:
    from pathlib import Path

GOLDEN = TESTS / "golden"
FULL = "a burst during the cooldown"
SHOWN_ONCE = ("Limits and cooldowns", "Alerts", "Snapshot")  # alike in all situations
STATE = GOLDEN / "state.json"
TYPES = (worker_type(num_cpus=4.0, max_workers=3), worker_type(name="gpu", num_cpus=4.0, num_gpus=1.0, max_workers=2))


def saved_plan() -> plan.DryRun:
    """The plan for the exporter's golden state."""
    return dry_run.of_file(STATE.read_bytes(), STATE.name, None, "", (policy(*TYPES), "policy.yaml"))


def plan_text(run: plan.DryRun) -> str:
    """What `plan` prints into a pipe."""
    table = layout.table(["what", "cause", "reason"], plan.rows(run), None, str, str)
    return "\n".join([*plan.headlines(run), "", *table, ""])


def explain_text(name: str, parts: tuple[str, ...] | None = None) -> str:
    """What `explain` prints in a situation, or of it the sections with these titles."""
    lines = [f"=== {name} ==="]
    for title, sentences in explain.sections(SITUATIONS[name].status()):
        if not sentences or (parts is not None and title not in parts):
            continue
        lines += ["", title] if title else []
        lines += [f"  {sentence}" if title else sentence for sentence in sentences]
    return "\n".join(lines)


def reasons_text() -> str:
    """One sentence for each cause of a plan: the first one in the cases."""
    first = dict[tuple[str, str], str]()
    for case in CASES:
        proposed = planned(case.given, case.policy, NOW)
        for action in proposed.actions:
            first.setdefault((action.kind.value, action.cause.value), action.reason)
        for held in proposed.held:
            first.setdefault(("hold", held.cause.value), held.reason)
        for misfit in proposed.infeasible:
            first.setdefault(("infeasible", misfit.cause.value), misfit.reason)
    return "".join(f"{what} [{cause}]\n  {reason}\n" for (what, cause), reason in sorted(first.items()))


def _json(value: Any) -> str:
    return json.dumps(value, indent=2) + "\n"


def files() -> dict[Path, str]:
    """Every golden file of the two verbs with what it should hold."""
    run = saved_plan()
    names = list(SITUATIONS)
    titles = tuple(title for title, _ in explain.sections(SITUATIONS[FULL].status()) if title not in SHOWN_ONCE)
    return {
        GOLDEN / "plan.json": _json(plan.document(run)),
        GOLDEN / "plan.txt": plan_text(run),
        GOLDEN / "explain.json": _json(explain.document(SITUATIONS[FULL].status())),
        GOLDEN / "explain.txt": "\n\n\n".join(explain_text(name, None if name == FULL else titles) for name in names)
        + "\n",
        GOLDEN / "reasons.txt": reasons_text(),
    }
