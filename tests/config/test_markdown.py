"""The page of the documentation: made from the schema, and the one on disk is the one made."""

import re
from pathlib import Path

import pytest

from gateway.config.levels import HOUSE
from gateway.config.markdown import _type, markdown
from gateway.config.schema import Schema
from gateway.config.server import PARTS
from gateway.providers.known import KNOWN
from gateway.words.target import Timeouts

PAGE = Path(__file__).parents[2] / "docs" / "configuration.md"


def test_the_page_on_disk_is_the_one_that_is_made() -> None:
    assert PAGE.read_text(encoding="utf-8") == markdown(), (
        "make it anew: gateway schema --markdown > docs/configuration.md"
    )


def test_every_key_is_on_the_page_with_its_default_and_its_unit() -> None:
    page = markdown()
    for struct in PARTS.values():
        assert all(f"\n| `{name}` |" in page for name in struct.__struct_fields__)
    assert "| `head_timeout` | number > 0.0 | `10.0` | seconds |" in page
    assert "| `max_body_bytes` | integer > 0 | `33554432` | bytes |" in page
    assert "| `port` | integer ≥ 0, ≤ 65535 | `4000` |" in page
    assert "| `port` | integer ≥ 0, ≤ 65535 | `4001` |" in page
    assert "| `key` | secret |" in page
    for name in Timeouts.__slots__:
        assert f"| `{name}` | number > 0.0 | `{getattr(Timeouts(), name)}` | seconds |" in page
    assert "| `retries` | integer ≥ 0, ≤ 10 | `2` |" in page
    assert '| `resume` | `"off"` or `"verified"` | `"off"` |' in page
    assert "| `ttl` | number ≥ 0.0 | `0.0` | seconds |" in page
    assert "| `pepper` | secret |" in page
    assert "| `expires` | date or date and time |" in page
    assert "| `tokens_per_minute` | integer ≥ 1 |" in page
    assert "| `usd` | number ≥ 1e-06 |" in page
    assert '| `per` | `"day"` or `"hour"`' in page
    assert "| `budgets` | list of tables of `usd`, `per`, `models`," in page
    assert "| `alert` | list of numbers > 0.0, ≤ 1.0 | `[]` |" in page
    assert '| `unpriced` | `"free"` or `"refuse"` | `"refuse"` |' in page
    assert "| `interval` | number ≥ 0.0 | `0.0` | seconds |" in page


def test_what_every_level_may_say_is_on_the_page_once() -> None:
    page = markdown()
    assert {name: page.count(f"\n| `{name}` |") for name in HOUSE} == dict.fromkeys(HOUSE, 1)
    assert page.count("(#conduct)") == 3


def test_every_kind_that_is_known_by_name_has_one_row() -> None:
    page = markdown()
    assert {page.count(f"\n| `{each.kind}` | {each.title} |") for each in KNOWN} == {1}
    assert '| `groq` | Groq | `"https://api.groq.com/openai/v1"` | `"*"` |  |' in page
    assert '| `vllm` | vLLM | `"http://127.0.0.1:8000/v1"` | `"*"` | yes |' in page
    assert "| `alibaba` | Alibaba Cloud | no default | no default |  |" in page


def test_every_row_has_five_cells() -> None:
    rows = [line for line in markdown().splitlines() if line.startswith("|")]
    assert {len(re.findall(r"(?<!\\)\|", row)) for row in rows} == {6}


@pytest.mark.parametrize(
    ("node", "said"),
    [
        ({"$ref": "#/$defs/secret"}, "secret"),
        ({"$ref": "#/$defs/T"}, "table of `a`, `b`"),
        ({"anyOf": [{"type": "string"}, {"enum": ["*"]}]}, 'string or `"*"`'),
        ({"const": "echo"}, '`"echo"`'),
        ({"type": "array", "items": {"type": "string"}}, "list of strings"),
        ({"type": "array", "items": {"$ref": "#/$defs/T"}}, "list of tables of `a`, `b`"),
        ({"type": "array", "items": {"$ref": "#/$defs/secret"}}, "list of secrets"),
        (
            {"type": "array", "items": {"type": "number", "minimum": 0.1, "maximum": 1.0}},
            "list of numbers ≥ 0.1, ≤ 1.0",
        ),
        ({"type": "object", "additionalProperties": {"type": "string"}}, "table of strings"),
        ({"type": "object", "maxProperties": 0}, "`{}`"),
        ({"type": "number", "exclusiveMinimum": 0.0, "maximum": 1e12}, "number > 0.0"),
        ({"type": "boolean"}, "boolean"),
        ({"type": "string", "format": "date"}, "date"),
        ({"type": "string", "format": "date-time"}, "date and time"),
    ],
)
def test_a_type_is_said_in_words(node: Schema, said: str) -> None:
    assert _type(node, {"T": {"properties": {"a": {}, "b": {}}}}) == said
