"""The page behind users (docs/tls.md), in a real Chromium: the browser's password is enough, for actions too."""

from __future__ import annotations

from typing import TYPE_CHECKING

import bcrypt
import pytest
from playwright.sync_api import expect

from ray_watcher_common.web.config import WebConfig
from support.browser import chromium, open_page
from support.site import Site, at_an_address

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]
USERS = WebConfig(users={"anna": bcrypt.hashpw(b"pw", bcrypt.gensalt(4)).decode()})
LOGIN = {"username": "anna", "password": "pw"}


@pytest.fixture
def site() -> Iterator[Site]:
    """A scaler with a user and a token, at `site.url`."""
    made = Site(token="secret", web=USERS)  # noqa: S106  # a test's own
    made.reconciler.reconcile("test")
    with at_an_address(made) as site:
        yield site


def test_page_polling_and_actions_work_with_a_users_password_alone(site: Site) -> None:
    with chromium() as browser:
        page = open_page(browser, site.url, http_credentials=LOGIN)
        with page.expect_response(lambda reply: "/page/parts" in reply.url) as polled:
            pass
        page.get_by_role("button", name="Pause scaling up").click()
        dialog = page.get_by_role("dialog", name="Pause scaling up")
        dialog.get_by_label("reason").fill("a test")
        dialog.get_by_role("button", name="Pause").click()

        expect(page.get_by_role("status")).to_have_text("Scaling up is paused.")
        assert polled.value.status == 200
        assert open_page(browser, site.url, http_credentials={**LOGIN, "password": "no"}).locator("main").count() == 0
