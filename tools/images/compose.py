"""Images for docker-compose.yml on a machine without a registry: `make images`.

Our own two are built as usual, on a base made from this machine's Debian packages. Ray comes from PyPI; Prometheus,
Alertmanager and the socket proxy come from Debian. Grafana cannot be had that way.
"""

from __future__ import annotations

import re
import tempfile
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from tools.images import env_file
from tools.images.base import BASE_IMAGE, BASE_PACKAGES, build_base, import_packages, installed_packages
from tools.images.ray import build_ray

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from scaler.providers.engine import Engine
    from tools.images.debian import Package

ROOT = Path(__file__).resolve().parents[2]
PYTHON_IMAGE = "ray-watcher/python:latest"
PYTHON_PACKAGES = ("python3", "libstdc++6", "zlib1g", "ca-certificates")
SHELL_PACKAGES = ("libc6", "dash", "coreutils")  # to make directories with
PROGRAMS = ("exporter", "scaler")  # our own
GRAFANA_IMAGE = re.compile(r"\$\{GRAFANA_IMAGE:-([^}]+)\}")


@dataclass(frozen=True)
class StandIn:
    """A program of a Debian package, in the place of its own image.

    `variable` names the image in docker-compose.yml. Without `whole`, the package's files without what it depends on:
    a Go program needs the C library only. `data` is where it writes, as user nobody.
    """

    variable: str
    package: str
    entrypoint: str = ""
    data: str = ""
    whole: bool = False


STAND_INS = (
    StandIn("PROMETHEUS_IMAGE", "prometheus", "/usr/bin/prometheus", "/prometheus"),
    StandIn("ALERTMANAGER_IMAGE", "prometheus-alertmanager", "/usr/bin/prometheus-alertmanager", "/alertmanager"),
)


def build_all(engine: Engine, progress: Callable[[str], None]) -> dict[str, str]:
    """Build every image; returns them by their variable in docker-compose.yml.

    Raises `MissingError` (not Debian, a package is not installed), `ProviderError`, `WatcherError`.
    """
    ray = build_ray(engine, progress)
    build_base(engine, BASE_IMAGE, BASE_PACKAGES, progress)
    build_base(engine, PYTHON_IMAGE, PYTHON_PACKAGES, progress, essential=False)
    own = {f"{program.upper()}_IMAGE": _build_own(engine, program, progress) for program in PROGRAMS}
    others = {one.variable: _build_stand_in(engine, one, progress) for one in STAND_INS}
    bases = {"PYTHON_IMAGE": PYTHON_IMAGE, "PYTHON_BUILD_IMAGE": BASE_IMAGE}
    return {"RAY_IMAGE": ray, **own, **others, **bases}


def profiles(engine: Engine, variables: str) -> str:
    """COMPOSE_PROFILES for what can run here: Grafana only if the engine has its image. Raises `ProviderError`.

    `variables` is the text of the file that Compose reads.
    """
    named = env_file.value(variables, "GRAFANA_IMAGE")
    found = GRAFANA_IMAGE.search((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
    image = named or (found[1] if found else "")
    return "grafana" if engine.image_labels(image) is not None else ""


def _build_own(engine: Engine, program: str, progress: Callable[[str], None]) -> str:
    tag = f"ray-watcher/{program}:{metadata.version('ray-watcher')}"
    progress(f"building {tag}")
    arguments = {"BASE": PYTHON_IMAGE, "BUILD_BASE": BASE_IMAGE}
    dockerfile = f"deploy/{program}.Dockerfile"
    for line in engine.build(ROOT, tag, arguments=arguments, labels={}, dockerfile=dockerfile):
        progress(line)
    return tag


def _build_stand_in(engine: Engine, one: StandIn, progress: Callable[[str], None]) -> str:
    packages = _packages(one)
    version = upstream(next(package.version for package in packages if package.name == one.package))
    tag, base = f"ray-watcher/{one.package}:{version}", f"ray-watcher/{one.package}-base:latest"
    import_packages(engine, base, packages, progress)
    with tempfile.TemporaryDirectory() as directory:
        (Path(directory) / "Dockerfile").write_text("\n".join(dockerfile(one, base)), encoding="utf-8")
        for line in engine.build(Path(directory), tag, arguments={}, labels={}):
            progress(line)
    return tag


def _packages(one: StandIn) -> Sequence[Package]:
    if one.whole:
        return installed_packages([one.package, *SHELL_PACKAGES], essential=False)
    alone = [package for package in installed_packages([one.package], essential=False) if package.name == one.package]
    return [*installed_packages(SHELL_PACKAGES, essential=False), *alone]


def upstream(version: str) -> str:
    """`2.42.0` of Debian's `2.42.0+ds-5`."""
    return version.rpartition(":")[2].partition("-")[0].partition("+")[0]


def dockerfile(one: StandIn, base: str) -> Iterator[str]:
    """How the image of `one` is made of the image `base`, which has its packages."""
    yield f"FROM {base}"
    if one.data:
        yield f"RUN mkdir -p {one.data} && chown 65534:65534 {one.data}"
    if one.entrypoint:
        yield f'ENTRYPOINT ["{one.entrypoint}"]'
    yield "USER 65534:65534"
