"""`docs/settings.md`, `docs/metrics.md`, `docs/cli.md` and `docs/openapi.json`, written from the code they describe."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from exporter.metrics.catalog import CATALOG as EXPORTER_CATALOG
from exporter.metrics.catalog import OWN
from exporter.settings import ExporterSettings
from ray_watcher.cli import all_verbs, cli
from ray_watcher.settings import OperatorSettings
from ray_watcher_common.program.environment import CA_VARIABLES
from scaler.config.keys import INHERITED_BY_TYPES
from scaler.config.keys import SETTINGS as LIMIT_SETTINGS
from scaler.config.policy_schema import LimitsEntry, PolicyEntry, WorkerTypeEntry
from scaler.model.decision import ACTION_CAUSES, HELD_CAUSES, Cause
from scaler.telemetry.metrics import CATALOG as SCALER_CATALOG
from scaler.web.api import openapi
from support.paths import ROOT

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pydantic import BaseModel
    from pydantic.fields import FieldInfo

DOCS = ROOT / "docs"
NOTE = "<!-- Written from the code by `make golden`; a test compares them. -->\n"
HELP_WIDTH = 100
FOREIGN_VARIABLES = f"""
## Variables of other programs

| Variable | Meaning |
|---|---|
| {", ".join(f"`{name}`" for name in CA_VARIABLES)} | file of CA certificates for https; the first one that \
is set applies, otherwise the certificates of the package certifi |
| `DOCKER_HOST` | address of the Docker Engine; unset: its socket |
| `COMPOSE_PROJECT_NAME` | as `WATCHER_COMPOSE_PROJECT`, if that is unset |
"""
CLI_NOTES = """
`python scripts/infra.py VERB` is the same as `ray-watcher VERB`.

The document of `--json` has a `version`, which changes when a key is renamed or removed; new keys do not change it.
On a terminal, output is folded to its width; in a pipe, a row is one line. Times are local.
"""


def settings_page() -> str:
    """Every environment variable with its default and meaning."""
    fields = {**OperatorSettings.model_fields, **ExporterSettings.model_fields, **OperatorSettings.model_fields}
    rows = [
        f"| `{field.validation_alias}` | {_default(field)} | {field.description} |"
        for field in sorted(fields.values(), key=lambda field: str(field.validation_alias))
    ]
    return (
        f"# Settings\n\n{NOTE}\nAll programs read the environment; options of `ray-watcher` override it. An empty"
        " variable counts as unset.\nA value that cannot be used ends the program with exit code 2.\nThe error names"
        " the variable, what it got and what it wants.\n\n| Variable | Default | Meaning |\n|---|---|---|\n"
        + "\n".join(rows)
        + "\n"
        + FOREIGN_VARIABLES
    )


def _default(field: FieldInfo) -> str:
    if field.default_factory is not None:
        return "`~/.local/state/ray-watcher`"
    return "unset" if field.default is None else f"`{field.default}`"


def metrics_page() -> str:
    """Every metric of both programs, and the causes."""
    exporter = [
        (family.name, "counter" if family.name.endswith("_total") else "gauge", family.labels, family.help)
        for family in (*EXPORTER_CATALOG, *OWN)
    ]
    scaler = [(name, metric.kind, metric.labels, metric.help) for name, metric in SCALER_CATALOG.items()]
    return (
        f"# Metrics\n\n{NOTE}\n## Exporter: `http://127.0.0.1:9811/metrics`\n\n{_metric_table(exporter)}\n"
        f"## Scaler: `http://127.0.0.1:9812/metrics`\n\n{_metric_table(scaler)}\n"
        f"## Causes\n\nLabel values of `rayscaler_actions_total` and `rayscaler_held`, and the causes in journal,"
        f" log and status.\n\n{_cause_table()}"
    )


def _metric_table(rows: list[tuple[str, str, tuple[str, ...], str]]) -> str:
    lines = [f"| `{name}` | {kind} | {', '.join(labels)} | {text} |" for name, kind, labels, text in rows]
    return "| Metric | Type | Labels | Meaning |\n|---|---|---|---|\n" + "\n".join(lines) + "\n"


def _cause_table() -> str:
    explains: dict[Cause, list[str]] = {cause: [] for cause in Cause}
    for kind, causes in ACTION_CAUSES.items():
        for cause in causes:
            explains[cause].append(kind.value)
    for cause in HELD_CAUSES:
        explains[cause].append("held back")
    lines = [f"| `{cause.value}` | {', '.join(what) or 'infeasible demand'} |" for cause, what in explains.items()]
    return "| Cause | Explains |\n|---|---|\n" + "\n".join(lines) + "\n"


def cli_page() -> str:
    """The help of every verb."""
    parts = [f"# Command line\n\n{NOTE}{CLI_NOTES}"]
    parts += [f"## {name}\n\n```text\n{_help(command, name)}\n```\n" for name, command in all_verbs().items()]
    return "\n".join([parts[0], f"```text\n{_help(cli, 'ray-watcher')}\n```\n", *parts[1:]])


def _help(command: click.Command, name: str) -> str:
    root = click.Context(cli, info_name="ray-watcher", terminal_width=HELP_WIDTH, max_content_width=HELP_WIDTH)
    context = root if command is cli else click.Context(command, parent=root, info_name=name)
    return "\n".join(line.rstrip() for line in command.get_help(context).splitlines())


def api_document() -> str:
    """The OpenAPI document of the scaler's API."""
    return json.dumps(openapi.document(), indent=1) + "\n"


PAGES = {
    "settings.md": settings_page,
    "metrics.md": metrics_page,
    "cli.md": cli_page,
    "openapi.json": api_document,
}


def policy_page() -> str:
    """docs/policy.md as it is, its tables of keys from the models."""
    page = (DOCS / "policy.md").read_text(encoding="utf-8")
    for heading, model, inherited in POLICY_TABLES:
        rows = (
            f"| `{key}` | {_policy_default(model, key, inherited)} | {field.description} |\n"
            for key, field in model.model_fields.items()
        )
        before, after = page.split(f"\n## {heading}\n\n{POLICY_COLUMNS}")
        page = f"{before}\n## {heading}\n\n{POLICY_COLUMNS}{''.join(rows)}{after[after.index(chr(10) * 2) + 1 :]}"
    return page


def _policy_default(model: type[BaseModel], key: str, inherited: Mapping[str, str]) -> str:
    field = model.model_fields[key]
    if model is WorkerTypeEntry and key == "max_workers":
        return "`limits.max_workers`"
    if key in inherited:
        return f"`{OperatorSettings.model_fields[inherited[key]].validation_alias}`"
    if field.is_required():
        return "required: 1" if key == "version" else "required"
    return str(field.default) if isinstance(field.default, int) else "none"


POLICY_COLUMNS = "| Key | Default | Meaning |\n|---|---|---|\n"
POLICY_TABLES: tuple[tuple[str, type[BaseModel], Mapping[str, str]], ...] = (
    ("The file", PolicyEntry, {}),
    ("`limits`", LimitsEntry, LIMIT_SETTINGS),
    ("`worker_types`", WorkerTypeEntry, INHERITED_BY_TYPES),
)


def files() -> dict[Path, str]:
    """Every page with what it should hold."""
    return {DOCS / name: page() for name, page in {**PAGES, "policy.md": policy_page}.items()}
