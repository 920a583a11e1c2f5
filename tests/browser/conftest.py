"""What the browser tests of a file share: one gateway with its past, one browser, two sessions."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.browser.premises import ADMIN_KEY, VIEWER_KEY, Premises, premises

ELSEWHERE = "plain.test"
"""A name of this machine that a browser takes for another one's: it trusts it no more than HTTP."""

Require = Callable[[str], str]


@pytest.fixture(scope="module")
def house(require: Require, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Premises]:
    """One gateway for all tests of a file; where nobody can look at it, there is none."""
    for name in ("chromium", "playwright", "axe_playwright_python"):
        require(name)
    with premises(tmp_path_factory.mktemp("browser")) as opened:
        yield opened


@pytest.fixture(scope="module")
def browser(house: Premises, require: Require) -> Iterator[Any]:
    """Debian's chromium, without a screen."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=require("chromium"),
            args=["--no-sandbox", f"--host-resolver-rules=MAP {ELSEWHERE} 127.0.0.1"],
        )
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def states(house: Premises, browser: Any) -> dict[str, Any]:
    """What a browser keeps of somebody who has signed in, by the role."""
    from tests.browser.watching import sign_in, watched

    kept = {}
    for role, key in (("admin", ADMIN_KEY), ("viewer", VIEWER_KEY)):
        with watched(browser, house.url) as (page, watch):
            sign_in(page, key)
            kept[role] = page.context.storage_state()
            assert watch.problems() == []
    return kept


@pytest.fixture
def visit(request: pytest.FixtureRequest, house: Premises, browser: Any) -> Iterator[Any]:
    """Open pages as `visit()`, or `visit("admin")`; after the test each is judged.

    No error was told in the console but those that it `expects`, no policy was broken, no other
    host was asked for anything, no page is wider than its window, and no text was taken for markup.
    """
    from contextlib import ExitStack

    from tests.browser.provider import wait_until
    from tests.browser.watching import too_wide, watched

    opened: list[Any] = []
    asked = house.upstream.open
    with ExitStack() as stack:

        def visit(role: str | None = None, expects: str = "") -> Any:
            state = role and request.getfixturevalue("states")[role]
            page, watch = stack.enter_context(watched(browser, house.url, state))
            watch.expects = expects
            opened.append((page, watch))
            return page

        yield visit
        for page, watch in opened:
            assert watch.problems() == []
            assert too_wide(page) <= 0
            assert page.evaluate("window.harmed") is None
    wait_until(lambda: house.upstream.open <= asked, "the provider is still asked")
