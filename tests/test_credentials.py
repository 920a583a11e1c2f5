"""Credentials that end, in the real process: fetched once, shown, fetched anew, never told."""

import json
from pathlib import Path
from urllib.parse import parse_qs

import httpx2
import trio

from tests.process import Gateway, gateway
from tests.scripted import Link, listen
from tests.token_place import given
from tests.told import COMPLETION, Told, in_one_piece

SECRET = "app-secret-0123456789"
WISH = {"model": "m", "messages": [{"role": "user", "content": "Hi"}]}
REFUSED = in_one_piece(401, {"error": "invalid_client", "error_description": f"Bad: {SECRET}"})


def token(name: str, lasts: int = 3600) -> bytes:
    return in_one_piece(200, json.loads(given(name, expires_in=lasts)))


def config(azure: int, directory: int) -> str:
    return f"""
[providers.azure]
base_url = "http://127.0.0.1:{azure}"
tenant = "tenant-1"
client_id = "app-1"
client_secret = "{SECRET}"
authority = "http://127.0.0.1:{directory}"
models = ["m"]
"""


async def ask(real: Gateway) -> httpx2.Response:
    async with httpx2.AsyncClient(timeout=10) as client:
        return await client.post(f"{real.api}/chat/completions", json=WISH)


async def answered(real: Gateway, status: int) -> httpx2.Response:
    """Ask until an answer has this status."""
    with trio.fail_after(10):
        while (answer := await ask(real)).status_code != status:
            await trio.sleep(0.02)
        return answer


async def test_a_token_is_fetched_before_the_first_call_and_shown_with_each(
    tmp_path: Path, nursery: trio.Nursery
) -> None:
    directory, azure = Told(token("token-0123456789")), Told(COMPLETION)
    ports = [(await listen(nursery, each)).port for each in (azure, directory)]
    with gateway(tmp_path, config(*ports)) as real:
        with trio.fail_after(5):
            while not directory.asked:
                await trio.sleep(0.01)
        for _ in range(3):
            assert (await ask(real)).status_code == 200
        (asked,) = directory.asked
        assert asked.line == b"POST /tenant-1/oauth2/v2.0/token HTTP/1.1"
        assert parse_qs(asked.body.decode())["client_id"] == ["app-1"]
        assert azure.shown(b"authorization") == [b"Bearer token-0123456789"] * 3
        assert azure.shown(b"api-key") == []
        assert SECRET not in real.log.read_text()
        assert "token-0123456789" not in real.log.read_text()
    nursery.cancel_scope.cancel()


async def test_u39_where_there_is_no_token_the_reason_is_told_and_no_secret(
    tmp_path: Path, nursery: trio.Nursery
) -> None:
    """U39: and once the directory gives one, the next call is answered."""
    directory, azure = Told(REFUSED, REFUSED, token("token-0123456789")), Told(COMPLETION)
    ports = [(await listen(nursery, each)).port for each in (azure, directory)]
    with gateway(tmp_path, config(*ports)) as real:
        error = (await answered(real, 502)).json()["error"]
        assert error["code"] == "upstream_credentials_missing"
        assert "answered 401 (invalid_client)" in error["message"]
        assert (await answered(real, 200)).json()["choices"]
        assert SECRET not in real.log.read_text() + json.dumps(error)
    nursery.cancel_scope.cancel()


async def test_who_leaves_while_there_is_no_token_leaves_nothing_behind(
    tmp_path: Path, nursery: trio.Nursery
) -> None:
    """And the fetch, which is nobody's own, goes on for whoever comes next."""
    given_at_last = trio.Event()

    async def directory(link: Link) -> None:
        await link.request()
        await given_at_last.wait()
        await link.send(token("token-0123456789"))

    azure = Told(COMPLETION)
    ports = [(await listen(nursery, each)).port for each in (azure, directory)]
    with gateway(tmp_path, config(*ports)) as real:
        with trio.move_on_after(0.3) as left:
            await ask(real)
        assert left.cancelled_caught
        (line,) = await real.wait_for_lines(1)
        assert (line["outcome"], azure.asked) == ("client_gone", [])
        given_at_last.set()
        assert (await ask(real)).status_code == 200
    nursery.cancel_scope.cancel()


async def test_a_token_that_the_provider_refuses_is_masked_in_what_it_says(
    tmp_path: Path, nursery: trio.Nursery
) -> None:
    """R11."""
    said = {"error": {"message": "Not for token-0123456789.", "code": "odd"}}
    directory, azure = Told(token("token-0123456789")), Told(in_one_piece(422, said))
    ports = [(await listen(nursery, each)).port for each in (azure, directory)]
    with gateway(tmp_path, config(*ports)) as real:
        assert (await answered(real, 422)).json()["error"]["message"] == "Not for ***."
    nursery.cancel_scope.cancel()
