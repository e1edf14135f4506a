"""check-config: check policy, alert rules and Alertmanager's route together, before they are used."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ray_watcher.checks.config import Files, check_files
from ray_watcher.commands.options import json_option
from ray_watcher.errors import WatcherError
from ray_watcher.output import terminal
from ray_watcher.settings import OperatorSettings
from ray_watcher.stack.monitoring import SHIPPED_DIRECTORY
from ray_watcher_common.documents.findings import Severity
from ray_watcher_common.program.settings import SettingsError, load
from scaler.config.policy_file import policy_from
from scaler.config.sizes import overbooked, oversold

if TYPE_CHECKING:
    from ray_watcher.checks.config import Report
    from ray_watcher.host import Host

A_PATH = click.Path(path_type=Path)


@click.command()
@click.option("--policy", type=A_PATH, metavar="FILE", help="Policy file.  [default: unset; env: WATCHER_POLICY_FILE]")
@click.option(
    "--rules",
    type=A_PATH,
    multiple=True,
    metavar="DIR_OR_FILE",
    help="Alert rules; can be given several times.  [default: rules/ in WATCHER_PROMETHEUS_DIR]",
)
@click.option(
    "--alertmanager",
    type=A_PATH,
    metavar="FILE",
    help="Alertmanager configuration.  [default: alertmanager.yml in WATCHER_PROMETHEUS_DIR]",
)
@click.option(
    "--prometheus",
    type=A_PATH,
    metavar="FILE",
    help="Prometheus configuration, for its external labels.  [default: prometheus.yml in WATCHER_PROMETHEUS_DIR]",
)
@json_option
@click.pass_obj
def check_config(
    host: Host,
    /,
    policy: Path | None,
    rules: tuple[Path, ...],
    alertmanager: Path | None,
    prometheus: Path | None,
    *,
    as_json: bool,
) -> None:
    """Check policy, alert rules and route together.

    Finds mistakes that no single file shows: a worker type that the policy lacks, a changing value in a label, a
    route that does not reach the scaler or reaches it too late. Exit code 1 if there is an error; warnings alone
    give 0. PromQL is not checked, use promtool.

    \b
    Example:  ray-watcher check-config --policy policy.yml
    """  # noqa: D301  # \b is click's
    settings = load(OperatorSettings)
    directory = settings.prometheus_dir or SHIPPED_DIRECTORY
    files = Files(
        policy=policy or settings.policy_file,
        rules=rules or (directory / "rules",),
        alertmanager=alertmanager or directory / "alertmanager.yml",
        prometheus=prometheus or directory / "prometheus.yml",
        are_filled_in=alertmanager is None,
    )
    report = check_files(files, settings)
    if as_json:
        terminal.document(report.document())
    else:
        _show(report)
    _tell_what_the_host_cannot_keep(host, settings.model_copy(update={"policy_file": files.policy}))
    if errors := report.count(Severity.ERROR):
        raise WatcherError(f"the configuration has {terminal.count(errors, 'error')}")


def _tell_what_the_host_cannot_keep(host: Host, settings: OperatorSettings) -> None:
    """CPUs and memory that the pool at its largest promises beyond what this host has; a sound policy only."""
    provider = "docker" if settings.provider != "process" and host.engine_answers() else "process"
    with contextlib.suppress(SettingsError):
        policy = policy_from(settings)
        if found := host.capacity(provider):
            for problem in filter(None, (overbooked(policy, settings.num_cpus, found[0]), oversold(policy, found[1]))):
                terminal.warn(problem)


def _show(report: Report) -> None:
    for found in report.findings:
        terminal.sentence(f"{found.place}: {found.severity.value}: {found.message}")
    types = ", ".join(report.worker_types) or "none"
    terminal.facts(
        [
            ("policy", f"{report.policy or 'from the environment'} (worker types: {types})"),
            ("rules", f"{', '.join(report.rules) or 'none'} ({terminal.count(report.alerts, 'alert')})"),
            ("scaling", ", ".join(report.scaling_alerts) or "no alert permits scaling"),
            ("route", report.alertmanager),
            ("result", _tally(report)),
        ]
    )


def _tally(report: Report) -> str:
    errors, warnings = report.count(Severity.ERROR), report.count(Severity.WARNING)
    return (
        f"{terminal.count(errors, 'error')}, {terminal.count(warnings, 'warning')}"
        if errors or warnings
        else "no errors"
    )
