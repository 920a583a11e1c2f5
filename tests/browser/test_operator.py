"""What an operator does with the page, in a real browser against the real processes.

Everything that is cancelled or left is looked for at the provider's own socket.
"""

import re
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.browser.conftest import ELSEWHERE
from tests.browser.premises import ADMIN_KEY, HOSTILE_KEY, HOSTILE_MODEL, Client, Premises
from tests.browser.provider import HOSTILE, SLOW, Asked, wait_until
from tests.process import free_port, gateway

Visit = Callable[..., Any]

WHOLE = "and not before."
"""The end of what the provider says."""


def saying(text: str) -> Callable[[Asked], bool]:
    """Recognise a request by what the user said."""
    return lambda asked: asked.said == text


def is_left(house: Premises, said: str) -> None:
    """Wait until the provider has seen the connection of a request close."""
    asked = house.upstream.wait_for(saying(said))
    wait_until(lambda: asked.is_left, "the provider is still asked")


def test_the_key_signs_in_and_whoever_signs_out_is_out(visit: Visit) -> None:
    page = visit()
    page.goto("/spend")
    assert page.url.endswith("/sign-in")
    page.get_by_label("Admin key or one-time token").fill(ADMIN_KEY)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(re.compile(r"/live$"))
    (cookie,) = page.context.cookies()
    assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Strict")
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url(re.compile(r"/sign-in$"))
    page.goto("/keys")
    assert page.url.endswith("/sign-in")


def test_r22_over_plain_http_one_signs_in_and_out_too(house: Premises, browser: Any) -> None:
    """There a browser says nothing of whence a form comes but its `Origin`."""
    from tests.browser.watching import sign_in, watched

    with watched(browser, house.url.replace("127.0.0.1", ELSEWHERE)) as (page, _):
        sign_in(page)
        page.get_by_role("button", name="Sign out").click()
        page.wait_for_url(re.compile(r"/sign-in$"))


def test_a_wrong_key_is_told_so_and_opens_nothing(visit: Visit) -> None:
    page = visit(expects="status of 401")
    page.goto("/sign-in")
    page.get_by_label("Admin key or one-time token").fill("wrong")
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("alert").wait_for()
    assert page.context.cookies() == []
    assert page.get_by_label("Admin key or one-time token").evaluate("e => e.value") == ""


def test_s16_the_address_that_the_start_prints_opens_one_session(
    browser: Any, tmp_path: Path
) -> None:
    """S16. What stands behind its # is sent by the form, and to nobody in an address."""
    from tests.browser.watching import watched

    port = free_port()
    with gateway(tmp_path, "", "--admin-port", str(port)) as real:
        assert real.process.stdout is not None
        printed = ""
        while not printed.startswith("  admin "):
            printed = real.process.stdout.readline()
        url = printed.split()[1]
        with watched(browser, f"http://127.0.0.1:{port}") as (page, watch):
            page.goto(url)
            page.wait_for_url(re.compile(r"/live$"))
            page.get_by_role("heading", name="Live").wait_for()
            assert watch.problems() == []
        with watched(browser, f"http://127.0.0.1:{port}") as (page, _):
            page.goto(url)
            page.get_by_role("alert").wait_for()


def test_a_call_appears_in_live_and_is_gone_with_its_client_up_to_the_provider(
    visit: Visit, house: Premises
) -> None:
    page = visit("admin")
    page.clock.install()
    page.goto("/live")
    with house.call(said="watch me") as client:
        client.first()
        row = page.locator(f'tr[data-call="{client.request_id}"]')
        row.wait_for()
        assert row.locator('[data-f="name"]').inner_text() == SLOW
        row.locator('[data-f="phase"]', has_text="streaming").wait_for()
        row.locator('[data-f="tokens"]', has_text=re.compile(r"[1-9]")).wait_for()
        row.locator('[data-f="upstream"]', has_text="127.0.0.1").wait_for()
        assert not house.upstream.wait_for(saying("watch me")).is_left
        client.leave()
        is_left(house, "watch me")
        cut = page.locator(f'#cuts li[data-cut="{client.request_id}"]')
        cut.wait_for()
        assert "provider closed after" in cut.inner_text()
        page.clock.fast_forward(8_000)
        row.wait_for(state="detached")


def test_a_call_is_cancelled_in_live_and_client_and_provider_see_it(
    visit: Visit, house: Premises
) -> None:
    page = visit("admin")
    page.clock.install()
    page.goto("/live")
    with house.call(said="cancel me") as client:
        client.first()
        row = page.locator(f'tr[data-call="{client.request_id}"]')
        row.locator("[data-cancel]").click()
        is_left(house, "cancel me")
        assert b"[DONE]" not in client.rest()
        page.locator(f'#cuts li[data-cut="{client.request_id}"]', has_text="stopped").wait_for()
        page.clock.fast_forward(8_000)
        row.wait_for(state="detached")
        page.locator('#live[data-state="live"]').wait_for()
        assert page.evaluate("document.activeElement.id") == "filter", "no other call's button"
    page.goto("/health")
    actions = page.locator("section", has=page.locator("#actions"))
    assert client.request_id in actions.inner_text()


def test_calls_that_share_an_id_do_not_hold_up_the_page(visit: Visit) -> None:
    """Who calls chooses the id: thousands with the same one are shown as fast as any others."""
    page = visit("admin")
    call = {"id": "same", "model": "m", "age": 1, "phase": "waiting", "attempts": []}
    open_ones = [{"peer": f"10.0.0.7:{port}", "age": 1, "call": call} for port in range(6_000)]
    worker = {"pid": 7, "worker": 1, "uptime": 9, "gauges": {"open_calls": 6_000}}
    told = {"workers": [{**worker, "connections": open_ones}]}
    page.route("**/api/tree*", lambda route: route.fulfill(json=told))
    page.goto("/live")
    page.locator("#filter").fill("same")
    page.locator("[data-more]", has_text="200 of 6,000").wait_for()
    took = "performance.getEntriesByName('live update')[0]?.duration"
    wait_until(lambda: page.evaluate(took) is not None, "it looks no more")
    assert page.evaluate(took) < 1_000, "milliseconds in which the page does nothing else"


def test_a_page_whose_admin_hangs_does_not_look_alive(visit: Visit) -> None:
    page = visit("admin")
    page.add_init_script("""
      const timeout = AbortSignal.timeout.bind(AbortSignal);
      AbortSignal.timeout = () => timeout(1500);
    """)
    page.goto("/live")
    page.locator('#live[data-state="live"]').wait_for()
    page.route("**/api/tree*", lambda _: None)
    page.locator("#away", has_text="does not answer").wait_for()
    assert page.locator("#live").get_attribute("data-state") == "away"


def test_a_receipt_is_found_by_its_request_id_and_tells_its_story(
    visit: Visit, house: Premises
) -> None:
    with house.call("gpt-5.2", "find me") as client:
        assert b"[DONE]" in client.rest()
    page = visit("admin")
    page.goto("/calls")
    found = page.get_by_role("row").filter(has_text="gpt-5.2")

    def search() -> bool:
        """Its row is in the database a moment after its end."""
        page.get_by_label("Request id").fill(client.request_id)
        page.get_by_role("button", name="Search").click()
        page.wait_for_load_state()
        count: int = page.locator("table.calls tbody tr").count()
        return count == 1

    wait_until(search, "the call is not found")
    assert "completed" in found.inner_text()
    found.get_by_role("link").click()
    page.wait_for_url(re.compile(r"/calls/"))
    assert client.request_id in page.get_by_role("heading", level=1).inner_text()
    story = page.locator("section", has=page.locator("#story")).inner_text()
    assert "cloud/gpt-5.2" in story
    assert page.get_by_role("img", name="Attempts along the time of the call").is_visible()
    assert "find me" not in page.content()


def test_the_playground_streams_and_its_stop_reaches_the_provider(
    visit: Visit, house: Premises
) -> None:
    page = visit("admin")
    page.goto("/playground")
    page.get_by_label("Model of one").fill("gpt-5.2")
    page.get_by_label("Message").fill("once more")
    page.get_by_role("button", name="Send").click()
    page.locator("#pane-a .turn.assistant", has_text=WHOLE).wait_for()
    page.locator("#pane-a .state", has_text="Done").wait_for()
    page.get_by_label("Model of one").fill(SLOW)
    page.get_by_label("Message").fill("stop me")
    page.get_by_role("button", name="Send").click()
    page.locator("#pane-a .turn.assistant", has_text="word word word").wait_for()
    assert not house.upstream.wait_for(saying("stop me")).is_left
    page.locator("#stop").click()
    is_left(house, "stop me")
    page.locator("#pane-a .state", has_text="Stopped").wait_for()


def test_two_models_are_asked_side_by_side(visit: Visit, house: Premises) -> None:
    page = visit("admin")
    page.goto("/playground")
    page.get_by_role("button", name="Side by side").click()
    page.get_by_label("Model of one").fill("small")
    page.get_by_label("Model of two").fill("claude-sonnet-5")
    page.get_by_label("Message").fill("both")
    page.get_by_role("button", name="Send").click()
    for pane in ("a", "b"):
        page.locator(f"#pane-{pane} .turn.assistant", has_text=WHOLE).wait_for()
    asked = {each.model for each in house.upstream.asked if each.said == "both"}
    assert asked == {"small", "claude-sonnet-5"}


def test_a_key_is_made_opens_the_gateway_and_is_revoked(visit: Visit, house: Premises) -> None:
    page = visit("admin")
    page.goto("/keys")
    page.locator("#new-key").click()
    page.locator("#key-form").get_by_label("Name").fill("from-the-browser")
    page.locator("#key-save").click()
    secret = page.locator("#secret")
    secret.wait_for()
    value = secret.input_value()
    assert value.startswith("ngw-")
    page.locator("#secret-done").click()
    row = page.locator('#keys tr[data-key="from-the-browser"]')
    row.wait_for()
    page.wait_for_load_state()
    assert value not in page.content()
    wait_until(lambda: status_of(house, value) == 200, "the key opens nothing")
    row.locator("[data-revoke]").click()
    page.locator("#confirm-yes").click()
    row.wait_for(state="detached")
    wait_until(lambda: status_of(house, value) == 401, "the key still opens")


def test_s17_what_a_form_half_says_makes_no_key_and_a_secret_is_not_gone_back_to(
    visit: Visit,
) -> None:
    """S17. A limit that is no number would be none, and a page that was left shows no secret."""
    page = visit("admin")
    page.goto("/keys")
    page.locator("#new-key").click()
    form = page.locator("#key-form")
    form.get_by_label("Name").fill("half-said")
    form.get_by_label("Requests a minute").press_sequentially("12e")
    page.locator("#key-save").click()
    assert form.is_visible()
    form.get_by_label("Requests a minute").fill("12")
    form.locator("summary").click()
    form.get_by_label("Notes").fill("ticket")
    page.locator("#key-save").click()
    page.locator("#key-mistake", has_text="has no = in it").wait_for()
    form.get_by_label("Notes").fill("ticket=17")
    page.locator("#key-save").click()
    page.locator("#secret").wait_for()
    value = page.locator("#secret").input_value()
    page.keyboard.press("Escape")
    assert page.locator("#secret").input_value() == value
    page.goto("/mine")
    page.go_back()
    row = page.locator('#keys tr[data-key="half-said"]')
    row.get_by_text("12 requests a minute").wait_for()
    assert page.locator("#secret").input_value() == ""
    row.locator("[data-change]").click()
    form.get_by_label("At once").fill("3")
    page.locator("#key-save").click()
    row.get_by_text("12 requests a minute, 3 at once").wait_for()


def status_of(house: Premises, key: str) -> int:
    """Ask once with a key."""
    with suppress(KeyError), Client(house.real.port, "small", "Hello", key) as client:
        return client.status
    return 0


def test_g5_a_change_of_the_file_is_taken_and_a_mistake_is_told(
    visit: Visit, house: Premises
) -> None:
    """G5. The button is for whoever does not want to wait a second or two."""
    file = house.real.log.parent / "gateway.toml"
    before = file.read_text()
    page = visit("admin", expects="409")
    page.goto("/health")
    try:
        file.write_text(before + '\n[models.from-a-reload]\ntargets = ["nowhere-to-be-found"]\n')
        page.get_by_role("button", name="Reload now").click()
        page.locator(".toast", has_text="The old configuration goes on").wait_for()
        file.write_text(before + f'\n[models.from-a-reload]\ntargets = ["{SLOW}"]\n')
        page.get_by_role("button", name="Reload now").click()
        page.locator("summary", has_text="models.from-a-reload").wait_for(state="attached")
    finally:
        file.write_text(before)
        page.get_by_role("button", name="Reload now").click()
        gone = page.locator("summary", has_text="models.from-a-reload")
        gone.wait_for(state="detached")


def test_the_plots_of_spend_show_what_the_tables_say(visit: Visit) -> None:
    page = visit("admin")
    page.goto("/spend?by=model")
    columns = page.get_by_role("img", name="Spent each day, in US dollars")
    assert columns.is_visible()
    assert columns.locator("rect.bar").count() >= 28
    table = page.get_by_role("region", name="By model")
    dearest = table.get_by_role("row").nth(1).inner_text()
    assert "claude-sonnet-5" in dearest
    bars = page.get_by_role("img", name="Spent by model, the dearest first, in US dollars")
    assert dearest.split()[1] in bars.text_content()
    with page.expect_download() as download:
        page.get_by_role("link", name="As CSV", exact=True).click()
    assert "claude-sonnet-5" in Path(download.value.path()).read_text()


def test_a_viewer_sees_everything_and_no_button_that_changes_anything(
    visit: Visit, house: Premises
) -> None:
    page = visit("viewer", expects="status of 403")
    with house.call(said="look only") as client:
        client.first()
        page.goto("/live")
        page.locator(f'tr[data-call="{client.request_id}"]').wait_for()
        assert page.locator("[data-cancel]").count() == 0
    page.goto("/keys")
    page.locator('#keys tr[data-key="assistant"]').wait_for()
    for selector in ("#new-key", "[data-change]", "[data-rotate]", "[data-revoke]", "#key-dialog"):
        assert page.locator(selector).count() == 0, selector
    assert page.get_by_role("link", name="Playground").count() == 0
    for path in ("/calls", "/models", "/spend", "/health"):
        page.goto(path)
        buttons = page.locator("main").get_by_role("button").all_inner_texts()
        assert set(buttons) <= {"Search", "Show", "Draw", "Find", "Copy id"}, path
    refused = page.evaluate(
        """async () => (await fetch("/api/cancel", {
          method: "POST", body: '{"id": "x"}',
          headers: { "content-type": "application/json",
                     "x-csrf-token": document.querySelector('meta[name="csrf"]').content },
        })).status"""
    )
    assert refused == 403


def test_r20_s20_scripts_in_names_prompts_and_answers_are_text(
    visit: Visit, house: Premises
) -> None:
    """R20, S20. `visit` looks whether any of it has run."""
    page = visit("admin")
    with house.call(HOSTILE_MODEL, HOSTILE) as client:
        assert b"harmed" in client.rest()
    with house.call(said=HOSTILE, model=SLOW) as client:
        client.first()
        for path in ("/live", "/calls", "/models", "/spend?by=model", "/keys", "/mine"):
            page.goto(path)
            page.wait_for_load_state()
            assert page.locator("main script, main img[src=x], main b[onmouseover]").count() == 0
    page.goto("/keys")
    assert HOSTILE_KEY in page.locator("#keys").inner_text()
    page.goto("/playground")
    page.get_by_label("Model of one").fill(HOSTILE_MODEL)
    page.get_by_label("Message").fill(HOSTILE)
    page.get_by_role("button", name="Send").click()
    page.locator("#pane-a .turn.assistant", has_text=HOSTILE).wait_for()
    assert HOSTILE in page.locator("#pane-a .turn.user").inner_text()
    assert page.locator(".said script, .said img").count() == 0


@pytest.mark.parametrize("path", ["/nothing", "/calls/none"])
def test_what_is_not_there_is_a_page_that_says_so(visit: Visit, path: str) -> None:
    page = visit("admin", expects="status of 404")
    page.goto(path)
    assert page.get_by_role("heading", level=1).is_visible()
