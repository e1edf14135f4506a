"""The scaler's page in a real Chromium, over a real cluster of processes with its watcher."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from ray_watcher.stack.stack import MADE_TOKEN_FILE
from support.browser import chromium, fits, open_page, serious_violations
from support.operating import PROGRAM, Operator
from support.own import own_environment, own_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page

pytestmark = [pytest.mark.e2e, pytest.mark.full, pytest.mark.timeout(280)]
HOSTILE = '<img src=x onerror="document.title=1">'
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}


@pytest.fixture(scope="module")
def operator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operator]:
    """An operator whose cluster and watcher run; both are stopped afterwards."""
    someone = Operator(
        own_environment(
            own_name("e2e-page"),
            tmp_path_factory.mktemp("state"),
            WATCHER_OBJECT_STORE_MEMORY="100MB",
            WATCHER_CHECK_INTERVAL="1",
            WATCHER_COOLDOWN="1",
            WATCHER_IDLE_TIMEOUT="600",
            WATCHER_MAX_WORKERS="3",
        )
    )
    someone.run("start-ray")
    someone.run("start-watcher")
    yield someone
    subprocess.run([PROGRAM, "stop-ray"], env=someone.full_environment, capture_output=True, timeout=120, check=False)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as opened:
        yield opened


def url(operator: Operator) -> str:
    return f"http://{operator.environment['WATCHER_LISTEN']}/"


def token(operator: Operator) -> str:
    """The token that start-watcher made."""
    watcher = Path(operator.environment["WATCHER_STATE_DIR"]) / "watcher" / operator.environment["WATCHER_CLUSTER"]
    return (watcher / MADE_TOKEN_FILE).read_text(encoding="utf-8").strip()


def give_token(page: Page, text: str) -> None:
    page.get_by_label("token", exact=True).fill(text)
    page.get_by_role("button", name="Continue").click()


def pid_of_the_scaler(operator: Operator) -> int:
    programs = json.loads(operator.says("watcher-status", "--json"))["programs"]
    return int(next(one["pid"] for one in programs if one["name"] == "scaler"))


def add_until_refused(page: Page) -> None:
    """Add workers by the page until a limit forbids it, in words."""
    for _ in range(4):
        page.get_by_role("button", name="Add a worker").click()
        dialog = page.get_by_role("dialog", name="Add a worker")
        dialog.get_by_label("reason").fill("a test")
        dialog.get_by_role("button", name="Add", exact=True).click()
        expect(page.get_by_role("status")).to_contain_text("worker")
    expect(page.get_by_role("status")).to_contain_text("[max_workers]")


def test_load_is_held_by_a_pause_from_the_page_and_served_after_resume(operator: Operator, browser: Browser) -> None:
    page = open_page(browser, url(operator))
    page.evaluate("window.sameDocument = true")

    page.get_by_role("button", name="Pause scaling up").click()
    dialog = page.get_by_role("dialog", name="Pause scaling up")
    dialog.get_by_label("reason").fill(HOSTILE)
    dialog.get_by_label("your name").fill("anna")
    dialog.get_by_role("button", name="Pause").click()
    give_token(page, "wrong")
    expect(page.get_by_text("The scaler refused this token")).to_be_visible()
    give_token(page, token(operator))
    expect(page.get_by_role("status")).to_have_text("Scaling up is paused.")
    expect(page.locator("#part-glance")).to_contain_text(f"by anna: {HOSTILE}")

    operator.run("load", "--num-tasks", "3", "--seconds", "240", "--no-wait")
    expect(page.locator("#part-why")).to_contain_text("paused")
    expect(page.locator("#chart-text")).to_contain_text("Workers: 0 now")
    expect(page.locator("#plot-demand canvas")).to_be_visible()

    page.get_by_role("button", name="Resume scaling up").click()
    expect(page.locator("#part-workers")).to_contain_text("RUNNING")
    launch = page.locator("#marks button", has_text="▲").first
    launch.focus()
    expect(page.locator("#mark-text")).to_contain_text("pending_demand")
    launches = page.locator("#part-timeline details", has=page.locator("strong", has_text=re.compile("^launch")))
    launches.first.locator("summary").click()
    expect(page.locator("#part-timeline details[open] dl").first).to_contain_text("pending_demand")

    add_until_refused(page)
    page.get_by_role("button", name="Remove worker-").first.click()
    dialog = page.get_by_role("dialog", name="Remove")
    expect(dialog.locator(".cost")).not_to_be_empty()
    page.keyboard.press("Escape")
    expect(dialog).not_to_be_visible()

    assert page.evaluate("window.sameDocument"), "the page was loaded again"
    assert page.locator("main img").count() == 0
    assert page.title() != "1"
    assert page.evaluate("Object.values(sessionStorage)").count(token(operator)) == 1
    page.context.close()


def test_a_scaler_that_hangs_is_called_stale_and_one_that_is_back_is_followed(
    operator: Operator, browser: Browser
) -> None:
    page = open_page(browser, url(operator))
    expect(page.locator("#live")).to_contain_text("live")
    pid = pid_of_the_scaler(operator)
    os.kill(pid, signal.SIGSTOP)
    try:
        expect(page.locator("#live")).to_contain_text("Stale: no answer from the scaler")
    finally:
        os.kill(pid, signal.SIGKILL)

    expect(page.locator("#live")).to_contain_text("live, snapshot")
    expect(page.locator("#chart-text")).to_contain_text("Workers:")
    page.context.close()


@pytest.mark.parametrize("options", [{}, {"color_scheme": "dark"}, PHONE], ids=["laptop", "dark", "phone"])
def test_axe_finds_nothing_serious_and_nothing_scrolls_sideways(
    options: dict[str, object], operator: Operator, browser: Browser
) -> None:
    page = open_page(browser, url(operator), **options)
    expect(page.locator("#chart-text")).not_to_be_empty()

    assert serious_violations(page) == []
    assert fits(page)
    page.get_by_role("button", name="Pause scaling up").click()
    assert serious_violations(page) == []
    page.context.close()


def test_with_scripts_off_all_but_chart_and_buttons_is_there(operator: Operator, browser: Browser) -> None:
    page = open_page(browser, url(operator), java_script_enabled=False)

    for heading in ("Pending demand", "Workers", "Last scale-up", "Decisions of the last day"):
        expect(page.get_by_role("heading", name=heading)).to_be_visible()
    expect(page.get_by_role("button", name="Pause scaling up")).not_to_be_visible()
    page.get_by_label("kind").select_option("launch")
    page.get_by_role("button", name="Filter").click()
    assert "action=launch" in page.url
    page.context.close()
