"""How every page looks: on a desk and on a phone, by day and by night, to eyes and to axe-core."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.browser.premises import Client, Premises

Visit = Callable[..., Any]

PAGES = (
    "/live", "/calls?limit=12", "/models", "/models?model=gpt-5.2", "/spend", "/spend?by=user",
    "/keys", "/playground", "/health", "/mine", "/nothing",
)  # fmt: skip


@pytest.fixture(scope="module")
def busy(house: Premises) -> Iterator[Client]:
    """There is a call to be seen."""
    with house.call(said="see me") as client:
        client.first()
        yield client


def judge(page: Any) -> None:
    """Look at a page at both sizes and in both schemes."""
    from tests.browser.watching import NARROW, SCHEMES, WIDE, too_wide, violations

    for size in (WIDE, NARROW):
        page.set_viewport_size(size)
        assert too_wide(page) <= 0, size
        for scheme in SCHEMES:
            page.emulate_media(color_scheme=scheme)
            found = violations(page, of_colour=scheme == "dark")
            assert found == [], (size, scheme)


@pytest.mark.parametrize("path", PAGES)
def test_a_page_fits_and_can_be_read_by_everybody(visit: Visit, busy: Client, path: str) -> None:
    page = visit("admin", expects="status of 404")
    page.goto(path)
    if path == "/live":
        page.locator(f'tr[data-call="{busy.request_id}"]').wait_for()
    judge(page)


def test_so_does_the_story_of_a_call(visit: Visit) -> None:
    page = visit("admin")
    page.goto("/calls?outcome=completed")
    page.locator("table.calls").get_by_role("link").first.click()
    page.locator("#story").wait_for()
    judge(page)


def test_so_does_the_sign_in(visit: Visit) -> None:
    page = visit()
    page.goto("/sign-in")
    judge(page)


def test_so_do_the_form_of_a_key_and_its_secret(visit: Visit) -> None:
    page = visit("admin")
    page.goto("/keys")
    page.locator("#new-key").click()
    page.locator("#add-budget").click()
    judge(page)
    page.locator("[data-remove]").click()
    page.locator("#key-form").get_by_label("Name").fill("to-look-at")
    page.locator("#key-save").click()
    page.locator("#secret").wait_for()
    judge(page)


def test_so_does_a_conversation(visit: Visit) -> None:
    page = visit("admin")
    page.goto("/playground")
    page.get_by_role("button", name="Side by side").click()
    page.get_by_label("Model of one").fill("small")
    page.get_by_label("Model of two").fill("gpt-5.2")
    page.get_by_label("Message").fill("Hello")
    page.get_by_role("button", name="Send").click()
    for pane in ("a", "b"):
        page.locator(f"#pane-{pane} .state", has_text="Done").wait_for()
    judge(page)


@pytest.mark.parametrize("path", ["/live", "/keys", "/playground"])
def test_every_page_can_be_gone_through_by_the_keyboard(visit: Visit, path: str) -> None:
    """The first stop leads past the pages' names, and what has the focus shows it."""
    page = visit("admin")
    page.goto(path)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    page.keyboard.press("Tab")
    shown = "getComputedStyle(document.activeElement).outlineStyle"
    assert page.evaluate(shown) != "none"


def test_what_is_looked_for_would_be_seen(browser: Any, house: Premises) -> None:
    """A page that does all that is wrong: this file can fail."""
    from tests.browser.watching import too_wide, violations, watched

    with watched(browser, house.url) as (page, watch):
        page.goto("/sign-in")
        assert (too_wide(page), violations(page), watch.problems()) == (0, [], [])
        page.evaluate(
            """async () => {
              console.error("an error of ours");
              setTimeout(() => { throw new Error("nobody has caught this"); });
              document.body.style.width = "2000px";
              const script = document.createElement("script");
              script.textContent = "window.harmed = 1";
              document.body.append(script);
              const image = document.createElement("img");
              image.src = "http://127.0.0.2:9/elsewhere.png";
              document.body.append(image);
              await new Promise((done) => setTimeout(done, 20));
            }"""
        )
        for sign in (
            *("an error of ours", "nobody has caught this"),
            *("script-src", "img-src", "a request to http://127.0.0.2"),
        ):
            assert sign in "\n".join(watch.problems())
        assert page.evaluate("window.harmed") is None
        assert too_wide(page) > 0
        assert any(said.startswith("image-alt: ") for said in violations(page))
