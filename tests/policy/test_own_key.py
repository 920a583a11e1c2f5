"""A caller's own key with a provider: where it is found, what is never taken for one."""

import pytest

from gateway.policy.own_key import LONGEST_BYTES, OwnKey, needed, own_key
from gateway.providers import anthropic, azure, openai
from gateway.words.client import Header
from gateway.words.errors import OwnKeyMissing, Unauthorized
from gateway.words.secret import Secret

KEY = "sk-proj-callers-own"
SUBSCRIPTION = "sk-ant-oat01-callers-own"
JWT = "eyJhbGciOiJ9.eyJpc3MiOiJ9.c2lnbmVk"


def opens(shown: bytes) -> bool:
    return shown == b"opens-the-gateway"


def shown(headers: dict[bytes, bytes], *, keys: bool = False) -> tuple[str, bool] | None:
    found = own_key(headers, opens if keys else None)
    return None if found is None else (found.secret.reveal(), found.bearer)


@pytest.mark.parametrize(
    ("field", "value", "bearer"),
    [
        (b"authorization", b"Bearer " + KEY.encode(), True),
        (b"authorization", b"bearer   " + KEY.encode() + b" ", True),
        (b"x-api-key", KEY.encode(), False),
        (b"api-key", b" " + KEY.encode(), False),
        (b"x-goog-api-key", KEY.encode(), False),
    ],
)
def test_where_it_is_shown(field: bytes, value: bytes, bearer: bool) -> None:
    assert shown({field: value}) == (KEY, bearer)


def test_a_field_of_keys_comes_before_a_placeholder_in_authorization() -> None:
    headers = {b"authorization": b"Bearer unused", b"x-api-key": KEY.encode()}
    assert shown(headers) == (KEY, False)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {b"authorization": b"Basic dXNlcjpwYXNz"},
        {b"authorization": b"Bearer"},
        {b"x-api-key": b""},
        {b"x-api-key": b"two words"},
        {b"x-api-key": b"str\xc3\xa4nge"},
        {b"x-api-key": b"x" * (LONGEST_BYTES + 1)},
        {b"authorization": b"Bearer ngw-a-virtual-key"},
        {b"x-api-key": b"ngw-a-virtual-key", b"authorization": b"Bearer " + KEY.encode()},
    ],
)
def test_what_is_none(headers: dict[bytes, bytes]) -> None:
    assert shown(headers) is None


def test_where_keys_are_needed_it_stands_beside_the_gateways() -> None:
    authorization = {b"authorization": b"Bearer " + KEY.encode()}
    assert shown(authorization, keys=True) is None
    assert shown(authorization | {b"x-gateway-key": b"ngw-x"}, keys=True) == (KEY, True)


@pytest.mark.parametrize("ours", [b"opens-the-gateway", b"another"])
def test_what_opens_the_gateway_is_never_sent_on(ours: bytes) -> None:
    headers = {b"authorization": b"Bearer opens-the-gateway", b"x-gateway-key": ours}
    assert shown(headers, keys=True) is None


def test_what_is_shown_as_the_gateways_key_is_not_sent_on_by_a_gateway_without_keys() -> None:
    assert shown({b"x-api-key": KEY.encode(), b"x-gateway-key": b" %b " % KEY.encode()}) is None


BEARER: tuple[Header, ...] = ((b"authorization", b"Bearer " + KEY.encode()),)
VERSION: Header = (b"anthropic-version", b"2023-06-01")


@pytest.mark.parametrize("bearer", [True, False])
def test_a_key_is_shown_as_its_provider_wants_it(bearer: bool) -> None:
    key = OwnKey(Secret(KEY), bearer)
    assert key.headers(openai.credentials, native=False) == BEARER
    assert key.headers(azure.credentials, native=False) == ((b"api-key", KEY.encode()),)
    assert key.headers(anthropic.credentials, native=False) == (
        (b"x-api-key", KEY.encode()),
        VERSION,
    )


@pytest.mark.parametrize("token", [SUBSCRIPTION, "ya29.a0Af", JWT])
def test_a_token_is_shown_behind_bearer_by_its_looks(token: str) -> None:
    bearer = (b"authorization", b"Bearer " + token.encode())
    key = OwnKey(Secret(token), bearer=True)
    assert key.headers(anthropic.credentials, native=False) == (VERSION, bearer)
    assert key.headers(azure.credentials, native=False) == (bearer,)


def test_a_client_of_the_providers_own_form_knows_how_it_is_shown() -> None:
    assert OwnKey(Secret(KEY), bearer=True).headers(anthropic.credentials, native=True) == (
        VERSION,
        *BEARER,
    )
    assert OwnKey(Secret(KEY), bearer=False).headers(anthropic.credentials, native=True) == (
        (b"x-api-key", KEY.encode()),
        VERSION,
    )


def test_without_one_it_is_said_where_it_belongs() -> None:
    key = OwnKey(Secret(KEY), bearer=True)
    assert needed(key) is key
    assert KEY not in repr(key)
    with pytest.raises(OwnKeyMissing, match="x-gateway-key") as caught:
        needed(None)
    assert isinstance(caught.value, Unauthorized)
    assert (caught.value.status, caught.value.code) == (401, "provider_key_missing")
