"""Watches what a browser does and says while a test drives it: errors, other hosts, width, axe."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal, TypedDict

from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request

from tests.browser.premises import ADMIN_KEY

PATIENCE_MS = 10_000

WIDE: "Size" = {"width": 1280, "height": 800}
NARROW: "Size" = {"width": 390, "height": 844}
SCHEMES: tuple["Scheme", ...] = ("light", "dark")

Scheme = Literal["light", "dark"]

TELL_VIOLATIONS = """
addEventListener("securitypolicyviolation", (event) => {
  console.error(`policy: ${event.violatedDirective} ${event.blockedURI}`);
});
"""

WIDER = "document.documentElement.scrollWidth - document.documentElement.clientWidth"

OF_COLOUR = {"runOnly": ["color-contrast"]}

AXE = """
async (rules) => {
  const told = await axe.run(document, { resultTypes: ["violations"], ...rules });
  return told.violations
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .map(({ id, nodes }) => `${id}: ${nodes.slice(0, 3).map(({ html }) => html).join(" | ")}`);
}
"""


class Size(TypedDict):
    """How large a page is, in CSS pixels."""

    width: int
    height: int


class Watch:
    """What went wrong in a browser; what it `expects` stands in errors that a test is about."""

    def __init__(self, context: BrowserContext, url: str) -> None:
        self.expects = ""
        self._url = url
        self._problems: list[str] = []
        context.add_init_script(TELL_VIOLATIONS)
        context.on("console", self._hear)
        context.on("weberror", lambda error: self._note(f"error: {error.error}"))
        context.on("request", self._look)

    def problems(self) -> list[str]:
        """Return what went wrong."""
        return [said for said in self._problems if not self.expects or self.expects not in said]

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self._note(f"{message.type}: {message.text}")

    def _look(self, request: Request) -> None:
        if not request.url.startswith((f"{self._url}/", "data:")):
            self._note(f"a request to {request.url}")

    def _note(self, said: str) -> None:
        self._problems.append(said)


@contextmanager
def watched(
    browser: Browser, url: str, state: Any = None, size: Size = WIDE, scheme: Scheme = "light"
) -> Iterator[tuple[Page, Watch]]:
    """Open a page of a fresh visitor; `state` is that of somebody who has signed in."""
    context = browser.new_context(
        base_url=url,
        viewport={"width": size["width"], "height": size["height"]},
        color_scheme=scheme,
        storage_state=state,
        locale="en-GB",
        reduced_motion="reduce",
    )
    try:
        context.set_default_timeout(PATIENCE_MS)
        watch = Watch(context, url)
        yield context.new_page(), watch
    finally:
        context.close()


def sign_in(page: Page, key: str = ADMIN_KEY) -> None:
    """Sign in as people do."""
    page.goto("/sign-in")
    page.get_by_label("Admin key or one-time token").fill(key)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(re.compile(r"/live$"))


def too_wide(page: Page) -> int:
    """Return by how many pixels a page is wider than its window."""
    return int(page.evaluate(WIDER))


def violations(page: Page, *, of_colour: bool = False) -> list[str]:
    """Return what axe-core finds that is serious or critical; it is brought to the page once.

    `of_colour` asks for contrast alone, where nothing else has changed since the last time.
    """
    if not page.evaluate("typeof axe !== 'undefined'"):
        page.evaluate(AXE_SCRIPT)
    found: list[str] = page.evaluate(AXE, OF_COLOUR if of_colour else {})
    return found
