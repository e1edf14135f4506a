"""Variables in a configuration file of a program that knows none."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ray_watcher_common import filled_in

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param('cluster: "${WATCHER_CLUSTER}"', 'cluster: "blue"', id="a variable that is set"),
        pytest.param("${NOT_SET} $WATCHER_CLUSTER", "${NOT_SET} $WATCHER_CLUSTER", id="what is none of them"),
        pytest.param("replacement: $1-${1}", "replacement: $1-${1}", id="groups of a relabelling"),
        pytest.param("{{ $labels.cluster }}", "{{ $labels.cluster }}", id="an alert's template"),
        pytest.param("${TWICE}", "${WATCHER_CLUSTER}", id="what was put in is not looked at again"),
    ],
)
def test_variables_that_are_set_are_filled_in_and_nothing_else_changes(text: str, expected: str) -> None:
    variables = {"WATCHER_CLUSTER": "blue", "TWICE": "${WATCHER_CLUSTER}"}
    assert filled_in.filled_in(text, variables) == expected


def test_the_file_is_readable_by_others_and_leaves_nothing_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WATCHER_CLUSTER", "blue")
    source, target = tmp_path / "prometheus.yml", tmp_path / "config" / "prometheus.yml"
    target.parent.mkdir()
    source.write_text("cluster: ${WATCHER_CLUSTER}\n", encoding="utf-8")
    filled_in.main([str(source), str(target)])

    assert target.read_text(encoding="utf-8") == "cluster: blue\n"
    assert target.stat().st_mode & 0o777 == 0o644
    assert list(target.parent.iterdir()) == [target]


def test_a_file_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"error: .*nothing\.yml"):
        filled_in.main([str(tmp_path / "nothing.yml"), str(tmp_path / "made.yml")])
