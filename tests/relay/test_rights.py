"""What a caller may have passed on: by its money, its models, and what the body is."""

import json
from dataclasses import replace

import pytest
from trio.testing import MockClock

from gateway.policy.areas import ROOTS, passage_of
from gateway.policy.keys import Keyring, Team
from gateway.relay.rights import body_of
from gateway.words.body import Body, LongBody
from gateway.words.budget import Budget
from gateway.words.caller import Caller
from gateway.words.errors import UnknownObject
from tests.passages import ADA, FILE, PEPPER, ask, key, record, refusal, told
from tests.stage import Stage, get, post

pytest_plugins = ("tests.onstage", "tests.served")

JOBS = passage_of("POST", ("fine_tuning", "jobs"), ROOTS[3])


async def test_a_model_that_is_not_the_callers_does_not_exist_here_either(
    served: Stage, autojump_clock: MockClock
) -> None:
    few = record("ada", ADA, models=("m",))
    served.keyring = Keyring([few], {}, {}, PEPPER)
    body = {"model": "gpt-5.2", "training_file": "file-x"}
    reply = await ask(served, ADA, "POST", "/v1/fine_tuning/jobs", body)
    assert refusal(reply) == (404, "model_not_found")
    form = b'--B\r\ncontent-disposition: form-data; name="model"\r\n\r\nsora\r\n--B--\r\n'
    fields = (key(ADA), "Content-Type: multipart/form-data; boundary=B")
    reply = await served.ask(post(form, *fields, path="/v1/videos")).reply()
    assert refusal(reply) == (404, "model_not_found")
    twice = post(b'{"model": "sora", "model": "m"}', key(ADA), path="/v1/fine_tuning/jobs")
    assert refusal(await served.ask(twice).reply()) == (404, "model_not_found")
    deep = {"session": {"type": "realtime", "model": "gpt-realtime"}}
    reply = await ask(served, ADA, "POST", "/v1/realtime/client_secrets", deep)
    assert refusal(reply) == (404, "model_not_found")
    served.provider(told({"id": "ftjob-1"}))
    body["model"] = "m"
    assert (await ask(served, ADA, "POST", "/v1/fine_tuning/jobs", body)).status == 200


async def test_where_a_budget_holds_nothing_works_that_has_no_price(
    served: Stage, autojump_clock: MockClock
) -> None:
    poor = record("ada", ADA, team="t", budgets=(Budget(5, "day"),))
    teams = {"t": Team()}
    served.keyring = Keyring([poor], teams, {}, PEPPER)
    refused = await ask(served, ADA, "POST", "/v1/batches", {"input_file_id": "file-x"})
    assert refusal(refused) == (429, "unpriced_model")
    served.provider(told(FILE))
    assert (await ask(served, ADA, "POST", "/v1/files", {})).status == 200
    free = Keyring([poor], {"t": Team(unpriced="free")}, {}, PEPPER)
    served.current.house = replace(served.current.house, keys=free)
    served.provider(told({"id": "batch_1"}))
    assert (await ask(served, ADA, "POST", "/v1/batches", {})).status == 200


@pytest.mark.parametrize(
    ("media", "status"),
    [
        *(("text/plain", 415), ("application/x-www-form-urlencoded", 415)),
        *(("multipart/form-data", 415), ('application/json; a=utf-8; Charset = "UTF-7"', 415)),
    ],
)
async def test_a_body_says_what_it_is(
    served: Stage, media: str, status: int, autojump_clock: MockClock
) -> None:
    request = post(b"a=b", key(ADA), f"Content-Type: {media}", path="/v1/files")
    assert (await served.ask(request).reply()).status == status
    zipped = post(b"{}", key(ADA), "Content-Encoding: gzip", path="/v1/files")
    assert (await served.ask(zipped).reply()).status == 415
    served.provider(told(FILE))
    said = post(b"{}", key(ADA), "Content-Type: application/json;charset=utf-8", path="/v1/files")
    assert (await served.ask(said).reply()).status == 200
    broken = post(b"{", key(ADA), path="/v1/files")
    assert (await served.ask(broken).reply()).status == 400
    odd = get("/v1/files", key(ADA), "Content-Length: 2", "Content-Type: application/json")
    assert (await served.ask(odd + b"{}").reply()).status == 400


LONG = {"training_file": "file-ada1", "model": "m", "pad": "x" * 200_000}


@pytest.mark.parametrize("parts", [1, 3])
async def test_api1_a_long_body_hides_nothing(
    served: Stage, parts: int, autojump_clock: MockClock
) -> None:
    """API1."""
    house = served.house()
    await house.objects.claim("file", ["file-ada1"], "up", b"team other")
    form = b'--B\r\ncontent-disposition: form-data; name="%b"\r\n\r\n%b\r\n'
    pad = b'--B\r\ncontent-disposition: form-data; name="f"; filename="f"\r\n\r\n' + b"x" * 200_000
    whole = pad + b"\r\n" + form % (b"odd", b"file-ada1") + b"--B--\r\n"
    for media, body in (
        (b"application/json", json.dumps(LONG).encode()),
        (b"multipart/form-data; boundary=B", whole),
    ):
        size = len(body) // parts + 1
        long = LongBody([body[at : at + size] for at in range(0, len(body), size)])
        for said in (body, long):

            async def read(said: Body = said) -> Body:
                return said

            with pytest.raises(UnknownObject):
                await body_of(JOBS, media, read, Caller("ada", "0"), house)


async def test_a_form_that_two_readers_would_read_in_two_ways_is_refused(
    served: Stage, autojump_clock: MockClock
) -> None:
    head = b'--B\r\ncontent-disposition: form-data; name="%b"\r\n\r\n'
    twice = head % b"model" + b"m\r\n" + head % b"model" + b"n\r\n--B--\r\n"
    fields = (key(ADA), "Content-Type: multipart/form-data; boundary=B")
    for body in (twice, b"x" + twice, head % b"model[]" + b"m\r\n--B--\r\n", head % b"a" + b"b"):
        reply = await served.ask(post(body, *fields, path="/v1/videos")).reply()
        assert refusal(reply) == (400, "invalid_request")
    assert served.dialled == []


async def test_what_names_no_body_passes_without_one(
    served: Stage, autojump_clock: MockClock
) -> None:
    served.provider(told({"id": "thread_1"}))
    empty = get("/v1/threads", key(ADA), "Content-Length: 0", method="POST")
    assert (await served.ask(empty).reply()).status == 200
