"""Who is let in by a password, and how often a hash is computed for it."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import bcrypt
import pytest

from ray_watcher_common.web import users
from ray_watcher_common.web.users import BusyError, Users

if TYPE_CHECKING:
    from collections.abc import Callable

PASSWORD = "p:ä ß"  # noqa: S105  # a test's own
HASHES = {"me": bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()}


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


RIGHT = basic("me", PASSWORD)


@pytest.fixture
def computed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The hashes that were computed."""
    seen: list[str] = []
    compute: Callable[[str, bytes], bool] = users.matches

    def counted(hashed: str, password: bytes) -> bool:
        seen.append(hashed)
        return compute(HASHES["me"] if hashed == users.NOBODY else hashed, password)

    monkeypatch.setattr(users, "matches", counted)
    return seen


@pytest.mark.parametrize(
    ("header", "is_right"),
    [
        pytest.param(RIGHT, True, id="right"),
        pytest.param(RIGHT.replace("Basic", "bAsIc"), True, id="the scheme in any case"),
        pytest.param(basic("me", "wrong"), False, id="a wrong password"),
        pytest.param(basic("me", ""), False, id="no password"),
        pytest.param(basic("you", PASSWORD), False, id="an unknown user"),
        pytest.param(basic("", PASSWORD), False, id="no user"),
        pytest.param(basic("me", "x" * 5000), False, id="longer than bcrypt takes"),
        pytest.param(basic("me", "a\0b"), False, id="with a zero"),
        pytest.param("Basic !!!", False, id="not base64"),
        pytest.param("Basic ä", False, id="not ASCII"),
        pytest.param("Bearer abc", False, id="another scheme"),
        pytest.param("", False, id="nothing"),
    ],
)
def test_a_header_is_right_or_wrong(header: str, is_right: bool) -> None:
    assert Users().check(HASHES, header) is is_right


def test_a_right_password_is_computed_once(computed: list[str]) -> None:
    known = Users()

    assert [known.check(HASHES, RIGHT) for _ in range(5)] == [True] * 5
    assert computed == [HASHES["me"]]
    assert known.known(HASHES, RIGHT)


def test_an_unknown_user_costs_as_much_as_a_wrong_password(computed: list[str]) -> None:
    known = Users()
    known.check(HASHES, basic("you", "x"))
    known.check(HASHES, basic("me", "x"))

    assert computed == [users.NOBODY, HASHES["me"]]
    assert not known.check({}, basic("you", PASSWORD))


def test_before_a_hash_is_computed_a_user_may_be_right_and_a_stranger_is_not() -> None:
    assert Users().known(HASHES, RIGHT) is None
    assert Users().known(HASHES, basic("you", "x")) is False


def test_a_changed_hash_ends_what_was_known(computed: list[str]) -> None:
    known = Users()
    known.check(HASHES, RIGHT)

    assert not known.check({"me": bcrypt.hashpw(b"new", bcrypt.gensalt(4)).decode()}, RIGHT)
    assert not known.check({}, RIGHT)
    assert len(computed) == 3


def test_while_one_password_is_checked_a_known_one_is_let_in(monkeypatch: pytest.MonkeyPatch) -> None:
    known = Users()
    known.check(HASHES, RIGHT)
    monkeypatch.setattr(users, "WAIT_SECONDS", 0.01)
    with known._one_at_a_time:  # noqa: SLF001  # as a request that is being checked
        assert known.check(HASHES, RIGHT)
        with pytest.raises(BusyError):
            known.check(HASHES, basic("me", "wrong"))
