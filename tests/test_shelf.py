"""Files, batches and such, through the real process: OpenAI's official client, two callers.

The provider lists all that there is, two at a time; each caller sees its own alone.
"""

import io
import socket
import struct
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import TypeVar

import openai
import pytest
import trio
from openai.types import FileObject

from gateway.policy.keys import digest_of
from tests.process import Gateway, free_port, gateway
from tests.scripted import Link, listen
from tests.shelf import KEY, Shelf
from tests.test_client_leaves import WITHIN

PEPPER = "a-pepper-for-tests-alone"
ADA, BEN = "ngw-" + "a" * 43, "ngw-" + "b" * 43
LONG = 3_000_000
"""Bytes of a file that does not rest in memory."""

T = TypeVar("T")


def hash_of(secret: str) -> str:
    return digest_of(secret.encode(), PEPPER.encode())


def config_for(port: int) -> str:
    """Return a configuration with a provider of files and such, and two callers."""
    return f"""
[providers.shelf]
kind = "openai"
base_url = "http://127.0.0.1:{port}/v1"
api_key = "{KEY}"
models = ["m"]

[passthrough]
files = "shelf"
uploads = "shelf"
batches = "shelf"
fine_tuning = "shelf"
vector_stores = "shelf"

[auth]
pepper = "{PEPPER}"

[[keys]]
name = "ada"
hash = "{hash_of(ADA)}"
passthrough = ["shelf"]

[[keys]]
name = "ben"
hash = "{hash_of(BEN)}"
"""


@pytest.fixture(scope="module")
def upstream_port() -> int:
    return free_port()


@pytest.fixture(scope="module", params=["memory", "database", "workers"])
def real(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, upstream_port: int
) -> Iterator[Gateway]:
    """One server process for all tests, which knows owners by itself or from its database."""
    config = config_for(upstream_port)
    if request.param != "memory":
        config += '\n[store]\ndatabase = "sqlite:///gateway.db"\n'
    if request.param == "workers":
        config += "\n[server]\nworkers = 2\n"
    with gateway(tmp_path_factory.mktemp("shelf"), config) as running:
        yield running


@pytest.fixture
async def shelf(upstream_port: int, nursery: trio.Nursery) -> AsyncIterator[Shelf]:
    shelf = Shelf()
    await listen(nursery, shelf, port=upstream_port)
    yield shelf
    nursery.cancel_scope.cancel()


@pytest.fixture
def ada(real: Gateway) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=real.api, api_key=ADA, max_retries=0, timeout=10) as client:
        yield client


@pytest.fixture
def ben(real: Gateway) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=real.api, api_key=BEN, max_retries=0, timeout=10) as client:
        yield client


async def do(job: Callable[[], T]) -> T:
    """Have a client ask, in a thread beside the provider."""
    return await trio.to_thread.run_sync(job)


async def kept(client: openai.OpenAI, name: str, data: bytes) -> FileObject:
    """Have a file kept."""
    return await do(lambda: client.files.create(file=(name, io.BytesIO(data)), purpose="batch"))


async def refused(job: Callable[[], object]) -> None:
    """See that something does not exist for this caller."""
    with pytest.raises(openai.NotFoundError) as caught:
        await do(job)
    assert caught.value.code == "object_not_found"


async def test_files_are_made_listed_read_and_deleted(
    shelf: Shelf, ada: openai.OpenAI, ben: openai.OpenAI
) -> None:
    for number in range(3):
        await kept(ben, "b", b"ben's")
        name = f"a{number}.jsonl"
        made = await kept(ada, name, name.encode())
    assert (made.object, made.filename, made.bytes) == ("file", "a2.jsonl", 8)
    listed = await do(lambda: list(ada.files.list(limit=2)))
    assert [each.filename for each in listed] == ["a0.jsonl", "a1.jsonl", "a2.jsonl"]
    assert (await do(lambda: ada.files.retrieve(made.id))).id == made.id
    assert (await do(lambda: ada.files.content(made.id))).content == b"a2.jsonl"
    await refused(lambda: ben.files.retrieve(made.id))
    await refused(lambda: ben.files.content(made.id))
    await refused(lambda: ben.files.delete(made.id))
    assert (await do(lambda: ada.files.delete(made.id))).deleted
    await refused(lambda: ada.files.retrieve(made.id))
    assert len(await do(lambda: list(ben.files.list()))) == 3


async def test_a_long_file_goes_through_a_file_and_is_whole(
    shelf: Shelf, ada: openai.OpenAI
) -> None:
    data = sha256(b"seed").digest() * (LONG // 32)
    made = await kept(ada, "long", data)
    assert shelf.contents[made.id] == data
    assert (await do(lambda: ada.files.content(made.id))).content == data


async def test_batches_are_made_listed_and_cancelled_and_their_files_read(
    shelf: Shelf, ada: openai.OpenAI, ben: openai.OpenAI
) -> None:
    file = await kept(ada, "in.jsonl", b"{}")

    def batch(client: openai.OpenAI) -> openai.types.Batch:
        return client.batches.create(
            input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h"
        )

    await refused(lambda: batch(ben))
    made = await do(lambda: batch(ada))
    assert (await do(lambda: ada.batches.retrieve(made.id))).id == made.id
    output = made.output_file_id
    assert output is not None
    assert (await do(lambda: ada.files.content(output))).content == b'{"line": 1}\n'
    await refused(lambda: ben.files.content(output))
    await refused(lambda: ben.batches.retrieve(made.id))
    await refused(lambda: ben.batches.cancel(made.id))
    assert await do(lambda: list(ben.batches.list())) == []
    assert [each.id for each in await do(lambda: list(ada.batches.list()))] == [made.id]
    assert (await do(lambda: ada.batches.cancel(made.id))).status == "cancelling"


async def test_an_upload_is_made_of_parts_and_becomes_a_file(
    shelf: Shelf, ada: openai.OpenAI, ben: openai.OpenAI
) -> None:
    data = b"x" * 1_000
    whole = await do(
        lambda: ada.uploads.upload_file_chunked(
            file=data,
            filename="up",
            bytes=len(data),
            mime_type="text/plain",
            purpose="batch",
            part_size=300,
        )
    )
    assert whole.file is not None
    assert shelf.contents[whole.file.id] == data
    name = whole.file.id
    assert (await do(lambda: ada.files.content(name))).content == data
    await refused(lambda: ben.files.content(name))
    await refused(lambda: ben.uploads.complete(whole.id, part_ids=[]))


async def test_vector_stores_and_jobs_are_their_makers(
    shelf: Shelf, ada: openai.OpenAI, ben: openai.OpenAI
) -> None:
    file = await kept(ada, "in", b"{}")
    store = await do(lambda: ada.vector_stores.create(name="v", file_ids=[file.id]))
    job = await do(lambda: ada.fine_tuning.jobs.create(model="m", training_file=file.id))
    await refused(lambda: ben.vector_stores.create(file_ids=[file.id]))
    await refused(lambda: ben.vector_stores.retrieve(store.id))
    await refused(lambda: ben.fine_tuning.jobs.create(model="m", training_file=file.id))
    await refused(lambda: ben.fine_tuning.jobs.retrieve(job.id))
    assert await do(lambda: list(ben.fine_tuning.jobs.list())) == []
    assert [each.id for each in await do(lambda: list(ada.vector_stores.list()))] == [store.id]
    assert (await do(lambda: ada.fine_tuning.jobs.retrieve(job.id))).id == job.id
    await refused(lambda: ben.vector_stores.delete(store.id))
    assert (await do(lambda: ada.vector_stores.delete(store.id))).deleted


async def test_a_providers_own_api_is_open_to_the_key_that_has_the_right(
    shelf: Shelf, real: Gateway, ada: openai.OpenAI, ben: openai.OpenAI
) -> None:
    whole = f"{real.url}/passthrough/shelf"
    made = await do(lambda: ben.vector_stores.create(name="v"))
    every = ada.with_options(base_url=whole)
    assert (await do(lambda: every.vector_stores.retrieve(made.id))).id == made.id
    with pytest.raises(openai.NotFoundError):
        await do(lambda: ben.with_options(base_url=whole).vector_stores.retrieve(made.id))


async def endless(link: Link) -> None:
    """A provider whose file has no end."""
    await link.request()
    await link.send(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
    while True:
        await link.chunk(b"x" * 10_000)


async def silent(link: Link) -> None:
    """A provider that takes the request and says nothing."""
    await link.request()


FIELDS = f"Host: a\r\nX-Api-Key: {ADA}\r\n"
FORM = b'--B\r\ncontent-disposition: form-data; name="file"; filename="f"\r\n\r\nx\r\n--B--\r\n'
ASKED = {
    "a download that runs": (
        endless,
        f"GET /passthrough/shelf/files/x/content HTTP/1.1\r\n{FIELDS}\r\n".encode(),
    ),
    "a download before its head": (
        silent,
        f"GET /passthrough/shelf/files/x/content HTTP/1.1\r\n{FIELDS}\r\n".encode(),
    ),
    "a list before its head": (silent, f"GET /v1/files HTTP/1.1\r\n{FIELDS}\r\n".encode()),
    "an upload before its answer": (
        silent,
        f"POST /v1/files HTTP/1.1\r\n{FIELDS}Content-Length: {len(FORM)}\r\n"
        "Content-Type: multipart/form-data; boundary=B\r\n\r\n".encode()
        + FORM,
    ),
}


@pytest.mark.parametrize("name", ASKED)
@pytest.mark.parametrize("way", ["fin", "rst"])
async def test_who_leaves_ends_the_request_at_the_provider_too(
    real: Gateway, upstream_port: int, nursery: trio.Nursery, name: str, way: str
) -> None:
    script, request = ASKED[name]
    upstream = await listen(nursery, script, port=upstream_port)
    stream = await trio.open_tcp_stream("127.0.0.1", real.port)
    await stream.send_all(request)
    link = await upstream.link(0)
    await link.asked.wait()
    if script is endless:
        await stream.receive_some(5_000)
    left_at = trio.current_time()
    if way == "rst":
        linger = struct.pack("ii", 1, 0)
        stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    await stream.aclose()
    with trio.fail_after(5):
        await link.gone.wait()
    assert link.saw_at - left_at < WITHIN
    nursery.cancel_scope.cancel()


async def test_what_ends_is_forgotten_by_the_process_and_known_to_its_database(
    shelf: Shelf, real: Gateway, ada: openai.OpenAI, tmp_path: Path
) -> None:
    made = await do(lambda: ada.vector_stores.create(name="v"))
    config = (real.log.parent / "gateway.toml").read_text()
    database = real.log.parent / "gateway.db"
    config = config.replace("sqlite:///gateway.db", f"sqlite:///{database}")
    with (
        gateway(tmp_path, config) as second,
        openai.OpenAI(base_url=second.api, api_key=ADA, max_retries=0) as again,
    ):
        if database.exists():
            assert (await do(lambda: again.vector_stores.retrieve(made.id))).id == made.id
        else:
            await refused(lambda: again.vector_stores.retrieve(made.id))


def test_api1_several_workers_without_a_database_do_not_start(tmp_path: Path) -> None:
    """API1."""
    (tmp_path / "gateway.toml").write_text(config_for(9))
    serve = [sys.executable, "-m", "gateway", "serve", "--workers", "2"]
    ended = subprocess.run(serve, cwd=tmp_path, capture_output=True, timeout=20, check=False)
    assert ended.returncode == 1
    assert b"--workers: must be 1 where there are keys, [passthrough] is set" in ended.stderr
