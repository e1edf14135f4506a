"""Setting variables in the file that Docker Compose reads."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tools.images.env_file import value, with_values

NAMES = st.sampled_from(["A", "B", "RAY_IMAGE"])
LINES = st.one_of(
    st.builds("{}={}".format, NAMES, st.sampled_from(["", "x", "y z"])),
    st.builds("# {}={}".format, NAMES, st.just("default")),
    st.sampled_from(["", "# a comment", "no variable"]),
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("A=1\nB=2\n", "A=new\nB=2\n", id="in its place"),
        pytest.param("B=2\n# A=1\n", "B=2\nA=new\n", id="in place of the comment that shows it"),
        pytest.param("# A=1\nA=2\n", "# A=1\nA=new\n", id="where it is set, not where it is explained"),
        pytest.param("A=1\nB=2\nA=3\n", "A=new\nB=2\n", id="once, if it was set twice"),
        pytest.param("B=2", "B=2\nA=new\n", id="at the end"),
        pytest.param("", "A=new\n", id="in an empty file"),
    ],
)
def test_a_value_is_written(text: str, expected: str) -> None:
    assert with_values(text, {"A": "new"}) == expected


@given(st.lists(LINES).map("\n".join), st.dictionaries(NAMES, st.sampled_from(["", "new"])))
def test_the_values_are_set_once_and_nothing_else_changes(text: str, values: dict[str, str]) -> None:
    written = with_values(text, values)

    assert with_values(written, values) == written
    for name in ("A", "B", "RAY_IMAGE"):
        assert value(written, name) == values.get(name, value(text, name))
        assert name not in values or written.splitlines().count(f"{name}={values[name]}") == 1
