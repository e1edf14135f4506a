"""URLs as they may be shown: without user and password."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ray_watcher_common.urls import shown_url


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        pytest.param("http://host:9093/path", "http://host:9093/path", id="nothing to mask"),
        pytest.param("http://am:secret@host:9093", "http://***@host:9093", id="user and password"),
        pytest.param("http://token@host", "http://***@host", id="a user alone"),
        pytest.param("http://am:se@cr@et@host", "http://***@host", id="a password with @"),
        pytest.param("http://am:se/cret@host", "http://***@host", id="one that does not parse"),
        pytest.param("http://a:b@one,http://c:d@two", "http://***@one,http://***@two", id="several"),
        pytest.param("cannot read http://a:b@one: refused", "cannot read http://***@one: refused", id="in a sentence"),
        pytest.param("someone@example.org", "someone@example.org", id="not a URL"),
    ],
)
def test_user_information_is_masked(text: str, shown: str) -> None:
    assert shown_url(text) == shown


@given(st.text(st.characters(exclude_categories=("Z", "C")), min_size=1))
def test_no_password_is_ever_shown(password: str) -> None:
    assert f"XXX{password}YYY" not in shown_url(f"got 'http://am:XXX{password}YYY@host:9093'")
