"""Which objects bodies name, and what answers say of them: any bytes, and no surprise."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.policy.areas import Passage, passage_of, root_of
from gateway.policy.holdings import (
    LONGEST_END,
    MOST_HELD,
    MOST_ITEMS,
    MOST_MODELS,
    MOST_QUOTES,
    MOST_TEXTS,
    MOST_WORDS,
    Announced,
    FormIds,
    Page,
    made_in,
    may_name_objects,
    models_in,
    named_in,
    own_items,
)
from gateway.words.errors import BadRequest, UpstreamMalformed

DEEP = b"[" * 100_000


def passage(method: str, path: str) -> Passage:
    segments = tuple(path.split("/"))
    root = root_of(segments)
    assert root is not None
    return passage_of(method, segments, root)


def test_api1_every_text_that_may_be_an_id_is_found() -> None:
    body = {"a": ["file-1", {"file-2": "file-3"}], "b": "two words", "c": "é" * 9, "d": "x" * 300}
    found = named_in(json.dumps(body | {"e": ["abc", 1, None]}).encode())
    assert found == ["file-1", "file-2", "file-3"]


@pytest.mark.parametrize(
    "body",
    [
        b'{"a": "file-1", "a": "x"}',
        b'{"a": "\\u0066ile-1"}',
        b'{"a": "\\u0066\\u0069\\u006c\\u0065\\u002d\\u0031"}',
        b'["\\"", "file-1"]',
        b'["\\\\", "file-1"]',
        b'[ "file-1" ]',
    ],
)
def test_api1_no_way_of_writing_hides_an_id(body: bytes) -> None:
    """API1."""
    assert "file-1" in named_in(body)


@given(st.recursive(st.text() | st.none() | st.integers(), st.lists, max_leaves=20))
def test_api1_no_text_around_hides_an_id(value: object) -> None:
    """API1."""
    for escapes in (True, False):
        try:
            body = json.dumps([value, "file-1", {"x": value}], ensure_ascii=escapes).encode()
        except UnicodeEncodeError:
            continue
        try:
            assert "file-1" in named_in(body)
        except BadRequest:
            assert b"\\ud" in body  # half of a pair is no text


@pytest.mark.parametrize(
    "body", [b"", b"{", b"\xff", DEEP, b'"\xff\xfe\xff\xfe"', b'"\\ud800"', b'{"a\\":1}']
)
def test_what_is_no_json_is_refused(body: bytes) -> None:
    with pytest.raises(BadRequest):
        named_in(body)


def test_a_body_without_objects_is_known_by_a_look() -> None:
    assert not may_name_objects(b'{"model": "m", "messages": [{"content": "caf\\u00e9 \\u0000"}]}')
    said = {"content": 'Start the container with "container": "file_id: 1".'}
    assert not may_name_objects(json.dumps(said).encode())
    assert may_name_objects(b'["container' + b'\\"' * MOST_QUOTES + b'"]')
    for body in (b'{"file_id": 1}', b'{"vector_store_ids": 1}', b'{"\\u0066ile_id": 1}'):
        assert may_name_objects(body)


@pytest.mark.parametrize("body", [b"[]", b'{"model": 1}', b'{"a": "model"}', b'["model", "m"]'])
def test_a_body_may_name_no_model(body: bytes) -> None:
    assert models_in(body) == []


def test_every_model_is_found_however_it_is_written() -> None:
    deep = {"model": "m", "a": [{"session": {"model": "n\\ o"}}], "b": '"model": "in a text"'}
    assert models_in(json.dumps(deep).encode()) == ["m", "n\\ o"]
    twice = b'{"model": "m", "model" :\n"n", "m\\u006fd\\u0065\\u006C": "\\u006f", "Model": "p"}'
    assert models_in(twice) == ["m", "n", "o", "p"]


def test_what_a_body_names_is_bounded() -> None:
    """R15: looking through it keeps nobody waiting."""
    many = {
        "texts": b'["a"' + b',"a b"' * MOST_TEXTS + b"]",
        "quotes": b'["' + b'\\"' * MOST_QUOTES + b'"]',
        "ids": json.dumps([f"file-{n}" for n in range(MOST_WORDS + 1)]).encode(),
    }
    for body in many.values():
        with pytest.raises(BadRequest, match="more than"):
            named_in(body)
    with pytest.raises(BadRequest, match="more than"):
        models_in(b"".join(b'"model":"%d",' % n for n in range(MOST_MODELS + 1)))
    with pytest.raises(BadRequest):
        models_in(b'{"model": "\\ud800"}')
    assert named_in(b'["' + b'\\"abcd' * MOST_TEXTS + b'"]') == ["abcd"]


def part(name: str, value: bytes) -> bytes:
    return b'--B\r\ncontent-disposition: form-data; name="%b"\r\n\r\n%b\r\n' % (
        name.encode(),
        value,
    )


FORM = b"".join(
    (
        part("purpose", b"batch"),
        part('file"; filename="a', b"x" * 5_000 + b"file-no"),
        part("file_id", b"file-1"),
        part("model", b"sora-2"),
        part('b"\r\nx-pad: "' + "p" * 9_000, b"file-2"),
        part("c", b" \r\nfile-3 \r\n"),
        part("d", b"two words"),
        part("odd", b"\xff\x00"),
        b"--B--\r\n",
    )
)


IDS = ["batch", "file-1", "sora-2", "file-2", "file-3", "two", "words"]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100, len(FORM)])
def test_api1_short_texts_of_a_form_are_found_however_it_arrives(size: int) -> None:
    """API1."""
    form = FormIds(b"B")
    for at in range(0, len(FORM), size):
        form.feed(FORM[at : at + size])
    assert form.ids == IDS


def test_api1_a_form_is_cut_at_every_position() -> None:
    """API1."""
    for at in range(len(FORM)):
        form = FormIds(b"B")
        form.feed(FORM[:at])
        form.feed(FORM[at:])
        assert form.ids == IDS


def test_of_a_long_part_nothing_is_held() -> None:
    form = FormIds(b"B")
    for _ in range(100):
        form.feed(b"x" * 10_000)
    assert len(form._held) == LONGEST_END


BATCH = {"id": "b-1", "object": "batch", "output_file_id": "o", "error_file_id": None}


@pytest.mark.parametrize(
    ("method", "path", "said", "made"),
    [
        ("POST", "files", {"id": "f"}, [("file", "f")]),
        ("GET", "batches/b-1", BATCH, [("batch", "b-1"), ("file", "o")]),
        ("POST", "batches/b-1/cancel", {"id": "x", "object": "other"}, []),
        ("POST", "videos/v/remix", {"id": "w", "object": "video"}, [("video", "w")]),
        ("POST", "videos/edits", {"id": "w"}, [("video", "w")]),
        ("POST", "threads", {"id": "t", "object": "thread"}, [("thread", "t")]),
        (
            *("POST", "threads/runs", {"id": "r", "object": "thread.run", "thread_id": "t"}),
            [("thread", "t")],
        ),
        ("POST", "uploads/u/complete", {"file": {"id": "f"}}, [("file", "f")]),
        ("POST", "uploads/u/complete", {"file": 7}, []),
        ("POST", "batches/u/complete", {"file": {"id": "f"}}, []),
        (
            *("GET", "fine_tuning/jobs/j", {"result_files": ["f", 7, "g"]}),
            [("file", "f"), ("file", "g")],
        ),
        ("POST", "files", {"id": "a\nb"}, []),
        ("POST", "files", {"id": 7, "result_files": 7}, []),
        ("POST", "files", [], []),
    ],
)
def test_what_an_answer_says_was_made(
    method: str, path: str, said: object, made: list[tuple[str, str]]
) -> None:
    assert made_in(passage(method, path), json.dumps(said).encode()) == made


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", DEEP])
def test_an_answer_may_say_nothing(body: bytes) -> None:
    assert made_in(passage("POST", "files"), body) == []


EVENTS = (
    b'event: thread.created\ndata: {"id": "thread_1", "object": "thread"}\n\n'
    b'event: thread.run.created\ndata: {"id": "run_1", "thread_id": "thread_1"}\n\n'
)


def test_what_a_stream_says_was_made_is_found_once_wherever_it_is_cut() -> None:
    for at in range(len(EVENTS)):
        announced = Announced(passage("POST", "threads/runs"))
        made = announced.feed(EVENTS[:at])
        if not announced.over:
            made += announced.feed(EVENTS[at:])
        assert (made, announced.over) == ([("thread", "thread_1")], True)


def test_of_a_stream_without_lines_no_more_than_so_much_is_held() -> None:
    announced = Announced(passage("POST", "threads/runs"))
    assert announced.feed(b": hello\ndata: {}\n") == []
    assert not announced.over
    assert announced.feed(b"x" * (MOST_HELD + 1)) == []
    assert announced.over


def test_a_page_shows_what_it_is_given_and_nothing_else_of_the_provider() -> None:
    items: list[object] = [{"id": "a"}, {"id": "b"}, {"no": "id"}, 7, {"id": 8}]
    told = {"object": "list", "data": items, "first_id": "a", "last_id": "z", "has_more": True}
    page = Page(json.dumps(told | {"total": 9}).encode())
    assert (page.ids, page.has_more, page.last) == (["a", "b"], True, "z")
    own = own_items(page, {"b"}.__contains__)
    shown = {"object": "list", "data": [{"id": "b"}], "first_id": "b", "last_id": "b"}
    assert json.loads(page.write(own, has_more=False)) == shown | {"has_more": False}
    empty = json.loads(page.write([], has_more=True))
    assert (empty["data"], empty["first_id"], empty["last_id"]) == ([], None, None)


def test_a_page_may_say_little() -> None:
    page = Page(b'{"data": [{"id": "a"}]}')
    assert (page.has_more, page.last) == (False, "a")
    assert json.loads(page.write([], has_more=True)) == {"data": []}
    assert Page(b'{"data": []}').last == ""


LONG_PAGE = b'{"data": [{}' + b",{}" * MOST_ITEMS + b"]}"


@pytest.mark.parametrize("body", [b"", b"[]", b'{"data": {}}', b"\xff", DEEP, LONG_PAGE])
def test_what_is_no_page_is_not_shown(body: bytes) -> None:
    with pytest.raises(UpstreamMalformed):
        Page(body)
