"""Examples that LiteLLM and Portkey publish, told anew; and documents that nobody wrote."""

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from hypothesis import strategies as st

from gateway.commands.moving.document import read_document
from gateway.commands.moving.litellm import translated
from gateway.commands.moving.portkey import told
from gateway.commands.moving.sheet import Sheet
from gateway.commands.moving.toml import written
from gateway.config.lines import Key

FOLDER = Path(__file__).parent / "examples"
LITELLM = sorted(path.name for path in FOLDER.glob("*.yaml"))
PORTKEY = sorted(path.name for path in FOLDER.glob("*.json"))

Fields = dict[str, Any]


def sheet_of(text: str, **environ: str) -> Sheet:
    """Translate a configuration of LiteLLM's that is written as YAML."""
    document = yaml.safe_load(text)
    assert isinstance(document, dict)
    return translated(document, environ)


def example(name: str) -> tuple[Mapping[str, object], Sheet]:
    """Read and translate one of the examples."""
    document = read_document(FOLDER / name)
    if name in LITELLM:
        return document, translated(document, {})
    return document, told(document, {}, "assistant")


def parsed(sheet: Sheet) -> Fields:
    """Return the settings of a sheet, as whoever reads the file finds them."""
    return tomllib.loads(written(sheet, ["made here"]))


def comments(sheet: Sheet) -> str:
    """Return all comments of a file as one line."""
    lines = written(sheet, []).splitlines()
    return " ".join(" ".join(line[1:] for line in lines if line.startswith("#")).split())


def leaves(value: object, path: Key = ()) -> Iterator[tuple[Key, object]]:
    """Yield all that stands in a document, however deep."""
    match value:
        case dict() if value:
            for name, part in value.items():
                yield from leaves(part, (*path, name))
        case list() if value:
            for index, part in enumerate(value):
                yield from leaves(part, (*path, index))
        case _:
            yield path, value


WORDS = st.sampled_from(
    [
        *(
            "openai/gpt-5.2",
            "gpt-4o",
            "azure/one",
            "anthropic/*",
            "*",
            "openai/*",
            "vertex_ai/claude-x",
        ),
        *(
            "bedrock/converse/a",
            "ollama/llama",
            "nobody/x",
            "os.environ/NAME",
            "os.environ/9",
            "",
            "x",
        ),
        *(
            "https://host/v1",
            "http://u:p@host",
            "https://[",
            "2023-05-15",
            "preview",
            "a\nb",
            "\x1b[2J",
        ),
        *(
            "redis",
            "local",
            "true",
            "\u202e",
            "\ud800",
            "e\u0301",
            "=" * 300,
            "us-east-1",
            "]]",
            '"""',
        ),
        *(
            "spread",
            "simple-shuffle",
            "loadbalance",
            "fallback",
            "conditional",
            "simple",
            "@openai-x/m",
        ),
    ]
)
SCALARS = st.one_of(
    WORDS,
    st.text(max_size=8),
    st.none(),
    st.booleans(),
    st.integers(-2, 10**20),
    st.floats(),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.one_of(WORDS, st.text(max_size=5)), inner, max_size=3),
    ),
    max_leaves=6,
)


def tables(*words: str) -> st.SearchStrategy[Fields]:
    """Make tables up that have some of these words, with any values."""
    return st.dictionaries(st.sampled_from(words), VALUES, max_size=8)
