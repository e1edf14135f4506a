"""Alertmanager's matchers in both of its grammars."""

from __future__ import annotations

import pytest

from ray_watcher.checks.matchers import Matcher, parse


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param('a="b"', [("a", "=", "b")], id="double quotes"),
        pytest.param("a = b", [("a", "=", "b")], id="no quotes"),
        pytest.param("a='b'", [("a", "=", "'b'")], id="single quotes are a part of the value"),
        pytest.param('{a="b",c!~"d,e",}', [("a", "=", "b"), ("c", "!~", "d,e")], id="several in braces"),
        pytest.param("a=", [("a", "=", "")], id="an empty value"),
        pytest.param("", [], id="none"),
        pytest.param(r'a="x\"y\\z\n"', [("a", "=", 'x"y\\z\n')], id="escapes"),
        pytest.param(r'a=~"\d+"', [("a", "=~", r"\d+")], id="a backslash of an expression stays"),
        pytest.param('"cloud.name"="prod"', [("cloud.name", "=", "prod")], id="a quoted name"),
        pytest.param('"a b"=~"x|y", "c"!=d', [("a b", "=~", "x|y"), ("c", "!=", "d")], id="several quoted names"),
        pytest.param("🙂=x", [("🙂", "=", "x")], id="any character in a name"),
        pytest.param("größe=x", [("größe", "=", "x")], id="letters"),
    ],
)
def test_a_matcher_is_read_as_alertmanager_reads_it(text: str, expected: list[tuple[str, str, str]]) -> None:
    assert parse(text) == tuple(Matcher(*one) for one in expected)


@pytest.mark.parametrize("text", ['a="b', "a", '"a=b', 'a=b"c', "=b", '"a"="b" c=d', '"a.b"="\\q"'])
def test_what_neither_grammar_takes_is_not_guessed_at(text: str) -> None:
    assert parse(text) is None


@pytest.mark.parametrize(
    ("expression", "value", "holds"),
    [
        pytest.param("up|down", "up", True, id="an alternative"),
        pytest.param("u", "up", False, id="all of the value is meant"),
        pytest.param(r"\pL+", "größe", True, id="a class of letters"),
        pytest.param(r"\w+", "größe", False, id="a word is of ASCII"),
        pytest.param("[[:alpha:]]+", "abc", True, id="a class by its name"),
        pytest.param(r"\Qa.b\E", "a.b", True, id="a literal part"),
        pytest.param("(?i)UP", "up", True, id="whatever the case"),
        pytest.param("(?=u)up", "up", None, id="looking ahead is refused"),
        pytest.param("(", "up", None, id="no expression"),
    ],
)
def test_expressions_are_gos(expression: str, value: str, holds: bool | None) -> None:
    assert Matcher("a", "=~", expression).holds({"a": value}) is holds
