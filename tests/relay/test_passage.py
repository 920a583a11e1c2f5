"""Where a request goes that passes through, and where none does. In virtual time."""

import json

import pytest
import trio
from trio.testing import MockClock

from gateway.policy.keys import Keyring, Team
from gateway.words.caller import Limits
from gateway.words.receipt import Outcome
from tests.passages import ADA, BEN, FILE, PEPPER, ask, key, last, record, refusal, told
from tests.stage import KEY, Stage, get

pytest_plugins = ("tests.onstage", "tests.served")


async def test_an_area_that_is_not_set_says_which_setting_is_missing(
    stage: Stage, autojump_clock: MockClock
) -> None:
    reply = await stage.ask(get("/v1/vector_stores/vs_1/files")).reply()
    assert refusal(reply) == (404, "unknown_url")
    assert "`vector_stores` is not set in [passthrough]" in reply.error["message"]


HOSTILE = {
    "dots": "/v1/files/../models",
    "encoded dots": "/v1/files/%2e%2e/models",
    "dots encoded twice": "/v1/files/%252e%252e/models",
    "a slash": "/v1/files/a%2fb",
    "a slash encoded twice": "/v1/files/a%252fb",
    "an encoded backslash": "/v1/files/..%5cb",
    "nul": "/v1/files/a%00b",
    "a line": "/v1/files/a%0d%0ab",
    "a line encoded twice": "/v1/files/a%250ab",
    "no utf-8": "/v1/files/%ff",
    "too long": f"/v1/files/{'a' * 257}",
    "too deep": "/v1/files" + "/a" * 20,
    "a bidi mark": "/v1/files/a%E2%80%AEb",
    "a query with a line": "/v1/files?after=a%0d%0ab",
    "a query without end": "/v1/files?" + "&".join(f"a{n}=1" for n in range(80)),
    "a query of no utf-8": "/v1/files?after=%ff",
    "absolute": "http://evil.test/v1/files",
    "a fragment": "/v1/files#a",
}


@pytest.mark.parametrize("path", HOSTILE.values(), ids=list(HOSTILE))
async def test_r1_s14_no_path_leads_elsewhere(
    keyless: Stage, path: str, autojump_clock: MockClock
) -> None:
    """R1, S14."""
    assert (await keyless.ask(get(path)).reply()).status == 400
    assert keyless.dialled == []
    await keyless.strike()


@pytest.mark.parametrize("path", ["//v1/files", "/v1//files", "/v1/files/", "/v1/files//content"])
async def test_r1_an_empty_segment_is_no_path(
    keyless: Stage, path: str, autojump_clock: MockClock
) -> None:
    """R1."""
    assert refusal(await keyless.ask(get(path)).reply()) == (404, "unknown_url")
    assert keyless.dialled == []


ODD = {
    "/v1/files/a%3Fb%23c?x=%26%3D%20+/..%2f&y": (b"/v1/files/a%3Fb%23c?x=%26%3D%20%20%2F..%2F&y="),
    "/v1/files/%C3%A9t%C3%A9%20%25": b"/v1/files/%C3%A9t%C3%A9%20%25",
    "/files/f-1/content": b"/v1/files/f-1/content",
    "/v1/files/v1": b"/v1/files/v1",
    "/v1/files/f?api_base=http://evil.test": b"/v1/files/f?api_base=http%3A%2F%2Fevil.test",
}


@pytest.mark.parametrize(("path", "wanted"), ODD.items(), ids=list(ODD))
async def test_r1_what_may_pass_is_encoded_anew_below_the_providers_own_path(
    keyless: Stage, path: str, wanted: bytes, autojump_clock: MockClock
) -> None:
    """R1."""
    up = keyless.provider(told({}))
    assert (await keyless.ask(get(path)).reply()).status == 200
    assert up.sent[0].split(b" ")[1] == wanted
    assert [origin.host for origin in keyless.dialled] == ["up.test"]


@pytest.mark.parametrize("method", ["PUT", "PATCH", "OPTIONS", "HEAD"])
async def test_other_methods_are_told_which_there_are(
    served: Stage, method: str, autojump_clock: MockClock
) -> None:
    reply = await served.ask(get("/v1/files", key(ADA), method=method)).reply()
    assert (reply.status, reply.get("allow")) == (405, "GET, POST, DELETE")


@pytest.mark.parametrize(("method", "sent"), [("POST", 0), ("DELETE", 1)])
async def test_what_may_have_made_something_is_not_sent_again(
    served: Stage, method: str, sent: int, autojump_clock: MockClock
) -> None:
    kept = served.provider(told(FILE, more=True))
    assert (await ask(served, ADA, "POST", "/v1/files", {})).status == 200
    kept.write_error = trio.BrokenResourceError()
    fresh = served.provider(told({}))
    body: object = {} if method == "POST" else None
    await ask(served, ADA, method, "/v1/files/file-ada1", body)
    assert len(fresh.sent) == sent


async def test_a_list_as_a_whole_is_not_deleted(served: Stage, autojump_clock: MockClock) -> None:
    reply = await ask(served, ADA, "DELETE", "/v1/files")
    assert (reply.status, reply.get("allow")) == (405, "GET, POST")
    assert served.dialled == []


async def test_limits_of_a_key_hold(served: Stage, autojump_clock: MockClock) -> None:
    limited = record("ada", ADA, limits=Limits(requests_per_minute=1))
    served.keyring = Keyring([limited], {}, {}, PEPPER)
    served.provider(told({"object": "list", "data": []}))
    first = await ask(served, ADA, "GET", "/v1/files")
    assert first.get("x-ratelimit-remaining-requests") == "0"
    second = await ask(served, ADA, "GET", "/v1/files")
    assert refusal(second) == (429, "rate_limit_exceeded")
    await served.strike()


class TestOwnApi:
    """A provider's own API, with the gateway's key."""

    @pytest.fixture
    def opened(self, served: Stage) -> Stage:
        keys = [record("ada", ADA, passthrough=("up",)), record("ben", BEN)]
        served.keyring = Keyring(keys, {}, {}, PEPPER)
        return served

    async def test_it_is_shut_but_for_keys_with_the_right(
        self, opened: Stage, autojump_clock: MockClock
    ) -> None:
        for secret, path in ((BEN, "/passthrough/up/x"), (ADA, "/passthrough/other/x")):
            assert refusal(await ask(opened, secret, "GET", path)) == (404, "unknown_url")
        assert opened.dialled == []

    async def test_it_is_never_open_without_keys(
        self, keyless: Stage, autojump_clock: MockClock
    ) -> None:
        reply = await keyless.ask(get("/passthrough/up/x")).reply()
        assert refusal(reply) == (404, "unknown_url")

    @pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
    async def test_a_request_passes_as_it_is_below_the_providers_path(
        self, opened: Stage, method: str, autojump_clock: MockClock
    ) -> None:
        up = opened.provider(told({"any": "thing"}, 201))
        path = "/passthrough/up/models/a%2Fb:run?alt=sse&api-version=evil"
        fields = (key(ADA), "Anthropic-Beta: x", "X-Goog-Api-Key: y", "Content-Length: 0")
        reply = await opened.ask(get(path, *fields, method=method)).reply()
        assert (reply.status, json.loads(reply.body)) == (201, {"any": "thing"})
        (sent,) = up.sent
        assert sent.startswith(f"{method} /v1/models/a%2Fb:run?alt=sse&api-version=1 HTTP".encode())
        assert b"anthropic-beta: x\r\n" in sent
        assert b"x-goog" not in sent.lower()
        assert b"Bearer " + KEY.encode() in sent
        assert ADA.encode() not in sent
        await opened.strike()

    @pytest.mark.parametrize(
        "rest", ["..", "%2e%2e", "a%2f..%2fb", "a%2f%2fb", "%252e%252e", "a%0a"]
    )
    async def test_r1_s14_no_path_leads_out_of_it(
        self, opened: Stage, rest: str, autojump_clock: MockClock
    ) -> None:
        """R1, S14."""
        path = f"/passthrough/up/{rest}/admin"
        assert (await ask(opened, ADA, "GET", path)).status == 400
        assert opened.dialled == []

    async def test_its_errors_keep_their_words_but_for_our_key(
        self, opened: Stage, autojump_clock: MockClock
    ) -> None:
        opened.provider(told({"own": f"shape {KEY}", "code": KEY}, 418))
        reply = await ask(opened, ADA, "GET", "/passthrough/up/teapot")
        assert (reply.status, json.loads(reply.body)) == (418, {"own": "shape ***", "code": "***"})
        receipt = await opened.receipt()
        assert receipt.outcome is Outcome.UPSTREAM_ERROR
        assert KEY not in f"{receipt.cause} {receipt.attempts}"
        assert receipt.attempts[0].outcome not in {"open", "completed"}

    @pytest.mark.parametrize("media", [b"application/json", b"text/event-stream"])
    async def test_usage_is_noted_where_it_is_told(
        self, opened: Stage, media: bytes, autojump_clock: MockClock
    ) -> None:
        usage = b'{"usage": {"prompt_tokens": 7, "completion_tokens": 3}}'
        body = b"data: {}\n\ndata: " + usage + b"\n\n" if b"event" in media else usage
        opened.provider(last(200, body, media=media))
        assert (await ask(opened, ADA, "POST", "/passthrough/up/chat", {})).body == body
        told_usage = (await opened.receipt()).usage
        assert told_usage is not None
        assert (told_usage.input_tokens, told_usage.output_tokens) == (7, 3)

    async def test_the_right_of_a_team_is_its_keys_too(
        self, served: Stage, autojump_clock: MockClock
    ) -> None:
        teams = {"t": Team(passthrough=("up",))}
        served.keyring = Keyring([record("ada", ADA, team="t")], teams, {}, PEPPER)
        served.provider(told({}))
        assert (await ask(served, ADA, "GET", "/passthrough/up/x")).status == 200
