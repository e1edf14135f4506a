"""copy-config, as docs/install.md shows it: a user of an installed wheel changes rules in files of his own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support.command_blocks import command_blocks
from support.rules_data import SHIPPED
from support.watcher_fakes import World

if TYPE_CHECKING:
    from pathlib import Path


def test_the_copy_has_what_is_shipped_and_check_config_reads_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = tmp_path / "ray-alerts"
    monkeypatch.setenv("HOME", str(tmp_path))
    [block] = [text for name, text in command_blocks() if name == "docs/install.md" and "copy-config" in text]
    copy, export, check = (line.replace("~", str(tmp_path)).split() for line in block.splitlines())

    copied = World().run(*copy[1:])
    monkeypatch.setenv(*export[1].split("=", 1))
    checked = World().run(*check[1:])

    assert (copied.exit_code, copied.stderr) == (0, "")
    assert f"WATCHER_PROMETHEUS_DIR={own}" in copied.stdout
    names = [file.relative_to(own) for file in own.rglob("*") if file.is_file()]
    shipped = [SHIPPED / "prometheus.yml", SHIPPED / "alertmanager.yml", *(SHIPPED / "rules").iterdir()]
    assert sorted(names) == sorted(file.relative_to(SHIPPED) for file in shipped)
    assert all((own / name).read_bytes() == (SHIPPED / name).read_bytes() for name in names)
    assert checked.exit_code == 0
    assert str(own / "rules" / "scaling.yml") in checked.stdout
    assert str(SHIPPED) not in checked.stdout


@pytest.mark.parametrize("there", ["a file", "a directory with a file"])
def test_nothing_is_overwritten(tmp_path: Path, there: str) -> None:
    place = tmp_path / "there"
    if there == "a file":
        place.write_text("mine", encoding="utf-8")
    else:
        place.mkdir()
        (place / "prometheus.yml").write_text("mine", encoding="utf-8")

    result = World().run("copy-config", str(place))

    assert result.exit_code != 0
    assert [file.read_text(encoding="utf-8") for file in tmp_path.rglob("*") if file.is_file()] == ["mine"]
