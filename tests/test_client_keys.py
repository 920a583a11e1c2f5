"""`api_key = "client"`: the caller's own key passes to the provider that its model names, alone."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import httpx2
import pytest
import trio

from gateway.policy.keys import digest_of
from tests.process import Gateway, free_port, gateway
from tests.scripted import listen
from tests.told import COMPLETION, Told, in_one_piece

OURS = "ngw-" + "k" * 43
OWN = "sk-proj-callers-own-0123456789"
SUBSCRIPTION = "sk-ant-oat01-callers-own-0123456789"
OPERATORS = "sk-operators-0123456789"
PEPPER = "a-pepper-of-a-test"
BEARER = {"authorization": f"Bearer {OWN}"}
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
Ports = Mapping[str, int]


def config(ports: Ports, *, keys: bool) -> str:
    text = f"""
[providers.own]
kind = "openai"
base_url = "http://127.0.0.1:{ports["own"]}/v1"
api_key = "client"
models = ["m", "n"]

[providers.azure]
base_url = "http://127.0.0.1:{ports["own"]}"
api_key = "client"
models = ["deployed"]

[providers.claude]
kind = "anthropic"
base_url = "http://127.0.0.1:{ports["claude"]}/v1"
api_key = "client"
models = ["claude"]

[providers.operators]
kind = "openai"
base_url = "http://127.0.0.1:{ports["operators"]}/v1"
api_key = "{OPERATORS}"
models = ["o", "n"]

[defaults]
retries = 2
coalesce = true
cache = {{ ttl = 60.0 }}
"""
    if not keys:
        return text
    digest = digest_of(OURS.encode(), PEPPER.encode())
    return text + f'[auth]\npepper = "{PEPPER}"\n[[keys]]\nname = "k"\nhash = "{digest}"\n'


@pytest.fixture(scope="module")
def ports() -> Ports:
    return {name: free_port() for name in ("own", "claude", "operators")}


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory, ports: Ports) -> Iterator[Gateway]:
    """A gateway with keys."""
    with gateway(tmp_path_factory.mktemp("locked"), config(ports, keys=True)) as running:
        yield running


@pytest.fixture(scope="module")
def unlocked(tmp_path_factory: pytest.TempPathFactory, ports: Ports) -> Iterator[Gateway]:
    """A gateway without."""
    with gateway(tmp_path_factory.mktemp("open"), config(ports, keys=False)) as running:
        yield running


async def ask(
    real: Gateway, headers: Mapping[str, str], model: str = "m", text: str = "Hi"
) -> httpx2.Response:
    wish = {"model": model, "messages": [{"role": "user", "content": text}]}
    async with httpx2.AsyncClient(timeout=10) as client:
        return await client.post(f"{real.api}/chat/completions", json=wish, headers=headers)


def code_of(answer: httpx2.Response) -> object:
    return answer.json()["error"]["code"]


async def test_the_own_key_goes_on_and_ours_stays(
    locked: Gateway, ports: Ports, nursery: trio.Nursery
) -> None:
    own = Told(COMPLETION)
    await listen(nursery, own, port=ports["own"])
    answer = await ask(locked, BEARER | {"x-gateway-key": OURS})
    assert answer.status_code == 200
    assert own.shown(b"authorization") == [f"Bearer {OWN}".encode()]
    assert own.shown(b"x-gateway-key") == []
    assert OURS.encode() not in b"".join(each.head for each in own.asked)
    nursery.cancel_scope.cancel()


@pytest.mark.parametrize("field", ["x-api-key", "api-key", "x-goog-api-key"])
async def test_wherever_it_is_shown_the_provider_is_shown_it_as_it_wants(
    field: str, unlocked: Gateway, ports: Ports, nursery: trio.Nursery
) -> None:
    own = Told(COMPLETION)
    await listen(nursery, own, port=ports["own"])
    assert (await ask(unlocked, {field: OWN})).status_code == 200
    assert (await ask(unlocked, {field: OWN}, "deployed")).status_code == 200
    assert own.shown(b"authorization") == [f"Bearer {OWN}".encode()]
    assert own.shown(b"api-key") == [OWN.encode()]
    assert own.shown(field.encode()) == ([OWN.encode()] if field == "api-key" else [])
    nursery.cancel_scope.cancel()


async def test_a_client_of_openais_need_not_know_the_providers_own_field(
    unlocked: Gateway, ports: Ports, nursery: trio.Nursery
) -> None:
    """Whatever it asks for: only who speaks a provider's own form chooses how a key is shown."""
    own = Told({"object": "list", "data": [], "model": "m"})
    await listen(nursery, own, port=ports["own"])
    wish = {"model": "deployed", "input": "Hi"}
    async with httpx2.AsyncClient(timeout=10) as client:
        answer = await client.post(f"{unlocked.api}/embeddings", json=wish, headers=BEARER)
    assert answer.status_code == 200
    assert (own.shown(b"api-key"), own.shown(b"authorization")) == ([OWN.encode()], [])
    nursery.cancel_scope.cancel()


async def test_a_subscriptions_token_goes_on_as_such(
    locked: Gateway, ports: Ports, nursery: trio.Nursery
) -> None:
    claude = Told(MESSAGE)
    await listen(nursery, claude, port=ports["claude"])
    shown = {"authorization": f"Bearer {SUBSCRIPTION}", "x-gateway-key": OURS}
    assert (await ask(locked, shown, "claude")).status_code == 200
    assert claude.shown(b"authorization") == [f"Bearer {SUBSCRIPTION}".encode()]
    assert (claude.shown(b"x-api-key"), claude.shown(b"anthropic-version")) == (
        [],
        [b"2023-06-01"],
    )
    nursery.cancel_scope.cancel()


NONE_SHOWN = {
    "ours alone": {"authorization": f"Bearer {OURS}"},
    "ours as both": {"authorization": f"Bearer {OURS}", "x-gateway-key": OURS},
    "nothing beside ours": {"x-gateway-key": OURS},
}


@pytest.mark.parametrize("headers", NONE_SHOWN.values(), ids=list(NONE_SHOWN))
async def test_without_an_own_key_nobody_is_asked_and_it_is_said_where_it_belongs(
    headers: Mapping[str, str], locked: Gateway, ports: Ports, nursery: trio.Nursery
) -> None:
    own = Told(COMPLETION)
    await listen(nursery, own, port=ports["own"])
    answer = await ask(locked, headers)
    assert (answer.status_code, code_of(answer)) == (401, "provider_key_missing")
    assert "x-gateway-key" in answer.json()["error"]["message"]
    assert own.asked == []
    nursery.cancel_scope.cancel()


async def test_the_own_key_alone_opens_no_gateway_that_has_keys(locked: Gateway) -> None:
    answer = await ask(locked, BEARER)
    assert (answer.status_code, code_of(answer)) == (401, "invalid_api_key")


async def test_a_gateway_without_keys_passes_on_what_it_is_shown_but_for_keys_like_ours(
    unlocked: Gateway, ports: Ports, nursery: trio.Nursery
) -> None:
    own = Told(COMPLETION)
    await listen(nursery, own, port=ports["own"])
    assert (await ask(unlocked, BEARER)).status_code == 200
    for headers in ({}, {"authorization": f"Bearer {OURS}"}):
        answer = await ask(unlocked, headers)
        assert (answer.status_code, code_of(answer)) == (401, "provider_key_missing")
    assert len(own.asked) == 1
    nursery.cancel_scope.cancel()


async def test_s14_no_other_provider_is_shown_it(
    locked: Gateway, ports: Ports, nursery: trio.Nursery
) -> None:
    """S14: what a call goes on to, when the first home fails, is shown the operator's key."""
    own, operators = Told(in_one_piece(503, {})), Told(COMPLETION)
    await listen(nursery, own, port=ports["own"])
    await listen(nursery, operators, port=ports["operators"])
    for model in ("o", "n"):
        assert (await ask(locked, BEARER | {"x-gateway-key": OURS}, model)).status_code == 200
    assert set(operators.shown(b"authorization")) == {f"Bearer {OPERATORS}".encode()}
    assert OWN.encode() not in b"".join(each.head for each in operators.asked)
    nursery.cancel_scope.cancel()


@pytest.mark.parametrize("status", [401, 402, 403, 429])
async def test_what_is_said_of_the_own_key_is_told_as_it_was_said_and_rests_nobody(
    status: int, locked: Gateway, ports: Ports, nursery: trio.Nursery
) -> None:
    """R11: but for the key itself. Another caller with a better key is answered at once."""
    said = {"error": {"message": f"Your key {OWN} is odd.", "type": "odd_type", "code": "odd"}}
    own = Told(*[in_one_piece(status, said, "retry-after: 9")] * 4, COMPLETION)
    await listen(nursery, own, port=ports["own"])
    headers = BEARER | {"x-gateway-key": OURS}
    for number in range(1, 5):
        answer = await ask(locked, headers)
        assert (answer.status_code, len(own.asked)) == (status, number)
        assert answer.json()["error"] == {
            "message": "Your key *** is odd.",
            "type": "odd_type",
            "param": None,
            "code": "odd",
        }
    assert answer.headers.get("retry-after") == ("9" if status == 429 else None)
    assert (await ask(locked, headers)).status_code == 200
    nursery.cancel_scope.cancel()


async def test_s12_no_answer_is_shared_or_kept(
    locked: Gateway, ports: Ports, nursery: trio.Nursery
) -> None:
    """S12: although the operator has both, for calls that he pays for."""
    own, operators = Told(COMPLETION), Told(COMPLETION)
    await listen(nursery, own, port=ports["own"])
    await listen(nursery, operators, port=ports["operators"])
    for key in (OWN, OWN + "-another"):
        headers = {"authorization": f"Bearer {key}", "x-gateway-key": OURS}
        for model in ("m", "o"):
            assert (await ask(locked, headers, model, "Again")).status_code == 200
    assert (len(own.asked), len(operators.asked)) == (2, 1)
    nursery.cancel_scope.cancel()


def test_r11_neither_key_is_in_the_log(locked: Gateway, unlocked: Gateway) -> None:
    """R11: after all that was asked above."""
    log = locked.log.read_text() + unlocked.log.read_text()
    assert [line for line in locked.lines() if line["event"] == "request"]
    for secret in (OWN, SUBSCRIPTION, OURS, OPERATORS):
        assert secret not in log


MISTAKES = {
    'api_keys = ["client"]\nmodels = ["a"]': '"client" is no secret',
    'api_key = "client"\nmodels = "*"': "nobody's key is there to ask for the list",
    'headers = { x = "y" }\napi_key = { env = "CLIENT" }\nmodels = ["a"]': '"client" is no secret',
}


@pytest.mark.parametrize("text", MISTAKES)
def test_what_it_cannot_stand_beside_is_told(text: str, tmp_path: Path) -> None:
    table = f"[providers.openai]\n{text}\n"
    with (
        pytest.raises(AssertionError, match=MISTAKES[text]),
        gateway(tmp_path, table, environ={"CLIENT": "client"}),
    ):
        pass
