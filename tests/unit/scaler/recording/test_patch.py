"""Differences of documents."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from scaler.recording.patch import difference, patched

LEAVES = st.one_of(st.integers(0, 2), st.text(max_size=2), st.lists(st.integers(0, 2) | st.none(), max_size=2))
DOCUMENTS = st.recursive(
    st.dictionaries(st.sampled_from("abc"), LEAVES, max_size=3),
    lambda inner: st.dictionaries(st.sampled_from("abc"), LEAVES | inner, max_size=3),
    max_leaves=8,
)


@given(DOCUMENTS, DOCUMENTS)
def test_a_difference_makes_one_document_of_the_other(old: dict[str, Any], new: dict[str, Any]) -> None:
    assert patched(old, difference(old, new)) == new


@given(DOCUMENTS)
def test_equal_documents_have_no_difference(document: dict[str, Any]) -> None:
    assert difference(document, patched(document, {})) == {}


def test_what_did_not_change_is_shared() -> None:
    old = {"a": {"x": 1}, "b": {"y": 2}}

    assert patched(old, {"b": {"y": 3}})["a"] is old["a"]
