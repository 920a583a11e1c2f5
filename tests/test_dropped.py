"""`on_unsupported`: a field that a provider cannot be told refuses a call, or is let go by name."""

from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
import trio

from tests.process import Gateway, free_port, gateway
from tests.scripted import listen
from tests.told import Told

MESSAGE = {
    "id": "msg_01",
    "type": "message",
    "role": "assistant",
    "model": "claude",
    "content": [{"type": "text", "text": "Hello."}],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": {"input_tokens": 3, "output_tokens": 2},
}


@pytest.fixture(scope="module")
def upstream_port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory, upstream_port: int) -> Iterator[Gateway]:
    """One server process for all tests: each level says it once."""
    table = f"""
kind = "anthropic"
base_url = "http://127.0.0.1:{upstream_port}/v1"
"""
    config = f"""
[defaults]
retries = 0
on_unsupported = "drop"
[providers.lax]{table}
models = ["by-defaults", "strict"]
[providers.strict]{table}
on_unsupported = "refuse"
models = ["by-provider", "lax"]
[models]
strict = {{ on_unsupported = "refuse" }}
lax = {{ on_unsupported = "drop" }}
"""
    with gateway(tmp_path_factory.mktemp("dropped"), config) as running:
        yield running


async def ask(real: Gateway, model: str, **wish: Any) -> httpx2.Response:
    said = {"model": model, "messages": [{"role": "user", "content": "Hi"}], **wish}
    async with httpx2.AsyncClient(timeout=10) as client:
        return await client.post(f"{real.api}/chat/completions", json=said)


@pytest.mark.parametrize("model", ["by-defaults", "lax"])
async def test_what_is_let_go_is_named(
    model: str, real: Gateway, upstream_port: int, nursery: trio.Nursery
) -> None:
    up = Told(MESSAGE)
    await listen(nursery, up, port=upstream_port)
    answer = await ask(real, model, seed=7, logit_bias={"1": 2})
    assert answer.status_code == 200
    named = answer.headers["x-gateway-dropped"].replace(" ", "").split(",")
    assert set(named) == {"seed", "logit_bias"}
    assert {"seed", "logit_bias"}.isdisjoint(up.bodies[0])
    answer = await ask(real, model)
    assert "x-gateway-dropped" not in answer.headers
    nursery.cancel_scope.cancel()


@pytest.mark.parametrize("model", ["by-provider", "strict"])
async def test_what_is_not_let_go_refuses_the_call_by_its_name(
    model: str, real: Gateway, upstream_port: int, nursery: trio.Nursery
) -> None:
    up = Told(MESSAGE)
    await listen(nursery, up, port=upstream_port)
    answer = await ask(real, model, seed=7)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["param"]) == (
        *(400, "unsupported_parameter"),
        "seed",
    )
    assert (up.asked, "x-gateway-dropped" in answer.headers) == ([], False)
    nursery.cancel_scope.cancel()
