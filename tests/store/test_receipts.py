"""The sink that is configured is the one that is opened."""

import json
from pathlib import Path

import pytest

from gateway.store.receipts import Beginnings, Seams, open_receipts
from gateway.store.sink_address import SinkAddress
from gateway.store.sink_file import FileSink
from gateway.store.sink_http import HttpSink, Post
from gateway.words.receipt import Receipt
from gateway.words.secret import Secret
from tests.store.receipts import PATIENCE, Today, Told, call, end


class World:
    """What a sink is given, and whom it would send to."""

    def __init__(self) -> None:
        self.places: list[SinkAddress] = []
        self.seams = Seams(self.post_to, "me", Today(), lambda: 0.5, Told())

    def post_to(self, place: SinkAddress) -> Post:
        self.places.append(place)

        async def post(body: bytes, name: str) -> int:
            raise AssertionError("nobody sends")

        return post


def test_there_is_none_unless_it_is_named() -> None:
    assert open_receipts(None, World().seams) is None


def test_a_file_has_a_thread(tmp_path: Path) -> None:
    sink = open_receipts(Secret(f"file://{tmp_path}/r.jsonl"), World().seams)
    assert isinstance(sink, FileSink)
    sink.settled(end(call()))
    assert sink.close(PATIENCE)
    assert json.loads((tmp_path / "r.jsonl").read_text())["request_id"] == "req_1"


def test_an_http_sink_is_told_where_to_send() -> None:
    world = World()
    sink = open_receipts(Secret("https://in.test/x"), world.seams)
    assert isinstance(sink, HttpSink)
    assert [str(place) for place in world.places] == ["https://in.test:443"]


def test_what_is_no_address_is_refused() -> None:
    with pytest.raises(ValueError, match="is no address"):
        open_receipts(Secret("ftp://x"), World().seams)


def test_several_hear_that_a_call_begins() -> None:
    class Heard:
        def __init__(self) -> None:
            self.calls: list[Receipt] = []

        def started(self, receipt: Receipt) -> None:
            self.calls.append(receipt)

    both, receipt = (Heard(), Heard()), call()
    Beginnings(both).started(receipt)
    assert [each.calls for each in both] == [[receipt], [receipt]]
