"""Each target of the fuzzer, on inputs by Hypothesis and on every file of its corpus."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.__main__ import NAMES
from tests.fuzz.table import CORPUS, TARGETS, corpus

EXAMPLES = 120
LONGEST = 3000

TOKENS = (
    b"\r\n", b"\n", b"\r", b"\r\n\r\n", b"\x00", b" ", b"\t", b":", b";", b"0", b"7", b"-1",
    b"1e999", b'"', b"\\", b"{", b"}", b"[", b"]", b",", b"null", b"true", b"\\ud800", b"\\u0000",
    b"\xff", b"\xef\xbb\xbf", b"\xe2\x80\xa8", b"data: ", b"event: error", b"data: [DONE]\n\n",
    b"id: 1", b"chunked", b"Content-Length: 5\r\n", b"Transfer-Encoding: chunked\r\n",
    b"HTTP/1.1 ", b"$KEY", b"$JSON", b"$URL", b"x" * 1990, b"[" * 200, b"=", b".", b"#", b"'",
    b'"""', b"[[", b"{ env = \"KEY\" }", b'"model":', b'"stream":true', b'"error":',
    b"retry-after: ",
)  # fmt: skip


@st.composite
def inputs(draw: st.DrawFn, name: str) -> bytes:
    """Draw an input: one of the corpus with a few edits, or any bytes."""
    data = draw(st.sampled_from([path.read_bytes() for path in corpus(name)]) | st.binary())
    for _ in range(draw(st.integers(0, 4))):
        begin = draw(st.integers(0, len(data)))
        end = begin + draw(st.integers(0, 8))
        data = data[:begin] + draw(st.sampled_from(TOKENS) | st.binary(max_size=3)) + data[end:]
    return data[:LONGEST]


@pytest.mark.parametrize("name", TARGETS)
def test_whatever_comes_the_oracle_holds(name: str) -> None:
    """R15, S7, C21 in part, U16 in part, U17 in part, U31 in part."""

    @settings(max_examples=EXAMPLES, suppress_health_check=[HealthCheck.too_slow])
    @given(inputs(name))
    def holds(data: bytes) -> None:
        TARGETS[name](data)

    holds()


@pytest.mark.parametrize(
    "path",
    [path for name in TARGETS for path in corpus(name)],
    ids=lambda path: f"{path.parent.name}/{path.name}",
)
def test_a_file_of_the_corpus_still_holds(path: Path) -> None:
    TARGETS[path.parent.name](path.read_bytes())


def test_each_target_has_a_corpus_and_each_corpus_a_target() -> None:
    assert sorted(TARGETS) == sorted(NAMES) == sorted(path.name for path in CORPUS.iterdir())
    assert all(corpus(name) for name in TARGETS)
