"""Writes a sheet as a configuration: the tables in their usual order, each remark in its place."""

import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from gateway.commands.moving.sheet import ANYWHERE, Remark, Sheet
from gateway.config.compose import SECTIONS
from gateway.config.lines import Key
from gateway.config.mistakes import quoted

WIDE: Final = 100
HOLDERS: Final = ("providers", "models", "teams", "groups", "guards")
"""Sections that hold tables of tables: by themselves they have no keys."""

OTHERWISE: Final = "What has no place in this file:"

_BARE: Final = re.compile(r"[A-Za-z0-9_-]+")


def written(sheet: Sheet, head: Sequence[str]) -> str:
    """Return the whole text of a file; `head` are the lines at its top, without their marks."""
    parts = ["\n".join(f"# {line}".rstrip() for line in head)]
    remarks: dict[Key, list[Remark]] = {}
    for remark in sheet.remarks:
        remarks.setdefault(remark.at, []).append(remark)
    for section in SECTIONS:
        parts += _section(section, sheet, remarks)
    if rest := remarks.get(ANYWHERE):
        parts.append("\n".join([f"# {OTHERWISE}", *_comments(rest)]))
    return "\n\n".join(parts) + "\n"


def value_of(value: object) -> str:
    """Write one value; what is long goes over several lines where TOML allows that."""
    match value:
        case bool():
            return str(value).lower()
        case str():
            return quoted(value, len(value))
        case dict():
            inner = ", ".join(f"{_name(key)} = {value_of(part)}" for key, part in value.items())
            return f"{{ {inner} }}" if inner else "{}"
        case list():
            short = "[" + ", ".join(map(value_of, value)) + "]"
            if len(short) < WIDE:
                return short
            return "[\n" + "".join(f"    {value_of(part)},\n" for part in value) + "]"
        case _:
            return repr(value)


def _section(section: str, sheet: Sheet, remarks: Mapping[Key, list[Remark]]) -> Iterator[str]:
    """Yield the tables of a section; a place in which there are remarks alone is a table, too."""
    places = [key for key in (*sheet.tables, *remarks) if key[:1] == (section,)]
    for key in sorted(dict.fromkeys([(section,), *places]), key=len):
        said = list(_comments(remarks.get(key, [])))
        table = sheet.tables.get(key)
        if table is None and not said:
            continue
        # What holds tables alone is none itself: its remarks stand before them.
        loose = table is None and key == (section,) and section in HOLDERS
        lines = [] if loose else [_title(key)]
        wide = []
        for name, value in (table or {}).items():
            line = f"{_name(name)} = {value_of(value)}"
            if isinstance(value, dict) and len(line) > WIDE:
                wide.append(_table((*key, name), value))
            else:
                lines.append(line)
        yield "\n".join([*lines, *said])
        yield from wide


def _table(key: Key, table: Mapping[str, object]) -> str:
    lines = [f"{_name(name)} = {value_of(value)}" for name, value in table.items()]
    return "\n".join([_title(key), *lines])


def _title(key: Key) -> str:
    return f"[{'.'.join(_name(str(part)) for part in key)}]"


def _comments(remarks: Sequence[Remark]) -> Iterator[str]:
    for remark in remarks:
        text = f"{remark} It said: {remark.said}" if remark.said else str(remark)
        yield from textwrap.wrap(
            text,
            WIDE,
            initial_indent="# ",
            subsequent_indent="#   ",
            break_long_words=False,
            break_on_hyphens=False,
        )


def _name(name: str) -> str:
    return name if _BARE.fullmatch(name) else quoted(name, len(name))
