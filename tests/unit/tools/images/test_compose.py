"""Images that replace those of a registry: their names, and their instructions."""

from __future__ import annotations

import re

import pytest

from support.paths import ROOT
from tools.images import compose

COMPOSE = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("debians", "upstreams"),
    [("2.42.0+ds-5+deb12u1", "2.42.0"), ("0.25.0-1+b4", "0.25.0"), ("1:2.6.12-1+deb12u4", "2.6.12")],
)
def test_an_image_has_the_version_of_the_program_not_of_the_package(debians: str, upstreams: str) -> None:
    assert compose.upstream(debians) == upstreams


def test_every_image_but_grafanas_has_a_stand_in() -> None:
    wanted = set(re.findall(r"image: \$\{([A-Z_]+)", COMPOSE)) - {"GRAFANA_IMAGE"}
    made = {f"{program.upper()}_IMAGE" for program in compose.PROGRAMS} | {s.variable for s in compose.STAND_INS}

    assert made | {"RAY_IMAGE"} == wanted


@pytest.mark.parametrize("one", compose.STAND_INS, ids=lambda one: one.package)
def test_a_stand_in_is_nobody_and_may_write_its_data(one: compose.StandIn) -> None:
    said = list(compose.dockerfile(one, "base:1"))

    assert (said[0], said[-1]) == ("FROM base:1", "USER 65534:65534")
    assert any(f"chown 65534:65534 {one.data}" in line for line in said) is bool(one.data)
