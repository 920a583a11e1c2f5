"""OpenAI's operations beside chat: its official client, and Azure's, ask the real process.

The scripted provider judges what it is asked by the official SDK's types, and reads forms with
another parser than the house's own.
"""

import json
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import openai
import pytest
import trio
from openai import AzureOpenAI, OpenAI

from tests.burden import resident
from tests.judges.forms import Form, judge_form, read_form, told
from tests.judges.openai import (
    judge_completions,
    judge_embeddings,
    judge_images,
    judge_moderations,
    judge_speech,
)
from tests.named import line_of
from tests.process import Gateway, free_port, gateway
from tests.scripted import Link, Received, Scripted, listen
from tests.test_client_leaves import STREAM_HEAD, WITHIN

WIRE = Path(__file__).parent / "wire" / "raw"
SOUND = b"ID3" + bytes(range(256)) * 400
JUDGES: dict[str, Callable[[dict[str, Any]], object]] = {
    "/v1/completions": judge_completions,
    "/v1/embeddings": judge_embeddings,
    "/v1/images/generations": judge_images,
    "/v1/moderations": judge_moderations,
    "/v1/audio/speech": judge_speech,
    "/v1/rerank": lambda body: body["documents"],
}
VECTORS = {
    "object": "list",
    "data": [{"object": "embedding", "index": 0, "embedding": [0.5, -0.25]}],
    "model": "real",
    "usage": {"prompt_tokens": 8, "total_tokens": 8},
}
IMAGES = {"created": 1764000000, "data": [{"b64_json": "iVBORw0KGgo="}]}
MIB = 1 << 20

GOING = pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning")
"""What OpenAI itself takes no longer; others still do."""

Script = Callable[[Link], Awaitable[None]]


def golden(name: str) -> bytes:
    return (WIRE / f"{name}.sse").read_bytes()


class Provider:
    """A provider of OpenAI's form: it judges what it gets, and says what it is given to say."""

    def __init__(self, said: object, media: str = "application/json", status: int = 200) -> None:
        self.say(said, media, status)

    def say(self, said: object, media: str = "application/json", status: int = 200) -> None:
        """Say this from now on, and forget what was asked before."""
        self.said = said if isinstance(said, bytes) else json.dumps(said).encode()
        self.media = media
        self.status = status
        self.paths: list[str] = []
        self.asked: list[dict[str, Any]] = []
        self.forms: list[Form] = []

    async def __call__(self, link: Link) -> None:
        while True:
            self.take(await link.request())
            if self.media == "events":
                await link.send(STREAM_HEAD)
                await link.chunk(self.said, b"")
                continue
            head = f"HTTP/1.1 {self.status} X\r\ncontent-type: {self.media}\r\n"
            await link.send(f"{head}content-length: {len(self.said)}\r\n\r\n".encode(), self.said)

    def take(self, request: Received) -> None:
        method, path, _ = request.line.decode().split(" ")
        assert method == "POST"
        assert request.values(b"authorization") == [b"Bearer sk-up"]
        self.paths.append(path)
        (media,) = request.values(b"content-type")
        if media.startswith(b"multipart/"):
            form = read_form(media, request.body)
            judge_form(path, form)
            self.forms.append(form)
            self.asked.append(told(form))
        else:
            body = json.loads(request.body)
            JUDGES[path](body)
            self.asked.append(body)


@pytest.fixture(scope="module")
def upstream_port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory, upstream_port: int) -> Iterator[Gateway]:
    """One server process for all tests; its threads' own heaps would blur what it holds."""
    config = f"""
[providers.up]
kind = "openai"
base_url = "http://127.0.0.1:{upstream_port}/v1"
api_key = "sk-up"
models = {{ m = "real", "omni-moderation-latest" = "omni" }}
"""
    with gateway(
        tmp_path_factory.mktemp("raw"), config, environ={"MALLOC_ARENA_MAX": "2"}
    ) as running:
        yield running


@pytest.fixture
async def upstream(upstream_port: int, nursery: trio.Nursery) -> AsyncIterator[Scripted]:
    server = await listen(nursery, Provider(VECTORS), port=upstream_port)
    yield server
    nursery.cancel_scope.cancel()


@pytest.fixture
def client(real: Gateway) -> Iterator[OpenAI]:
    with OpenAI(base_url=real.api, api_key="none", max_retries=0, timeout=10) as made:
        yield made


@pytest.fixture
def azure(real: Gateway) -> Iterator[AzureOpenAI]:
    with AzureOpenAI(
        azure_endpoint=real.url,
        api_key="none",
        api_version="2025-04-01-preview",
        max_retries=0,
        timeout=10,
    ) as made:
        yield made


async def asking(ask: Callable[..., Any], **wish: Any) -> Any:
    """Ask with a client in a thread beside the test."""
    return await trio.to_thread.run_sync(partial(ask, **wish))


async def heard(ask: Callable[..., Any], **wish: Any) -> list[Any]:
    """Ask for a stream and hear it to its end."""

    def hear() -> list[Any]:
        with ask(stream=True, **wish) as stream:
            return list(stream)

    return await trio.to_thread.run_sync(hear)


async def test_a_text_is_completed_at_once_and_as_a_stream(
    client: OpenAI, upstream: Scripted
) -> None:
    whole = {
        "id": "cmpl-1",
        "object": "text_completion",
        "created": 1,
        "model": "real",
        "choices": [{"text": "hi", "index": 0, "finish_reason": "stop", "logprobs": None}],
        "usage": {"prompt_tokens": 5, "completion_tokens": 1, "total_tokens": 6},
    }
    upstream.script = provider = Provider(whole)
    answer = await asking(client.completions.create, model="m", prompt="say", max_tokens=7)
    assert (answer.choices[0].text, answer.usage.total_tokens) == ("hi", 6)
    assert provider.asked == [{"model": "real", "prompt": "say", "max_tokens": 7}]
    provider.say(golden("completions"), "events")
    chunks = await heard(client.completions.create, model="m", prompt="say")
    assert "".join(chunk.choices[0].text for chunk in chunks) == "Once upon a tïme"
    assert provider.asked[0]["stream_options"] == {"include_usage": True}


@pytest.mark.parametrize("encoding", ["float", "base64"])
async def test_embeddings_come_as_numbers_or_base64(
    real: Gateway, client: OpenAI, upstream: Scripted, encoding: str
) -> None:
    vector = [0.5, -0.25] if encoding == "float" else "AAAAPwAAgL4="
    said = {**VECTORS, "data": [{"object": "embedding", "index": 0, "embedding": vector}]}
    upstream.script = provider = Provider(said)
    answer = await asking(
        client.embeddings.with_raw_response.create, model="m", input=["a"], encoding_format=encoding
    )
    assert answer.parse().data[0].embedding == vector
    assert provider.asked == [{"model": "real", "input": ["a"], "encoding_format": encoding}]
    line = await line_of(real, answer.headers["x-request-id"])
    assert (line["endpoint"], line["tokens_in"], line["tokens_out"]) == ("embeddings", 8, 0)


async def test_a_moderation_needs_no_model(client: OpenAI, upstream: Scripted) -> None:
    upstream.script = provider = Provider({"id": "modr-1", "model": "omni", "results": []})
    answer = await asking(client.moderations.create, input="x")
    assert answer.results == []
    assert provider.asked == [{"model": "omni", "input": "x"}]


async def test_documents_are_ranked(client: OpenAI, upstream: Scripted) -> None:
    ranked = {"results": [{"index": 1, "relevance_score": 0.9}], "usage": {"total_tokens": 9}}
    upstream.script = provider = Provider(ranked)
    body = {"model": "m", "query": "q", "documents": ["a", "b"], "top_n": 1}
    answer = await asking(client.post, path="/rerank", body=body, cast_to=object)
    assert answer == ranked
    assert (provider.paths, provider.asked[0]["model"]) == (["/v1/rerank"], "real")


async def test_images_are_made_at_once_and_as_a_stream(client: OpenAI, upstream: Scripted) -> None:
    upstream.script = provider = Provider(IMAGES)
    answer = await asking(client.images.generate, model="m", prompt="a cat")
    assert answer.data[0].b64_json == "iVBORw0KGgo="
    provider.say(golden("image_generation"), "events")
    events = await heard(client.images.generate, model="m", prompt="a cat", partial_images=1)
    assert [event.type for event in events] == [
        "image_generation.partial_image",
        "image_generation.completed",
    ]
    assert events[-1].usage.output_tokens == 50


async def test_images_are_changed_at_once_and_as_a_stream(
    client: OpenAI, upstream: Scripted
) -> None:
    upstream.script = provider = Provider(IMAGES)
    images = [("a.png", b"\x89PNG\r\n\x1a\n" + b"\0" * 99), ("b.png", b"\x89PNG")]
    answer = await asking(client.images.edit, model="m", prompt="a hat", image=images, n=2)
    assert answer.data[0].b64_json == "iVBORw0KGgo="
    assert provider.forms[0].files == {"image[]": [data for _, data in images]}
    assert provider.asked == [{"model": "real", "prompt": "a hat", "n": "2"}]
    provider.say(golden("image_edit"), "events")
    events = await heard(client.images.edit, model="m", prompt="a hat", image=images[0])
    assert events[-1].type == "image_edit.completed"
    assert provider.asked[0]["stream"] == "true"


@GOING
async def test_images_are_varied(client: OpenAI, upstream: Scripted) -> None:
    upstream.script = provider = Provider(IMAGES)
    vary = client.images.create_variation  # type: ignore[deprecated]  # of OpenAI's own alone
    await asking(vary, model="m", image=("a.png", b"\x89PNG"))
    assert (provider.paths, provider.asked) == (["/v1/images/variations"], [{"model": "real"}])


async def test_a_text_is_spoken(real: Gateway, client: OpenAI, upstream: Scripted) -> None:
    upstream.script = provider = Provider(SOUND, "audio/mpeg")
    answer = await asking(client.audio.speech.create, model="m", input="hi", voice="alloy")
    assert answer.content == SOUND
    assert answer.response.headers["content-type"] == "audio/mpeg"
    assert provider.asked == [{"model": "real", "input": "hi", "voice": "alloy"}]
    line = await line_of(real, answer.response.headers["x-request-id"])
    assert (line["outcome"], line["bytes_out"] > len(SOUND)) == ("completed", True)


async def test_a_text_is_spoken_in_events(client: OpenAI, upstream: Scripted) -> None:
    upstream.script = Provider(golden("speech"), "events")
    answer = await asking(
        client.audio.speech.create, model="m", input="hi", voice="alloy", stream_format="sse"
    )
    assert answer.content == golden("speech")
    assert answer.response.headers["content-type"] == "text/event-stream; charset=utf-8"


async def test_sound_is_written_down_at_once_as_a_stream_and_as_text(
    real: Gateway, client: OpenAI, upstream: Scripted
) -> None:
    usage = {"type": "tokens", "input_tokens": 14, "output_tokens": 2, "total_tokens": 16}
    upstream.script = provider = Provider({"text": "hello", "usage": usage})
    raw = client.audio.transcriptions.with_raw_response.create
    answer = await asking(raw, model="m", file=("a.mp3", SOUND), language="de")
    assert answer.parse().text == "hello"
    assert provider.forms == [Form({"model": ["real"], "language": ["de"]}, {"file": [SOUND]})]
    line = await line_of(real, answer.headers["x-request-id"])
    assert (line["endpoint"], line["tokens_in"], line["tokens_out"]) == ("transcription", 14, 2)
    provider.say(golden("transcription"), "events")
    create = client.audio.transcriptions.create
    events = await heard(create, model="m", file=("a.mp3", SOUND))
    assert [event.type for event in events][-1] == "transcript.text.done"
    assert events[-1].text == "I sée"
    provider.say("1\n00:00\nhällo\n".encode(), "text/plain; charset=utf-8")
    text = await asking(create, model="m", file=("a.mp3", SOUND), response_format="srt")
    assert text == "1\n00:00\nhällo\n"


@GOING
async def test_sound_is_translated(client: OpenAI, upstream: Scripted) -> None:
    upstream.script = provider = Provider({"text": "hello"})
    create = client.audio.translations.create
    assert (await asking(create, model="m", file=("a.mp3", SOUND))).text == "hello"
    assert provider.paths == ["/v1/audio/translations"]


async def test_an_error_keeps_its_words(client: OpenAI, upstream: Scripted) -> None:
    error = {"message": "too long", "type": "invalid_request_error", "param": "input", "code": "c"}
    upstream.script = Provider({"error": error}, status=400)
    with pytest.raises(openai.BadRequestError, match="too long") as caught:
        await asking(client.embeddings.create, model="m", input="x")
    assert (caught.value.param, caught.value.code) == ("input", "c")
    with pytest.raises(openai.NotFoundError) as unknown:
        await asking(client.embeddings.create, model="other", input="x")
    assert unknown.value.code == "model_not_found"


async def test_an_error_within_a_stream_is_raised(client: OpenAI, upstream: Scripted) -> None:
    upstream.script = provider = Provider(golden("image_generation_fault"), "events")
    with pytest.raises(openai.APIError, match="safety"):
        await heard(client.images.generate, model="m", prompt="x")
    provider.say(golden("image_generation_cut"), "events")
    with pytest.raises(openai.APIError, match="ended before"):
        await heard(client.images.generate, model="m", prompt="x")


async def test_azure_s_client_names_the_model_in_its_path(
    azure: AzureOpenAI, upstream: Scripted
) -> None:
    upstream.script = provider = Provider(VECTORS)
    await asking(azure.embeddings.create, model="m", input="x", encoding_format="float")
    assert provider.asked == [{"model": "real", "input": "x", "encoding_format": "float"}]
    provider.say({"text": "hello"})
    create = azure.audio.transcriptions.create
    assert (await asking(create, model="m", file=("a.mp3", SOUND))).text == "hello"
    assert provider.paths == ["/v1/audio/transcriptions"]
    provider.say(SOUND, "audio/mpeg")
    answer = await asking(azure.audio.speech.create, model="m", input="hi", voice="alloy")
    assert answer.content == SOUND


async def test_azure_s_client_may_be_made_for_one_model(real: Gateway, upstream: Scripted) -> None:
    """The model of the path is before the one that is said."""
    upstream.script = provider = Provider(VECTORS)
    with AzureOpenAI(
        azure_endpoint=real.url,
        azure_deployment="m",
        api_key="none",
        api_version="2025-04-01-preview",
        max_retries=0,
    ) as azure:
        create = azure.embeddings.create
        await asking(create, model="whatever", input="x", encoding_format="float")
    assert provider.asked[0]["model"] == "real"


async def test_azure_s_newer_path_is_understood(real: Gateway, upstream: Scripted) -> None:
    upstream.script = provider = Provider(VECTORS)
    with OpenAI(base_url=f"{real.url}/openai/v1", api_key="none", max_retries=0) as client:
        create = client.embeddings.create
        await asking(create, model="m", input="x", encoding_format="float")
    assert provider.paths == ["/v1/embeddings"]


def spools(real: Gateway) -> int:
    """Count the files without a name that the process has open."""
    folder = Path(f"/proc/{real.process.pid}/fd")
    found = 0
    for path in folder.iterdir():
        try:
            found += os.readlink(path).endswith("(deleted)")  # noqa: PTH115 (it may be no path)
        except FileNotFoundError:
            continue
    return found


async def settled(real: Gateway) -> None:
    """Wait until no long body rests anywhere."""
    with trio.fail_after(5):
        while spools(real):
            await trio.sleep(0.005)


class Counting:
    """A provider that counts what it is sent, and holds none of it."""

    def __init__(self) -> None:
        self.taken = 0

    async def __call__(self, link: Link) -> None:
        said = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 15\r\n\r\n"
        while True:
            await link.wait_for(lambda data: b"\r\n\r\n" in data)
            head, _, rest = bytes(link.received).partition(b"\r\n\r\n")
            (length,) = Received(head, b"").values(b"content-length")
            link.received.clear()
            self.taken = len(rest)
            while self.taken < int(length):
                await link.wait_for(lambda data: len(data) > 0)
                self.taken += len(link.received)
                link.received.clear()
            await link.send(said + b'{"text":"long"}')


async def test_a_long_upload_is_not_held_in_memory(
    real: Gateway, client: OpenAI, upstream: Scripted
) -> None:
    create = client.audio.transcriptions.create
    upstream.script = provider = Counting()
    await asking(create, model="m", file=("a.wav", b"\0" * 3 * MIB))
    before = most = resident(real.process.pid)
    over = trio.Event()

    async def upload() -> None:
        answer = await asking(create, model="m", file=("a.wav", os.urandom(20 * MIB)))
        assert answer.text == "long"
        over.set()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(upload)
        while not over.is_set():
            most = max(most, resident(real.process.pid))
            await trio.sleep(0.002)
    assert provider.taken > 20 * MIB
    assert most - before < 6 * MIB, f"{(most - before) / MIB:.1f} MiB"
    await settled(real)


BOUNDARY = b"b0undary"
BEGINNING = (
    b'--b0undary\r\ncontent-disposition: form-data; name="model"\r\n\r\nm\r\n'
    b'--b0undary\r\ncontent-disposition: form-data; name="file"; filename="a"\r\n\r\n'
)
END = b"\r\n--b0undary--\r\n"


async def opening(real: Gateway, request_id: str, size: int) -> trio.SocketStream:
    """Begin to upload a form with a file of so many bytes."""
    stream = await trio.open_tcp_stream("127.0.0.1", real.port)
    length = len(BEGINNING) + size + len(END)
    head = (
        "POST /v1/audio/transcriptions HTTP/1.1\r\nhost: localhost\r\n"
        f"x-request-id: {request_id}\r\n"
        f"content-type: multipart/form-data; boundary=b0undary\r\ncontent-length: {length}\r\n\r\n"
    )
    await stream.send_all(head.encode() + BEGINNING)
    return stream


async def test_one_who_leaves_within_an_upload_leaves_nothing(
    real: Gateway, upstream: Scripted
) -> None:
    """C7."""
    before, links = real.descriptors(), len(upstream.links)
    stream = await opening(real, "leaves-within", 8 * MIB)
    await stream.send_all(b"\0" * 3 * MIB)
    with trio.fail_after(5):
        while not spools(real):
            await trio.sleep(0.005)
    await stream.aclose()
    line = await line_of(real, "leaves-within")
    assert (line["outcome"], line["phase"]) == ("client_gone", "body")
    await settled(real)
    with trio.fail_after(5):
        while real.descriptors() > before:
            await trio.sleep(0.005)
    assert len(upstream.links) == links


@pytest.mark.parametrize("reads", [True, False])
async def test_one_who_leaves_while_waiting_closes_the_provider(
    real: Gateway, upstream: Scripted, reads: bool
) -> None:
    """C1, of a provider that has read the form and of one that has not."""
    begun = trio.Event()

    async def waits(link: Link) -> None:
        if reads:
            await link.request()
        else:
            await link.wait_for(lambda data: len(data) > MIB)
        begun.set()

    upstream.script = waits
    name = f"leaves-waiting-{reads}"
    size = 4 * MIB
    stream = await opening(real, name, size)
    await stream.send_all(b"\0" * size + END)
    with trio.fail_after(5):
        await begun.wait()
    link = upstream.links[-1]
    left_at = trio.current_time()
    await stream.aclose()
    with trio.fail_after(5):
        await link.gone.wait()
    assert not reads or link.saw_at - left_at < WITHIN
    assert (await line_of(real, name))["outcome"] == "client_gone"
    await settled(real)


async def test_one_who_leaves_within_a_download_closes_the_provider(
    real: Gateway, client: OpenAI, upstream: Scripted
) -> None:
    """C4."""

    async def speaks(link: Link) -> None:
        await link.request()
        await link.send(
            b"HTTP/1.1 200 OK\r\ncontent-type: audio/mpeg\r\ntransfer-encoding: chunked\r\n\r\n"
        )
        while True:
            await link.chunk(b"\0" * 65_536)

    def hear() -> tuple[float, str]:
        create = client.audio.speech.with_streaming_response.create
        with create(model="m", input="hi", voice="alloy") as answer:
            next(answer.iter_bytes(1000))
            return trio.from_thread.run_sync(trio.current_time), answer.headers["x-request-id"]

    upstream.script = speaks
    left_at, request_id = await trio.to_thread.run_sync(hear)
    link = upstream.links[-1]
    with trio.fail_after(5):
        await link.gone.wait()
    assert link.saw_at - left_at < 10 * WITHIN
    assert (await line_of(real, request_id))["outcome"] == "client_gone"


async def test_a_download_waits_for_who_does_not_read(real: Gateway, upstream: Scripted) -> None:
    """Back-pressure: what nobody takes is not taken from the provider either."""

    async def speaks(link: Link) -> None:
        await link.request()
        await link.send(
            b"HTTP/1.1 200 OK\r\ncontent-type: audio/mpeg\r\ncontent-length: 99000000\r\n\r\n"
        )
        for _ in range(1500):
            await link.send(b"\0" * 65_536)

    upstream.script = speaks
    before = resident(real.process.pid)
    body = b'{"model":"m","input":"hi","voice":"v"}'
    stream = await trio.open_tcp_stream("127.0.0.1", real.port)
    head = (
        b"POST /v1/audio/speech HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
    )
    await stream.send_all(head + b"content-length: %d\r\n\r\n" % len(body) + body)
    await stream.receive_some(1000)
    link = upstream.links[-1]
    sent = -1
    with trio.fail_after(10):
        while sent != link.sent:
            sent = link.sent
            await trio.sleep(0.05)
    assert link.sent < 30 * MIB
    assert resident(real.process.pid) - before < 6 * MIB
    await stream.aclose()
    with trio.fail_after(5):
        await link.gone.wait()
