"""Blocks of TOML, loaded as `gateway serve` would load them.

```toml          a whole file: it loads as it stands
```toml part     a part of one: it loads within the house of the pages, `example.toml`
```toml other    another program's file: it is TOML, and no more is known of it
"""

import re
import tomllib
from collections.abc import Mapping
from datetime import date, time
from pathlib import Path
from typing import Any, Final

from gateway.config.load import load_config
from gateway.config.mistakes import ConfigMistake
from tests.docs.pages import Block

Table = dict[str, Any]

HOUSE: Final = Path(__file__).with_name("example.toml")
PART: Final = "part"
OTHER: Final = "other"

SECRET: Final = "a-secret-of-thirty-two-characters"
VALUES: Final = {
    "GATEWAY_DATABASE": "postgresql://gateway:secret@db.example.com/gateway",
    "RECEIPTS": "https://sink.example.com/receipts",
}
"""What variables hold that are no keys."""

STANDS_FOR: Final[Mapping[str, str]] = {
    ":PRIMARY/": ":9101/",
    ":SECONDARY/": ":9102/",
    "/var/log/gateway/": "{directory}/",
}
"""Words of pages for what a run puts in, or is the operator's to make; and what is tried."""

_VARIABLE = re.compile(r'env = "(\w+)"')
_BARE = re.compile(r"[A-Za-z0-9_-]+")
_FILE = re.compile(r'file = "([^"]+)"')


def wrong_toml(block: Block, directory: Path) -> list[str]:
    """Say what is wrong with a block of TOML."""
    kind = block.words[1:]
    if kind not in {(), (PART,), (OTHER,)}:
        return [f"{block.place}: `toml {' '.join(kind)}` is no kind: there are part and other"]
    try:
        said = tomllib.loads(block.text)
    except tomllib.TOMLDecodeError as error:
        return [f"{block.place}: {error}"]
    if kind == (OTHER,):
        return []
    text = block.text
    if kind == (PART,):
        text = written(merged(tomllib.loads(HOUSE.read_text(encoding="utf-8")), said))
    return [f"{block.place}: {mistake}" for mistake in mistakes(text, directory)]


def mistakes(text: str, directory: Path) -> list[str]:
    """Load a whole configuration; return what is wrong in it."""
    path = directory / "gateway.toml"
    for words, tried in STANDS_FOR.items():
        text = text.replace(words, tried.format(directory=directory))
    path.write_text(text, encoding="utf-8")
    for name in _FILE.findall(text):
        if not Path(name).is_absolute():
            (directory / name).write_text(SECRET, encoding="utf-8")
    environ = {name: VALUES.get(name, SECRET) for name in _VARIABLE.findall(text)}
    try:
        load_config(path, environ, directory)
    except ConfigMistake as mistake:
        return [f"{finding.key or finding.line}: {finding.text}" for finding in mistake.findings]
    return []


def merged(whole: Table, part: Table) -> Table:
    """Return the whole with the part in it: what the part says counts."""
    both = dict(whole)
    for name, value in part.items():
        old = both.get(name)
        both[name] = (
            merged(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
        )
    return both


def written(table: Table) -> str:
    """Write a document of TOML, each of its tables on one line."""
    return "".join(f"{_key(name)} = {_value(value)}\n" for name, value in table.items())


def _value(value: object) -> str:
    match value:
        case bool():
            return str(value).lower()
        case dict():
            inner = (f"{_key(name)} = {_value(each)}" for name, each in value.items())
            return "{ " + ", ".join(inner) + " }"
        case list():
            return "[" + ", ".join(map(_value, value)) + "]"
        case str():
            return _text(value)
        case date() | time():
            return value.isoformat()
        case _:
            return repr(value)


def _key(name: str) -> str:
    return name if _BARE.fullmatch(name) else _text(name)


def _text(value: str) -> str:
    escaped = (
        char if char.isprintable() and char not in '"\\' else f"\\U{ord(char):08x}"
        for char in value
    )
    return '"' + "".join(escaped) + '"'
