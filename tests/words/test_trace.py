"""W3C Trace Context, by the letter: what is malformed is as if it was not there."""

import pytest

from gateway.words.trace import LONGEST_STATE, TraceContext, read_context

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
SPAN = "00f067aa0ba902b7"
PARENT = f"00-{TRACE}-{SPAN}-01".encode()


def read(parent: bytes, state: bytes | None = None) -> TraceContext | None:
    return read_context(
        {b"traceparent": parent} | ({} if state is None else {b"tracestate": state})
    )


def test_where_a_client_stands_is_read() -> None:
    found = read(PARENT, b"rojo=00f067aa0ba902b7")
    assert found is not None
    assert (found.trace_id, found.span_id, found.sampled) == (TRACE, SPAN, True)
    assert (found.parent_id, found.state) == (None, b"rojo=00f067aa0ba902b7")


@pytest.mark.parametrize(
    ("flags", "sampled"), [("00", False), ("01", True), ("02", False), ("03", True), ("ff", True)]
)
def test_one_flag_says_whether_it_is_sampled(flags: str, sampled: bool) -> None:
    found = read(f"00-{TRACE}-{SPAN}-{flags}".encode())
    assert found is not None
    assert found.sampled is sampled


@pytest.mark.parametrize(
    "parent",
    [
        b"",
        b"00",
        PARENT[:-1],
        PARENT + b"0",
        PARENT + b"-",
        PARENT + b"-more",
        PARENT + b" ",
        PARENT + b"\n",
        PARENT.upper(),
        PARENT.replace(b"-", b"_"),
        PARENT + b", " + PARENT,
        b"ff" + PARENT[2:],
        b"0" + PARENT,
        f"00-{'0' * 32}-{SPAN}-01".encode(),
        f"00-{TRACE}-{'0' * 16}-01".encode(),
        f"00-{TRACE[:-1]}g-{SPAN}-01".encode(),
        f"00-{TRACE}-{SPAN}-0x".encode(),
        f"01-{TRACE}-{SPAN}-01.more".encode(),
        f"01-{TRACE}-{SPAN}-01-m\xc3".encode("latin-1"),
        f"01-{TRACE}-{SPAN}-01-{'m' * 400}".encode(),
        "\u0660\u0660".encode() + PARENT[2:],
    ],
)
def test_what_is_malformed_is_as_if_it_was_not_there(parent: bytes) -> None:
    assert read(parent, b"rojo=1") is None


@pytest.mark.parametrize("more", [b"", b"-", b"-what.ever-comes"])
def test_of_a_version_to_come_what_is_known_is_read(more: bytes) -> None:
    found = read(b"cc" + PARENT[2:] + more)
    assert found is not None
    assert (found.trace_id, found.span_id, found.sampled) == (TRACE, SPAN, True)


@pytest.mark.parametrize(
    "state",
    [
        b"a=1",
        b"a=1,b=2",
        b"a=1 ,\t b=2",
        b"a=1,,b=2",
        b"0tenant@system=x y",
        b"a_-*/b=!~ <>",
        b",".join(b"k%d=v" % number for number in range(32)),
        b"a=" + b"v" * 256,
    ],
)
def test_a_state_is_kept_as_it_is(state: bytes) -> None:
    found = read(PARENT, state)
    assert found is not None
    assert found.state == state
    assert found.headers == ((b"traceparent", PARENT), (b"tracestate", state))


@pytest.mark.parametrize(
    "state",
    [
        b"",
        b",",
        b"a",
        b"=1",
        b"a=",
        b"A=1",
        b"a=1,a=2",
        b"a=1=2",
        b"a b=1",
        b"a=\x7f",
        b"a=\xff",
        b"a=" + b"v" * 257,
        b"k" * 257 + b"=v",
        b",".join(b"k%d=v" % number for number in range(33)),
        b"a=1," + b" " * LONGEST_STATE,
    ],
)
def test_a_state_that_is_malformed_or_long_is_dropped(state: bytes) -> None:
    found = read(PARENT, state)
    assert found is not None
    assert (found.state, found.headers) == (b"", ((b"traceparent", PARENT),))


def test_a_state_alone_says_nothing() -> None:
    assert read_context({b"tracestate": b"a=1"}) is None
    assert read_context({}) is None


@pytest.mark.parametrize(("sampled", "flags"), [(True, b"01"), (False, b"00")])
def test_a_place_of_our_own_is_told_in_version_0(sampled: bool, flags: bytes) -> None:
    place = TraceContext(TRACE, "b7ad6b7169203331", sampled, SPAN, b"a=1")
    assert place.headers == (
        (b"traceparent", f"00-{TRACE}-b7ad6b7169203331-".encode() + flags),
        (b"tracestate", b"a=1"),
    )
    assert read_context(dict(place.headers)) is not None
