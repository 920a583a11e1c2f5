"""Takes the pictures of the operator's page: `python -m tests.browser docs/img`.

Calls, keys and prices are the same each time; days, ages and request ids are those of the day.
"""

import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from tests.browser.picture import keep
from tests.browser.premises import CONFIG, NIGHTLY_KEY, Premises, premises
from tests.browser.provider import FOR_EVER, SILENT, wait_until
from tests.browser.watching import NARROW, SCHEMES, WIDE, Size, sign_in, watched

SIZES: dict[str, Size] = {"wide": WIDE, "narrow": NARROW}

MOST_BYTES = 120_000
MOST_IN_ALL = 2_000_000

CUT, OPEN = 3, 5
"""Calls that were left, and those that run."""

LOOKS = 6
"""Looks of the page of what runs before its picture is taken: its lines have come to be lines."""


def show_live(page: Page, _: Premises) -> None:
    """Show what runs, when some calls have been cut off."""
    page.goto("/live")
    rows = page.locator("tr[data-call]")
    wait_until(lambda: rows.count() >= OPEN, "the calls are not shown")
    for _number in range(LOOKS):
        with page.expect_response("**/api/tree*"):
            pass


def show_story(page: Page, _: Premises) -> None:
    """Show a call that a second target has answered."""
    page.goto("/calls?outcome=completed&key=nightly")
    page.locator("table.calls tr", has_text="2 attempts").first.get_by_role("link").click()
    page.locator("#story").wait_for()


def show_playground(page: Page, _: Premises) -> None:
    """Show two models that have answered."""
    page.goto("/playground")
    page.get_by_role("button", name="Side by side").click()
    page.get_by_label("Model of one").fill("gpt-5.2")
    page.get_by_label("Model of two").fill("claude-sonnet-5")
    page.get_by_label("Message").fill("When does a nursery close?")
    page.get_by_role("button", name="Send").click()
    for pane in ("a", "b"):
        page.locator(f"#pane-{pane} .state", has_text="Done").wait_for()


def shows(path: str) -> Callable[[Page, Premises], None]:
    """Return what shows a page as it comes."""

    def show(page: Page, _: Premises) -> None:
        page.goto(path)

    return show


SCENES: dict[str, Callable[[Page, Premises], None]] = {
    "live": show_live,
    "calls": shows("/calls?limit=20"),
    "story": show_story,
    "models": shows("/models?model=gpt-5.2"),
    "spend": shows("/spend"),
    "keys": shows("/keys"),
    "playground": show_playground,
    "health": shows("/health"),
}


@contextmanager
def running(house: Premises) -> Iterator[None]:
    """Have calls run, after some that were left."""
    for number in range(CUT):
        with house.call("small", f"{FOR_EVER} {number}") as client:
            client.first()
    with ExitStack() as stack:
        for model, said, key in (
            ("gpt-5.2", FOR_EVER, NIGHTLY_KEY),
            ("claude-sonnet-5", FOR_EVER, NIGHTLY_KEY),
            ("small", FOR_EVER, None),
            ("gpt-5.2", FOR_EVER, None),
            ("claude-sonnet-5", SILENT, None),
        ):
            chosen = {} if key is None else {"key": key}
            stack.enter_context(house.call(model, said, **chosen))
        yield


@contextmanager
def place() -> Iterator[Path]:
    """Give a folder of a name that may stand in a picture."""
    here = Path(tempfile.gettempdir()) / "gateway"
    here.mkdir()
    try:
        yield here
    finally:
        shutil.rmtree(here)


def take(browser: Browser, house: Premises, folder: Path) -> Iterator[Path]:
    """Take all pictures; yield where each is."""
    with watched(browser, house.url) as (page, _):
        sign_in(page)
        state = page.context.storage_state()
    for name, show in SCENES.items():
        for size, pixels in SIZES.items():
            with watched(browser, house.url, state, pixels) as (page, watch):
                show(page, house)
                for scheme in SCHEMES:
                    page.emulate_media(color_scheme=scheme)
                    path = folder / f"{name}-{size}-{scheme}.png"
                    keep(page, path)
                    yield path
                assert watch.problems() == []


def main(folder: Path) -> None:
    """Take them, and see that they stay small."""
    chromium = shutil.which("chromium")
    if chromium is None:
        sys.exit("chromium is not installed")
    folder.mkdir(parents=True, exist_ok=True)
    whole = 0
    with (
        place() as here,
        premises(here, CONFIG) as house,
        sync_playwright() as playwright,
        running(house),
    ):
        browser = playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-lcd-text"]
        )
        for path in take(browser, house, folder):
            size = path.stat().st_size
            whole += size
            sys.stdout.write(f"{size:>8,} {path}\n")
            if size > MOST_BYTES:
                sys.exit(f"{path} is larger than {MOST_BYTES:,} bytes")
        browser.close()
    wait_until(lambda: house.upstream.open == 0, "the provider is still asked")
    if whole > MOST_IN_ALL:
        sys.exit(f"all together they are {whole:,} bytes, and {MOST_IN_ALL:,} are the most")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
