"""YAML that remembers its lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ray_watcher_common.documents import yaml_lines
from ray_watcher_common.documents.findings import Finding, in_order

if TYPE_CHECKING:
    from pathlib import Path

TEXT = """\
# a comment
first: 1
list:
  - name: a
    on: yes
  - &shared {name: b}
merged:
  <<: *shared
  own: 1.0
"""


@pytest.mark.parametrize(
    ("keys", "line"),
    [
        pytest.param(("first",), 2, id="a key"),
        pytest.param(("list", 0, "on"), 5, id="a key inside a list's item"),
        pytest.param(("list", 1), 6, id="an item"),
        pytest.param(("list", 1, "missing", "deeper"), 6, id="what is missing is where it should be"),
        pytest.param(("merged", "own"), 9, id="a key beside a merged one"),
        pytest.param((), 2, id="the document"),
    ],
)
def test_a_place_has_its_line(keys: tuple[str | int, ...], line: int) -> None:
    assert yaml_lines.parse(TEXT, "f").line(*keys) == line


def test_text_stays_as_it_is_written() -> None:
    assert yaml_lines.parse(TEXT, "f", as_text=True).value == {
        "first": "1",
        "list": [{"name": "a", "on": "yes"}, {"name": "b"}],
        "merged": {"name": "b", "own": "1.0"},
    }


def test_a_key_that_stands_twice_is_told_with_both_lines() -> None:
    [found] = yaml_lines.parse("a: 1\nb: {c: 1, d: 2,\n c: 3}\n", "f").problems
    assert str(found) == "f:3: c: stands here again; it is on line 2 already"


def test_what_is_merged_does_not_stand_twice() -> None:
    assert yaml_lines.parse("a: &x {k: 1}\nb: {<<: *x, k: 2}\n", "f").problems == ()


def test_an_alias_of_what_is_around_it_ends() -> None:
    assert yaml_lines.parse("a: &x [*x]\n", "f").line("a", 0) == 1


@pytest.mark.parametrize(
    ("text", "told"),
    [
        pytest.param("", "f: is empty", id="nothing"),
        pytest.param("# only a comment\n", "f: is empty", id="a comment"),
        pytest.param("a: 1\nb: [1\n", "f:3: is not YAML: expected ',' or ']', but got '<stream end>'", id="unclosed"),
        pytest.param("a: 1\n\tb: 2\n", "f:2: is not YAML: found character '\\t' that cannot", id="a tab"),
        pytest.param("a: 1\n---\nb: 2\n", "f:2: is not YAML: but found another document", id="two documents"),
        pytest.param("a: 1\nb: \x07\n", "f:2: is not YAML: character '\\x07' may not stand in it", id="a bell"),
        pytest.param("- " * 2000, "f: is nested too deeply to be read", id="nested without end"),
        pytest.param("a: 2020-13-45\n", "f: is not YAML: month must be in 1..12", id="no date"),
        pytest.param("a: !!python/object:x.y {}\n", "f:1: is not YAML: could not determine a constructor", id="a tag"),
    ],
)
def test_what_is_no_yaml_is_told_with_its_line(text: str, told: str) -> None:
    with pytest.raises(yaml_lines.UnreadableError) as error:
        yaml_lines.parse(text, "f")
    assert str(error.value).startswith(told)


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    (tmp_path / "latin").write_bytes(b"a: \xe9\n")
    for name, told in (("none", "No such file"), ("latin", "not text in UTF-8"), (".", "Is a directory")):
        with pytest.raises(yaml_lines.UnreadableError, match=told):
            yaml_lines.read(tmp_path / name)


def test_findings_are_told_once_by_file_and_line() -> None:
    found = (Finding("b", 1, "x"), Finding("a", 12, "x"), Finding("a", 2, "x"), Finding("a", None, "x"))
    assert [one.place for one in in_order((*found, *found))] == ["a", "a:2", "a:12", "b:1"]
