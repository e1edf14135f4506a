"""Settings without an environment, and what is said of the files in `tests/broken_config`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ray_watcher.checks import route, rules
from ray_watcher.checks.acceptance import Scaler
from ray_watcher_common.documents import yaml_lines
from ray_watcher_common.documents.findings import in_order
from ray_watcher_common.program.settings import load
from scaler.config import policy_file
from scaler.config.settings import ScalerSettings
from support.paths import TESTS

if TYPE_CHECKING:
    from pathlib import Path

BROKEN = TESTS / "broken_config"
GOLDEN = TESTS / "golden" / "check_config.txt"


def default_settings(**changes: object) -> ScalerSettings:
    """The defaults with `changes`, whatever variables are set here."""
    defaults = {
        name: field.get_default(call_default_factory=True, validated_data={})
        for name, field in ScalerSettings.model_fields.items()
    }
    return load(ScalerSettings, **{**defaults, **changes})


def broken(name: str, *, as_text: bool = True) -> yaml_lines.Document:
    """One of the broken files."""
    return yaml_lines.read(BROKEN / name, name, as_text=as_text)


def text() -> str:
    """Every finding in the broken files, one a line."""
    settings, policy, alerts = default_settings(), broken("policy.yml", as_text=False), broken("rules.yml")
    findings = [
        *policy_file.check(policy, settings)[1],
        *rules.rule_findings(alerts, policy_file.type_names(policy)),
        *route.route_findings(
            broken("alertmanager.yml"),
            rules.scaling_alerts(alerts),
            Scaler(settings.listen, settings.alert_expiry),
        ),
    ]
    return "".join(f"{one.place}: {one.severity.value}: {one.message}\n" for one in in_order(tuple(findings)))


def files() -> dict[Path, str]:
    """The golden file with what it should hold."""
    return {GOLDEN: text()}
