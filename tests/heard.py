"""What a form's reader makes of an answer, and its golden wires: cut anywhere, it is the same."""

import json
from pathlib import Path
from typing import Any

import httpx2
import openai

from gateway.forms import UpstreamForm
from gateway.forms.chat import AnswerWriter
from gateway.words.answer import Fault, Piece, Usage
from gateway.words.call import Call
from gateway.words.errors import GatewayError

LIMIT = 1 << 20


def asking(*, stream: bool = True, show_usage: bool = False, operation: str = "chat") -> Call:
    return Call("chat", operation, "smart", stream, show_usage, {})


class Heard:
    """What came of one answer: its pieces, what a client of OpenAI's form got, how it ended."""

    def __init__(
        self, form: UpstreamForm, parts: list[bytes], call: Call, content_type: str
    ) -> None:
        reader, writer = (
            form.AnswerReader(call, 200, content_type, LIMIT, LIMIT),
            AnswerWriter(call),
        )
        self.pieces: list[Piece] = []
        self.error: GatewayError | None = None
        try:
            for part in parts:
                self.pieces += reader.feed(part)
            self.pieces += reader.end()
        except GatewayError as error:
            self.error = error
        self.ended = reader.ended
        self.malformed = reader.malformed_events
        self.sent = writer.write(self.pieces) + (writer.end() if self.ended else b"")

    def all(self) -> tuple[object, ...]:
        """Return all that there is to compare."""
        return (
            *(self.pieces, self.sent, self.ended, self.malformed),
            *(type(self.error), str(self.error)),
        )


class Golden:
    """The golden streams of one form, in `tests/wire/`."""

    def __init__(self, form: UpstreamForm, folder: str, ending: str, content_type: str) -> None:
        self.form = form
        self.wire = Path(__file__).parent / "wire" / folder
        self.ending = ending
        self.content_type = content_type

    def names(self) -> list[str]:
        """Return the names of the streams."""
        return sorted(path.stem for path in self.wire.glob(f"*.{self.ending}"))

    def calls(self) -> list[str]:
        """Return the names of the requests."""
        found = self.wire.glob("*.call.json")
        return sorted(path.name.removesuffix(".call.json") for path in found)

    def file(self, name: str) -> Path:
        """Return where the stream lies."""
        return self.wire / f"{name}.{self.ending}"

    def stream(self, name: str) -> bytes:
        """Return what the provider sends."""
        return self.file(name).read_bytes()

    def client(self, name: str) -> bytes:
        """Return what a client gets for it."""
        return (self.wire / f"{name}.client").read_bytes()

    def facts(self, name: str) -> dict[str, Any]:
        """Return what is read in it."""
        facts: dict[str, Any] = json.loads((self.wire / f"{name}.json").read_text())
        return facts

    def call(self, name: str) -> bytes:
        """Return what a client asks."""
        return (self.wire / f"{name}.call.json").read_bytes()

    def request(self, name: str) -> dict[str, Any]:
        """Return what the provider is asked for it."""
        body: dict[str, Any] = json.loads((self.wire / f"{name}.request.json").read_text())
        return body

    def heard(self, parts: list[bytes], call: Call) -> Heard:
        """Read an answer."""
        return Heard(self.form, parts, call, self.content_type)

    def check(self, name: str) -> None:
        """Assert that the stream is read as it is written down."""
        facts = self.facts(name)
        heard = self.heard([self.stream(name)], asking(show_usage=facts["show_usage"]))
        assert heard.sent == self.client(name)
        assert len(heard.pieces) == facts["pieces"]
        assert heard.malformed == facts["malformed"]
        content = [at for at, piece in enumerate(heard.pieces) if piece.has_content]
        assert (content[0] if content else None) == facts["first_content"]
        usages = [piece.usage for piece in heard.pieces if piece.usage is not None]
        assert (usages[-1] if usages else None) == (facts["usage"] and Usage(*facts["usage"]))
        assert {piece.model for piece in heard.pieces} - {None} == {facts["model"]} - {None}
        faults = [piece.fault for piece in heard.pieces if piece.fault is not None]
        assert faults == ([Fault(*facts["fault"])] if facts["fault"] else [])
        assert (type(heard.error).__name__ if heard.error else None) == facts["error"]
        assert heard.ended is (heard.error is None)

    def cut(self, name: str) -> None:
        """Assert that the stream is read alike wherever it is cut."""
        wire, call = self.stream(name), asking(show_usage=self.facts(name)["show_usage"])
        whole = self.heard([wire], call).all()
        for at in range(1, len(wire)):
            assert self.heard([wire[:at], wire[at:]], call).all() == whole, at
        assert self.heard([wire[at : at + 1] for at in range(len(wire))], call).all() == whole


def chunks_in(body: bytes) -> list[Any]:
    """Read a stream with OpenAI's own client, which raises what is told in it."""

    def answer(request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, headers={"content-type": "text/event-stream"}, content=body)

    client = httpx2.Client(transport=httpx2.MockTransport(answer))
    speaker = openai.OpenAI(
        api_key="none", base_url="http://g/v1", http_client=client, max_retries=0
    )
    asked: Any = {"model": "m", "messages": [{"role": "user", "content": "hi"}], "stream": True}
    return list(speaker.chat.completions.create(**asked))
