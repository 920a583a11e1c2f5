"""Whose is it: nobody reaches by any way what is another's. In virtual time."""

import json
from collections.abc import Iterator
from dataclasses import replace

import pytest
from trio.testing import MockClock

from gateway.policy.areas import ROOTS, Ways
from tests.passages import ADA, BEN, FILE, NOT_FOUND, ask, key, last, made, refusal, told
from tests.stage import Stage, get, post, words

pytest_plugins = ("tests.onstage", "tests.served")


def routes() -> Iterator[tuple[str, str, str]]:
    """Yield a way to reach an object of each kind, from inside and from outside."""
    for root in ROOTS:
        if not root.kind:
            continue
        path = f"/v1/{'/'.join(root.path)}/{root.kind.replace('.', '_')}-1"
        for method in ("GET", "POST", "DELETE"):
            yield root.kind, method, path
        yield root.kind, "GET", f"{path}/content"
        yield root.kind, "POST", f"{path}/cancel"
        yield root.kind, "GET", f"{path[3:]}/files/x-1/content"


@pytest.mark.parametrize(("kind", "method", "path"), list(routes()))
async def test_api1_nobody_reaches_what_is_anothers_by_any_route(
    served: Stage, kind: str, method: str, path: str, autojump_clock: MockClock
) -> None:
    """API1."""
    (root,) = [root for root in ROOTS if root.kind == kind]
    mine = f"{kind.replace('.', '_')}-1"
    await made(served, ADA, f"/v1/{'/'.join(root.path)}", {"id": mine, "object": kind})
    before = len(served.dialled)
    stranger = await ask(served, BEN, method, path)
    unknown = await ask(served, ADA, method, path.replace(mine, "never-made"))
    assert refusal(stranger) == refusal(unknown) == NOT_FOUND
    assert stranger.error["message"] == unknown.error["message"]
    assert len(served.dialled) == before
    served.provider(told({"id": mine, "object": kind}))
    assert (await ask(served, ADA, method, path)).status == 200
    await served.strike()


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/batches", {"input_file_id": "file-ada1"}),
        ("/v1/fine_tuning/jobs", {"training_file": "file-ada1"}),
        ("/v1/vector_stores", {"file_ids": ["file-other", "file-ada1"]}),
        ("/v1/assistants", {"tool_resources": {"a": {"b": [{"file_ids": ["file-ada1"]}]}}}),
        ("/v1/assistants", {"metadata": {"file-ada1": "as a name"}}),
        ("/v1/chat/completions", {"file": {"file_id": "file-ada1"}}),
        ("/v1/embeddings", {"file_id": "file-ada1"}),
    ],
)
async def test_api1_nobody_names_in_a_body_what_is_anothers(
    served: Stage, path: str, body: dict[str, object], autojump_clock: MockClock
) -> None:
    """API1."""
    await made(served, ADA, "/v1/files", FILE)
    before = len(served.dialled)
    whole = json.loads(words(stream=False)) | body if "chat" in path else {"model": "m"} | body
    assert refusal(await ask(served, BEN, "POST", path, whole)) == NOT_FOUND
    escaped = (
        json.dumps(whole).replace("file-ada1", "\\u0066ile-ada1").replace("file_", "f\\u0069le_")
    )
    request = post(escaped.encode(), key(BEN), path=path)
    assert refusal(await served.ask(request).reply()) == NOT_FOUND
    assert len(served.dialled) == before
    await served.strike()


async def test_api1_a_field_that_stands_twice_hides_nothing(
    served: Stage, autojump_clock: MockClock
) -> None:
    """API1."""
    await made(served, ADA, "/v1/files", FILE)
    body = b'{"input_file_id": "file-ada1", "input_file_id": "file-own"}'
    request = post(body, key(BEN), path="/v1/batches")
    assert refusal(await served.ask(request).reply()) == NOT_FOUND


async def test_api1_nobody_names_in_a_form_or_a_query_what_is_anothers(
    served: Stage, autojump_clock: MockClock
) -> None:
    """API1."""
    await made(served, ADA, "/v1/files", FILE)
    await made(served, BEN, "/v1/containers", {"id": "cntr_ben", "object": "container"})
    body = b'--B\r\ncontent-disposition: form-data; name="file_id"\r\n\r\nfile-ada1\r\n--B--\r\n'
    form = "Content-Type: multipart/form-data; boundary=B"
    other = body.replace(b"file_id", b"other")
    several = [
        other.replace(b"file-ada1", said) for said in (b'{"a":["file-ada1"]}', b"b,file-ada1 ")
    ]
    for said in (body, *several):
        request = post(said, key(BEN), form, path="/v1/containers/cntr_ben/files")
        assert refusal(await served.ask(request).reply()) == NOT_FOUND
    padded, listed = "x=%20file-ada1", "x=%5B%22file-ada1%22%5D"
    for query in ("after=file%2Dada1", padded, "x[]=a,file-ada1", listed):
        reply = await ask(served, BEN, "GET", f"/v1/files?{query}")
        assert refusal(reply) == NOT_FOUND


async def test_what_a_batch_has_made_is_its_makers(
    served: Stage, autojump_clock: MockClock
) -> None:
    batch = {"id": "batch_1", "object": "batch"}
    await made(served, ADA, "/v1/batches", batch)
    done = batch | {"output_file_id": "file-out", "error_file_id": "file-err"}
    served.provider(told(done))
    assert (await ask(served, ADA, "GET", "/v1/batches/batch_1")).status == 200
    for name in ("file-out", "file-err"):
        assert refusal(await ask(served, BEN, "GET", f"/v1/files/{name}/content")) == NOT_FOUND
        served.provider(last(200, b"{}\n{}\n", media=b"application/json"))
        reply = await ask(served, ADA, "GET", f"/v1/files/{name}/content")
        assert reply.body == b"{}\n{}\n"


@pytest.mark.parametrize(
    ("path", "said", "then"),
    [
        ("/v1/uploads/upload_1/complete", {"file": {"id": "file-1"}}, "/v1/files/file-1"),
        ("/v1/fine_tuning/jobs/ft_1/cancel", {"result_files": ["file-1"]}, "/v1/files/file-1"),
        ("/v1/videos/v_1/remix", {"id": "v_2", "object": "video"}, "/v1/videos/v_2"),
    ],
)
async def test_what_comes_of_something_is_its_owners(
    served: Stage, path: str, said: object, then: str, autojump_clock: MockClock
) -> None:
    root, _, rest = path.removeprefix("/v1/").rpartition("/")[0].rpartition("/")
    await made(served, ADA, f"/v1/{root}", {"id": rest})
    served.provider(told(said))
    assert (await ask(served, ADA, "POST", path)).status == 200
    served.provider(told({}))
    assert (await ask(served, ADA, "GET", then)).status == 200
    assert refusal(await ask(served, BEN, "GET", then)) == NOT_FOUND


async def test_a_thread_that_is_made_with_its_run_is_its_makers(
    served: Stage, autojump_clock: MockClock
) -> None:
    run = {"id": "run_1", "object": "thread.run", "thread_id": "thread_1"}
    await made(served, ADA, "/v1/threads/runs", run)
    served.provider(told({}))
    assert (await ask(served, ADA, "GET", "/v1/threads/thread_1/runs/run_1")).status == 200
    assert refusal(await ask(served, BEN, "GET", "/v1/threads/thread_1")) == NOT_FOUND


async def test_a_thread_that_is_made_in_a_stream_is_its_makers(
    served: Stage, autojump_clock: MockClock
) -> None:
    events = b'event: thread.created\ndata: {"id": "thread_1", "object": "thread"}\n\n'
    served.provider(last(200, events, media=b"text/event-stream"))
    reply = await ask(served, ADA, "POST", "/v1/threads/runs", {"stream": True})
    assert reply.body == events
    served.provider(told({}))
    assert (await ask(served, ADA, "GET", "/v1/threads/thread_1")).status == 200
    assert refusal(await ask(served, BEN, "GET", "/v1/threads/thread_1")) == NOT_FOUND


async def test_what_is_deleted_is_nobodys_any_more(
    served: Stage, autojump_clock: MockClock
) -> None:
    await made(served, ADA, "/v1/files", FILE)
    served.provider(told({"error": {"message": "in use"}}, 409))
    assert (await ask(served, ADA, "DELETE", "/v1/files/file-ada1")).status == 409
    served.provider(told({"id": "file-ada1", "deleted": True}))
    assert (await ask(served, ADA, "DELETE", "/v1/files/file-ada1")).status == 200
    assert refusal(await ask(served, ADA, "GET", "/v1/files/file-ada1")) == NOT_FOUND


async def test_api1_what_another_provider_keeps_under_the_same_id_is_not_reached(
    served: Stage, autojump_clock: MockClock
) -> None:
    """API1."""
    await made(served, ADA, "/v1/files", FILE)
    house = served.current.house
    moved = {area: replace(target, provider="moved") for area, target in house.ways.areas.items()}
    served.current.house = replace(house, ways=Ways(moved))
    before = len(served.dialled)
    assert refusal(await ask(served, ADA, "GET", "/v1/files/file-ada1")) == NOT_FOUND
    assert len(served.dialled) == before
    served.provider(told({"object": "list", "data": [FILE]}))
    assert json.loads((await ask(served, ADA, "GET", "/v1/files")).body)["data"] == []


async def test_without_keys_there_is_one_caller_to_whom_all_is_open(
    keyless: Stage, autojump_clock: MockClock
) -> None:
    every = {"object": "list", "data": [{"id": "b-1"}, {"id": "b-2"}], "total": 5_000}
    keyless.provider(told(every))
    assert json.loads((await keyless.ask(get("/v1/batches")).reply()).body) == every
    keyless.provider(told(FILE))
    assert (await keyless.ask(get("/v1/files/file-of-others")).reply()).status == 200
