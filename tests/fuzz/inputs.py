"""What strangers may send: the documents we know, changed at random places, and plain noise."""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

TEXTS = st.one_of(
    st.text(max_size=20),
    st.sampled_from(["", "up", "down", "1", "999", "nan", "-1", "\x00", "../..", "{{ $value }}", "9" * 400]),
)
NUMBERS = st.one_of(
    st.integers(-(10**3), 10**3),
    st.sampled_from([0, -1, 2**31, 2**63, 2**64, 10**30, 10**400, 1e308, -1e308, 5e-324, 1e-9, 0.1, 1e16]),
    st.floats(),
)
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), NUMBERS, TEXTS),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(TEXTS, inner, max_size=3)),
    max_leaves=8,
)


def places(value: Any, here: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place in a document, the document itself first."""
    yield here
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from places(inner, (*here, key))
    elif isinstance(value, list):
        for position, inner in enumerate(value):
            yield from places(inner, (*here, position))


@st.composite
def changed(draw: Callable[..., Any], *known: Any) -> Any:
    """One of the known documents with up to three places replaced, removed or added to."""
    document = copy.deepcopy(draw(st.sampled_from(known)))
    for _ in range(draw(st.integers(0, 3))):
        place = draw(st.sampled_from(list(places(document))))
        if not place:
            if draw(st.integers(0, 9)) == 0:
                return draw(VALUES)
            continue
        around = document
        for key in place[:-1]:
            around = around[key]
        action = draw(st.sampled_from(["replace", "replace", "remove", "repeat"]))
        if action == "replace":
            around[place[-1]] = draw(VALUES)
        elif action == "remove":
            del around[place[-1]]
        elif isinstance(around, list):
            around.append(copy.deepcopy(around[place[-1]]))
        else:
            around[draw(TEXTS)] = copy.deepcopy(around[place[-1]])
    return document


@st.composite
def torn(draw: Callable[..., Any], whole: st.SearchStrategy[bytes]) -> bytes:
    """Bytes that were cut, or had some of them overwritten, on the way."""
    body = bytearray(draw(whole))
    for _ in range(draw(st.integers(0, 3))):
        if body:
            at = draw(st.integers(0, len(body) - 1))
            body[at : at + draw(st.integers(0, 4))] = draw(st.binary(max_size=4))
    return bytes(body[: draw(st.integers(0, len(body)))] if draw(st.integers(0, 4)) == 0 else body)


def as_json(documents: st.SearchStrategy[Any]) -> st.SearchStrategy[bytes]:
    """The documents' JSON; now and then torn, now and then no JSON at all."""
    written = documents.map(lambda document: json.dumps(document).encode())
    nested = st.integers(1, 3000).map(lambda depth: b"[" * depth + b"]" * depth)
    return st.one_of(written, written, written, torn(written), st.binary(max_size=60), nested)
