"""Variables that are not settings of ours: those that would break a program, and misspelled ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from exporter.settings import ExporterSettings
from ray_watcher.settings import OperatorSettings
from ray_watcher_common.program.environment import ca_file, misspelled, mistakes, without_foreign
from ray_watcher_common.program.settings import EnvSettings, SettingsError, load, variables
from scaler.config.settings import ScalerSettings
from support.paths import ROOT

if TYPE_CHECKING:
    from pathlib import Path

PROGRAMS = (OperatorSettings, ExporterSettings, ScalerSettings)


@pytest.mark.parametrize(
    "variable", ["PROMETHEUS_MULTIPROC_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"]
)
def test_a_variable_that_would_break_a_program_is_named(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, "/nosuch")

    with pytest.raises(SettingsError) as refused:
        load(ScalerSettings)

    assert [line.split(", wanted")[0] for line in str(refused.value).splitlines()] == [f"{variable}: got '/nosuch'"]


def test_the_programs_of_a_stack_do_not_get_foreign_variables() -> None:
    assert without_foreign({"PROMETHEUS_MULTIPROC_DIR": "/x", "PATH": "/bin"}) == {"PATH": "/bin"}


def test_certificates_that_can_be_read_are_no_mistake(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").touch()
    environment = {"SSL_CERT_FILE": str(tmp_path / "ca.pem"), "REQUESTS_CA_BUNDLE": ""}

    assert (list(mistakes(environment)), ca_file(environment)) == ([], str(tmp_path / "ca.pem"))


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("WATCHER_COOLDWON", "WATCHER_COOLDOWN"),
        ("WATCHER_MAX_WORKER", "WATCHER_MAX_WORKERS"),
        ("WATCHER_IDLE_TIMEOUTS", "WATCHER_IDLE_TIMEOUT"),
        ("WATCHER_POLICYFILE", "WATCHER_POLICY_FILE"),
    ],
)
def test_a_misspelled_variable_is_named_with_what_is_meant(name: str, meant: str) -> None:
    (line,) = misspelled({name, "PATH"}, variables(OperatorSettings))

    assert line.startswith(name)
    assert line.endswith(f"did you mean {meant}?")


@pytest.mark.parametrize("program", PROGRAMS)
def test_no_variable_that_some_program_or_compose_knows_counts_as_misspelled(program: type[EnvSettings]) -> None:
    example = (ROOT / ".env.example").read_text(encoding="utf-8").replace("#", "")
    known = [*variables(*PROGRAMS), *(line.partition("=")[0].strip() for line in example.splitlines())]

    assert list(misspelled(known, variables(program))) == []


def test_a_variable_like_none_of_ours_is_no_mistake() -> None:
    assert list(misspelled({"WATCHER_HOME", "MY_WATCHER_COOLDWON"}, variables(OperatorSettings))) == []
