"""What docker-compose.yml promises, and what is written about it."""

from __future__ import annotations

import ast
import re
import sys
from itertools import chain
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from exporter.settings import ExporterSettings
from ray_watcher.stack import monitoring
from scaler.config.settings import ScalerSettings
from scaler.socket_proxy.settings import SocketProxySettings
from support.paths import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from pydantic import BaseModel

TEXT = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
SERVICES: dict[str, dict[str, Any]] = yaml.safe_load(TEXT)["services"]
EXAMPLE = (ROOT / ".env.example").read_text(encoding="utf-8")
COMPOSES_OWN = {"COMPOSE_PROJECT_NAME", "COMPOSE_PROFILES"}
UNLIKE_OTHERS = {  # of the machine, without a default, or made of others
    *COMPOSES_OWN,
    *(
        "DOCKER_GID",
        "WATCHER_EXTERNAL_URL",
        "WATCHER_GRAFANA_URL",
        "WATCHER_LINKS",
        "WATCHER_MEMORY",
        "WATCHER_NODE_MEMORY",
    ),
}
ONCE = {"secrets", "configuration"}  # they do something and exit
DISTRIBUTIONS = {
    "markdown_it": "markdown-it-py",
    "google": "protobuf",
    "grpc": "grpcio",
    "yaml": "pyyaml",
    "pydantic_core": "pydantic-core",
}


def used() -> dict[str, str]:
    """Every variable with its default."""
    found = dict(reversed(re.findall(r"\$\{(\w+)(?::-([^}$]*))?", TEXT)))  # the first one shows the default
    passed_on = {name for one in SERVICES.values() for name, v in (one.get("environment") or {}).items() if v is None}
    return found | dict.fromkeys(passed_on, "")


def explained() -> dict[str, str]:
    return dict(re.findall(r"^(?:# )?([A-Z_]+)=(.*)$", EXAMPLE, flags=re.MULTILINE))


def test_the_example_explains_every_variable_and_no_other() -> None:
    assert set(explained()) == set(used()) | COMPOSES_OWN


def test_the_example_shows_the_defaults() -> None:
    models = (ScalerSettings, ExporterSettings, SocketProxySettings)
    fields = chain.from_iterable(model.model_fields.values() for model in models)
    ours = {str(field.validation_alias): field.default for field in fields}
    for name, value in explained().items():
        default = used().get(name) or str(int(ours[name]) if name == "WATCHER_OBJECT_STORE_MEMORY" else ours.get(name))
        assert value == default or name in UNLIKE_OTHERS, name


def test_images_are_pinned() -> None:
    images = [one["image"] for one in SERVICES.values()]

    assert all(re.fullmatch(r"\$\{[A-Z_]+_IMAGE:-[\w./-]+:v?\d+\.\d+[\w.-]*\}", image) for image in images), images


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_has_limits_a_restart_policy_and_loopback_ports(service: str) -> None:
    described = SERVICES[service]

    assert {"mem_limit", "restart", "logging"} <= set(described)
    assert all(str(port).startswith("${LISTEN_ADDRESS:-127.0.0.1}:") for port in described.get("ports", []))
    assert described["restart"] == ("no" if service in ONCE else "unless-stopped")
    assert described["cap_drop"] == ["ALL"]
    assert service in ONCE or "healthcheck" in described


def test_nothing_needs_a_service_that_may_be_left_out() -> None:
    optional = {name for name, described in SERVICES.items() if "profiles" in described}

    assert optional == {"grafana"}
    assert not {needed for one in SERVICES.values() for needed in one.get("depends_on", {})} & optional


def test_prometheus_and_alertmanager_run_with_the_same_options_as_elsewhere(tmp_path: Path) -> None:
    addresses = monitoring.Addresses()
    elsewhere = {
        "prometheus": monitoring.prometheus_command(tmp_path, addresses, tmp_path),
        "alertmanager": monitoring.alertmanager_command(tmp_path, addresses, tmp_path),
    }
    own = re.compile(r"--(config\.file|storage\.\w*path|storage\.tsdb\.path|web\.listen-address|log\.level)=")
    for service, command in elsewhere.items():
        assert {flag for flag in SERVICES[service]["command"] if not own.match(flag)} == {
            flag for flag in command[1:] if not own.match(flag)
        }


@pytest.mark.parametrize("program", ["exporter", "scaler"])
def test_an_image_installs_what_its_program_imports(program: str) -> None:
    installed = set(pins(ROOT / "deploy" / f"{program}.lock"))
    files = [*(ROOT / program).rglob("*.py"), *(ROOT / "ray_watcher_common").rglob("*.py")]
    elsewhere = ("yaml_", "ray_program")  # run by the command line, by a worker
    used_by = {name for file in files for name in imported(file) if not file.name.startswith(elsewhere)}

    wanted = {DISTRIBUTIONS.get(name, name.replace("_", "-")) for name in used_by - {"ray_watcher_common", program}}
    assert wanted <= installed
    assert "ray" not in installed
    assert ("docker" in installed) is (program == "scaler")


def pins(path: Path) -> dict[str, str]:
    """Versions by name."""
    return dict(re.findall(r"^([\w.-]+)==([\w.]+)", path.read_text(encoding="utf-8"), flags=re.MULTILINE))


def imported(file: Path) -> set[str]:
    """Names of the top packages, beyond the standard library, that a file imports when it runs."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    nodes = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    names = {a.name for n in nodes if isinstance(n, ast.Import) for a in n.names}
    names |= {n.module for n in nodes if isinstance(n, ast.ImportFrom) and n.module}
    return {name.partition(".")[0] for name in names} - sys.stdlib_module_names


@pytest.mark.parametrize("program", ["exporter", "scaler"])
def test_an_image_has_the_versions_that_the_tests_ran_with(program: str) -> None:
    ours, all_pins = pins(ROOT / "deploy" / f"{program}.lock"), pins(ROOT / "requirements.lock")
    assert ours
    assert {name: all_pins.get(name) for name in ours} == ours


@pytest.mark.parametrize("unit", ["exporter", "scaler"])
def test_a_systemd_unit_sets_variables_that_its_program_has(unit: str) -> None:
    models: dict[str, type[BaseModel]] = {"exporter": ExporterSettings, "scaler": ScalerSettings}
    model = models[unit]
    known = {str(field.validation_alias) for field in model.model_fields.values()}
    text = (ROOT / "deploy" / "systemd" / f"ray-watcher-{unit}.service").read_text(encoding="utf-8")
    lines = re.findall(r"^Environment=(.*)$", text, flags=re.MULTILINE)

    assert {setting.partition("=")[0] for line in lines for setting in line.split()} <= known
    assert f"-m {unit}\n" in text
