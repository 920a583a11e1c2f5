"""Forms with files: what is found in them however they are cut, and what is never let through."""

from itertools import pairwise

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.forms.multipart import (
    MAX_PARTS,
    Scanner,
    Survey,
    boundary_of,
    content_type_of,
    field_of,
    part_of,
)
from gateway.words.errors import BadRequest, UnsupportedMedia

B = b"----form-7d1-"
WANTED = frozenset({"model", "stream"})
MODEL = b'content-disposition: form-data; name="model"\r\n\r\nwhisper-1'
FILE = (
    b'Content-Disposition: form-data; name="file"; filename="a \\"b\\".mp3"\r\n'
    b"Content-Type: audio/mpeg\r\n\r\n"
)
SOUND = b"ID3\r\n\r\n--\r\n------form-7d1\r--\n\xff\x00"


def form(*parts: bytes, end: bytes = b"--\r\n") -> bytes:
    """Return a form of these parts."""
    return b"".join(b"--" + B + b"\r\n" + part + b"\r\n" for part in parts) + b"--" + B + end


def survey(*pieces: bytes, boundary: bytes = B, wanted: frozenset[str] = WANTED) -> Survey:
    scanner = Scanner(boundary, wanted)
    for piece in pieces:
        scanner.feed(piece)
    return scanner.end()


WHOLE = form(FILE + SOUND, MODEL, b'content-disposition: form-data; name="stream"\r\n\r\ntrue')


def test_fields_are_found_with_their_places_wherever_the_form_is_cut() -> None:
    """T1."""
    for cut in range(len(WHOLE) + 1):
        found = survey(WHOLE[:cut], WHOLE[cut:])
        assert found.values == {"model": "whisper-1", "stream": "true"}
        assert {name: WHOLE[slice(*span)] for name, span in found.spans.items()} == {
            "model": MODEL,
            "stream": part_of("stream", "true"),
        }


def test_a_form_may_come_byte_by_byte() -> None:
    found = survey(*(WHOLE[at : at + 1] for at in range(len(WHOLE))))
    assert WHOLE[slice(*found.spans["model"])] == MODEL


@given(st.lists(st.integers(0, len(WHOLE)), max_size=8))
def test_a_form_may_be_cut_anywhere(cuts: list[int]) -> None:
    edges = sorted({0, len(WHOLE), *cuts})
    assert survey(*(WHOLE[begin:end] for begin, end in pairwise(edges))) == survey(WHOLE)


@pytest.mark.parametrize("end", [b"--", b"--\r\n"])
def test_a_form_ends_with_or_without_a_last_line(end: bytes) -> None:
    assert survey(form(MODEL, end=end)).values == {"model": "whisper-1"}


def test_what_an_http_client_writes_is_read() -> None:
    request = httpx2.Request(
        "POST", "http://x/", data={"model": "grüße", "n": "2"}, files={"file": ("ü.mp3", b"ID3")}
    )
    body = request.read()
    boundary = boundary_of(request.headers["content-type"].encode())
    found = survey(body, boundary=boundary)
    assert found.values == {"model": "grüße"}
    part = body[slice(*found.spans["model"])]
    assert part.lower().startswith(b"content-disposition:")
    assert part.decode().endswith("\r\n\r\ngrüße")


def test_an_empty_value_is_a_value() -> None:
    part = b'content-disposition: form-data; name="model"\r\n\r\n'
    assert survey(form(part)) == Survey({"model": ""}, {})


@pytest.mark.parametrize(
    "head",
    [
        b'content-disposition: form-data; name="model"\r\ncontent-type: text/plain; charset=UTF-8',
        b'content-disposition: form-data; name="model"\r\ncontent-transfer-encoding: 8bit',
        b'content-type: text/plain\r\nCONTENT-DISPOSITION: Form-Data; name="model"',
        b"content-type: text/plain; charset=ISO-8859-1\r\n"
        b'content-disposition: form-data; name="model"',
        b'content-length: 1\r\ncontent-disposition: form-data; name="model"',
        b"content-disposition: form-data; name=model",
    ],
)
def test_a_plain_field_may_say_that_it_is_plain(head: bytes) -> None:
    assert survey(form(head + b"\r\n\r\nm")).values == {"model": "m"}


@pytest.mark.parametrize("charset", [b"iso-8859-1", b"US-ASCII"])
@pytest.mark.parametrize("value", ["é".encode(), b"\xe9"])
def test_a_value_in_another_charset_is_one_that_reads_alike_in_all(
    charset: bytes, value: bytes
) -> None:
    """R2. Apache's client for Java names Latin 1 wherever it is told nothing else."""
    head = b"content-type: text/plain; charset=" + charset + b"\r\n"
    part = head + b'content-disposition: form-data; name="model"\r\n\r\n'
    assert survey(form(part + b"whisper-1")).values == {"model": "whisper-1"}
    with pytest.raises(BadRequest) as caught:
        survey(form(part + value))
    assert caught.value.param == "model"


@pytest.mark.parametrize(
    "head",
    [
        b'content-disposition: form-data; name="model"; filename="m"',
        b'content-disposition: form-data; name="model"\r\ncontent-type: text/plain; charset=utf-16',
        b'content-disposition: form-data; name="model"\r\ncontent-type: application/json',
        b'content-disposition: form-data; name="model"\r\ncontent-transfer-encoding: base64',
        b'content-disposition: form-data; name="model"\r\nx-other: 1',
        b'content-disposition: form-data; name="model"\r\ncontent-disposition: form-data; name="x"',
        b'content-disposition: form-data; name="x"; name="model"',
        b'content-disposition: form-data; name="model"; other="x"',
        b'content-disposition: attachment; name="model"',
        b'content-disposition: form-data; filename="model"',
        b'content-disposition: form-data; name="mod\\el"',
        b'content-disposition: form-data; name=" model"',
        b'content-disposition: form-data; name="MODEL"',
        b'content-disposition: form-data; name="model[]"',
        b'content-disposition: form-data; name="mode%6c"',
        b'content-disposition: form-data; name="=?utf-8?q?model?="',
        b'content-disposition: form-data; name="model\xa0"',
        b'content-disposition: form-data; name="_charset_"',
        b'content-disposition: form-data; name="model" trailing',
        b'content-disposition: form-data; name="file\nx: y"',
        b"content-type: text/plain",
        b"bad header: 1",
        b": 1",
    ],
)
def test_what_readers_may_take_in_two_ways_is_refused(head: bytes) -> None:
    """R2: who asks must not name one model here and another to the provider."""
    with pytest.raises(BadRequest):
        survey(form(head + b"\r\n\r\nm", FILE + SOUND))


@pytest.mark.parametrize("length", [b"0", b"4", b"6", b"-5", b"5x", b"", b"9" * 5000])
@pytest.mark.parametrize("name", [b"model", b"other"])
def test_a_part_is_as_long_as_it_says(name: bytes, length: bytes) -> None:
    """R2: some readers stop where it says so, and some read on across the boundary."""
    head = b'content-disposition: form-data; name="%b"\r\ncontent-length: ' % name
    fitting = form(head + b"5 \r\ncontent-length: 5\r\n\r\nsmall", FILE + SOUND)
    for cut in range(len(fitting)):
        survey(fitting[:cut], fitting[cut:])
    for lengths in (length, length + b"\r\ncontent-length: 5"):
        with pytest.raises(BadRequest):
            survey(form(head + lengths + b"\r\n\r\nsmall", FILE + SOUND))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\r\n" + form(MODEL),
        b"words before\r\n" + form(MODEL),
        form(MODEL) + b"words behind",
        form(MODEL) + form(MODEL),
        form(MODEL)[:-4],
        form(MODEL)[:-6],
        form(MODEL, end=b"--\r\n\r\n"),
        form(MODEL, FILE + b"\n--" + B + b"\nx"),
        form(MODEL, FILE + b"x--" + B),
        form(MODEL, FILE + b"\r\n--" + B + b" \r\n" + FILE),
        form(MODEL, FILE + b"\r\n--" + B + b"-x"),
        form(MODEL, FILE + b"\r\n--" + B + b"x"),
        form(MODEL, FILE + b"\r\n--" + B + b"\rx"),
        b"--" + B + b"--\r\n",
        b"--" + B + b" \r\n" + MODEL + b"\r\n--" + B + b"--",
    ],
)
def test_a_boundary_stands_between_parts_and_nowhere_else(body: bytes) -> None:
    for cut in range(0, len(body) + 1, 7):
        with pytest.raises(BadRequest):
            survey(body[:cut], body[cut:])


@pytest.mark.parametrize(
    "value", [b"two\r\nlines", b"\r", b"x" * 1025, b"\xff", b"m\r\n--" + B[:-1] + b"X"]
)
def test_a_value_that_is_no_short_line_of_text_is_refused(value: bytes) -> None:
    with pytest.raises(BadRequest) as caught:
        survey(form(b'content-disposition: form-data; name="model"\r\n\r\n' + value))
    assert caught.value.param == "model"


def test_a_field_that_stands_twice_is_refused() -> None:
    with pytest.raises(BadRequest, match="twice"):
        survey(form(MODEL, MODEL))


def test_other_fields_may_stand_twice() -> None:
    part = b'content-disposition: form-data; name="image[]"; filename="a"\r\n\r\n\x89PNG'
    assert survey(form(part, part, MODEL)).values == {"model": "whisper-1"}


def test_parts_are_bounded() -> None:
    part = b'content-disposition: form-data; name="x"\r\n\r\n'
    assert survey(form(*[part] * (MAX_PARTS - 1), MODEL)).values == {"model": "whisper-1"}
    with pytest.raises(BadRequest, match="parts"):
        survey(form(*[part] * MAX_PARTS, MODEL))
    scanner = Scanner(B, WANTED)
    with pytest.raises(BadRequest, match="parts"):
        scanner.feed(form(FILE + (b"--" + B) * (MAX_PARTS + 1)))
    scanner = Scanner(B, WANTED)
    with pytest.raises(BadRequest, match="parts"):
        for _ in range(MAX_PARTS + 2):
            scanner.feed(b"--" + B + b"\r\n" + part + b"\r\n")


def test_headers_of_a_part_are_bounded() -> None:
    with pytest.raises(BadRequest, match="header"):
        survey(form(b"x: y\r\n" * 100 + MODEL))
    with pytest.raises(BadRequest, match="header"):
        survey(form(b"x: " + b"y" * 10_000 + b"\r\n" + MODEL))


@pytest.mark.parametrize(
    ("declared", "boundary"),
    [
        (b"multipart/form-data; boundary=abc", b"abc"),
        (b'Multipart/Form-Data ;\tBoundary="a b\'c"', b"a b'c"),
        (b"multipart/form-data; boundary=----WebKitFormBoundaryA1 ", b"----WebKitFormBoundaryA1"),
        (b"multipart/form-data; boundary=a1; charset=UTF-8", b"a1"),
        (b'multipart/form-data; charset="utf-8"; boundary="a 1"', b"a 1"),
    ],
)
def test_a_boundary_is_read(declared: bytes, boundary: bytes) -> None:
    assert boundary_of(declared) == boundary
    assert boundary_of(content_type_of(boundary)) == boundary


@pytest.mark.parametrize(
    "declared",
    [
        b"",
        b"application/json",
        b"multipart/form-data",
        b"multipart/form-data; boundary=",
        b'multipart/form-data; boundary=""',
        b'multipart/form-data; boundary="a "',
        b"multipart/form-data; boundary=a; boundary=b",
        b"multipart/form-data; charset=utf-16; boundary=a",
        b"multipart/form-data; boundary=a; charset=utf-7",
        b"multipart/form-data; charset=utf-8",
        b"multipart/form-data; boundary=" + b"a" * 71,
        b"multipart/mixed; boundary=a",
        b'multipart/form-data; boundary="a\r\nb"',
    ],
)
def test_a_form_that_is_not_declared_as_one_is_refused(declared: bytes) -> None:
    with pytest.raises(UnsupportedMedia):
        boundary_of(declared)


def test_a_field_is_written_before_the_first_part() -> None:
    written = field_of(B, "model", "grüße") + form(FILE + SOUND)
    assert survey(written).values == {"model": "grüße"}


SCRAPS = st.sampled_from([
    b"--" + B, b"\r\n", b"\r", b"\n", b"--", b"-", b": ", b";", b'"', b"name=", b'"model"',
    b"content-disposition: form-data", MODEL, FILE, b"\0", b"\xff", B, b" ", b"%",
])  # fmt: skip


@given(st.lists(SCRAPS, max_size=30), st.integers(1, 40))
def test_whatever_comes_is_read_or_refused_alike_however_it_is_cut(
    scraps: list[bytes], size: int
) -> None:
    """R2."""

    def told(*pieces: bytes) -> Survey | None:
        try:
            return survey(*pieces)
        except BadRequest:
            return None

    body = b"--" + B + b"\r\n" + b"".join(scraps)
    whole = told(body)
    assert told(*(body[at : at + size] for at in range(0, len(body), size))) == whole
