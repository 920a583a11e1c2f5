"""Reads what providers export of their usage: OpenAI's and Anthropic's files, and a plain table.

Whatever a file holds, memory is bounded: tables are read line by line, and added up at once.
"""

import csv
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import BinaryIO, Final

from gateway.store.reconcile import Amounts, Key, plain_model

LONGEST_LINE: Final = 65_536
MOST_KEYS: Final = 200_000
"""Days and models of all files together."""

LONGEST_MODEL: Final = 256
NANOS: Final = 1_000_000_000
LARGEST: Final = 2**53
MOST_TOLD: Final = 5
"""Malformed lines that are told with what is wrong with them; the rest is counted."""

_EPOCH: Final = date(1970, 1, 1)
_LAST_DAY: Final = (date.max - _EPOCH).days

Cells = Mapping[str, str]
Entry = tuple[int, str | None, Amounts]
"""A day since 1970, a model if one is told, and what was used."""


class ExportFault(Exception):
    """A file is no export that is known, or cannot be read; it says why in a sentence."""


@dataclass(slots=True)
class Export:
    """What a provider says was used, from all of its files."""

    amounts: dict[Key, Amounts] = field(default_factory=dict)
    forms: list[str] = field(default_factory=list)
    lines: int = 0
    malformed: int = 0
    told: list[str] = field(default_factory=list)
    """What is wrong with the first malformed lines."""
    notes: list[str] = field(default_factory=list)

    def add(self, entry: Entry) -> None:
        """Count an entry. Raises `ExportFault` where there are too many different ones."""
        day, model, amounts = entry
        key = (day, None if model is None else plain_model(model[:LONGEST_MODEL]))
        if key not in self.amounts and len(self.amounts) >= MOST_KEYS:
            raise ExportFault(f"There are more than {MOST_KEYS:,} days and models in it.")
        total = self.amounts.setdefault(key, Amounts())
        total += amounts
        self.lines += 1

    def refuse(self, where: str, why: str) -> None:
        """Count a line that cannot be read."""
        self.malformed += 1
        if len(self.told) < MOST_TOLD:
            self.told.append(f"{where}: {why}")


@dataclass(frozen=True, slots=True)
class Table:
    """A form of table: the columns by which it is known, and what a line of it says.

    `read` returns None for a line that says that nothing was used, and raises `ValueError`.
    """

    name: str
    needs: frozenset[str]
    one_of: frozenset[str]
    read: Callable[[Cells], Entry | None]


def day_of(text: str) -> int:
    """Read a day, or a moment and its day in UTC: ISO 8601, or Unix seconds."""
    if text.replace(".", "", 1).isdigit():
        day = int(_number(text)) // 86_400
    else:
        moment = datetime.fromisoformat(text)
        whole = moment if moment.tzinfo is None else moment.astimezone(UTC)
        day = (whole.date() - _EPOCH).days
    if not 0 <= day <= _LAST_DAY:
        raise ValueError("is no day that anything was used on")
    return day


def count_of(text: str) -> int:
    """Read a number of tokens or requests; exports write `59200.0` too."""
    number = _number(text)
    if number < 0 or number != int(number):
        raise ValueError("is no whole number")
    return int(number)


def nanos_of(text: str) -> int:
    """Read US dollars, to the nano-dollar. Credits are below zero."""
    return round(_number(text.removeprefix("$")) * NANOS)


def _number(text: str) -> Decimal:
    try:
        number = Decimal(text.replace(",", "") or "0")
    except InvalidOperation:
        raise ValueError("is no number") from None
    if not number.is_finite() or abs(number) > LARGEST:
        raise ValueError("is no number of a sensible size")
    return number


def _counts(cells: Cells, *columns: str) -> int | None:
    """Add up what some columns say; None where the table has none of them."""
    there = [name for name in columns if name in cells]
    return sum(_read(count_of, cells, name) for name in there) if there else None


def _read(reader: Callable[[str], int], cells: Cells, name: str) -> int:
    try:
        return reader(cells[name])
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{name} {str(error) or 'cannot be read'}") from None


def _day(cells: Cells, name: str) -> int:
    try:
        return day_of(cells[name])
    except (ValueError, OverflowError, InvalidOperation):
        raise ValueError(f"{name} is neither a day nor a moment") from None


def _openai_usage(cells: Cells) -> Entry | None:
    counted = ("num_model_requests", "input_tokens", "output_tokens")
    if not any(cells[name] for name in counted):
        return None  # a day without usage has its line too
    requests, tokens_in, tokens_out = (_counts(cells, name) for name in counted)
    amounts = Amounts(requests, tokens_in, tokens_out)
    return _day(cells, "start_time"), cells["model"] or None, amounts


def _openai_costs(cells: Cells) -> Entry | None:
    if not cells["amount_value"]:
        return None
    if cells.get("amount_currency", "usd").lower() not in {"usd", ""}:
        raise ValueError("amount_currency is not usd")
    model = line_item_model(cells.get("line_item") or None)
    cost = Amounts(cost_nanos=_read(nanos_of, cells, "amount_value"))
    return _day(cells, "start_time"), model, cost


def line_item_model(item: str | None) -> str | None:
    """Return the model of one of OpenAI's items, as `gpt-5-mini-2025-08-07, input`."""
    return None if item is None else item.partition(",")[0].strip()


def _anthropic_usage(cells: Cells) -> Entry | None:
    tokens_in = _counts(
        cells,
        "usage_input_tokens_no_cache",
        "usage_input_tokens_cache_write_5m",
        "usage_input_tokens_cache_write_1h",
        "usage_input_tokens_cache_read",
    )
    amounts = Amounts(None, tokens_in, _counts(cells, "usage_output_tokens"))
    return _day(cells, "usage_date_utc"), cells["model_version"] or None, amounts


def _anthropic_costs(cells: Cells) -> Entry | None:
    model = cells.get("model") or f"({cells.get('cost_type') or 'other'})"
    cost = Amounts(cost_nanos=_read(nanos_of, cells, "cost_usd"))
    return _day(cells, "usage_date_utc"), model, cost


def _plain(cells: Cells) -> Entry | None:
    cost = _read(nanos_of, cells, "cost") if "cost" in cells else None
    columns = ("requests", "input_tokens", "output_tokens")
    requests, tokens_in, tokens_out = (_counts(cells, name) for name in columns)
    amounts = Amounts(requests, tokens_in, tokens_out, cost)
    return _day(cells, "date"), cells["model"] or None, amounts


def _needs(*names: str) -> frozenset[str]:
    return frozenset(names)


TABLES: Final = (
    Table(
        "OpenAI's usage",
        _needs("start_time", "model", "num_model_requests", "input_tokens", "output_tokens"),
        _needs(),
        _openai_usage,
    ),
    Table("OpenAI's costs", _needs("start_time", "amount_value"), _needs(), _openai_costs),
    Table(
        "Anthropic's usage",
        _needs("usage_date_utc", "model_version", "usage_output_tokens"),
        _needs(),
        _anthropic_usage,
    ),
    Table("Anthropic's costs", _needs("usage_date_utc", "cost_usd"), _needs(), _anthropic_costs),
    Table(
        "a plain table",
        _needs("date", "model"),
        _needs("requests", "input_tokens", "output_tokens", "cost"),
        _plain,
    ),
)
"""What is known, by the columns that it has."""


def known() -> str:
    """Say which tables are known, and by which columns."""
    told = []
    for table in TABLES:
        columns = ", ".join(sorted(table.needs))
        more = f" and one of {', '.join(sorted(table.one_of))}" if table.one_of else ""
        told.append(f"  {table.name}: {columns}{more}")
    return "\n".join([*told, "  OpenAI's usage and costs as its API gives them, in JSON"])


def read_table(file: BinaryIO, header: bytes, name: str, export: Export) -> bool:
    """Add up a table; False where its header is none that is known. Raises `ExportFault`."""
    try:
        text = header.decode("utf-8-sig")
        delimiter = max("\t;,", key=text.count)
        columns = [column.strip().lower() for column in _cells(text, delimiter)]
    except (UnicodeDecodeError, csv.Error):
        return False
    table = next((table for table in TABLES if _fits(table, columns)), None)
    if table is None:
        return False
    export.forms.append(table.name)
    for number, line in _lines(file):
        if line is None:
            export.refuse(f"{name}:{number}", f"is longer than {LONGEST_LINE:,} bytes")
        elif line.strip():
            try:
                entry = table.read(_row(line, columns, delimiter))
                if entry is not None:
                    export.add(entry)
            except (ValueError, csv.Error) as error:
                export.refuse(f"{name}:{number}", str(error))
    return True


def _fits(table: Table, columns: Iterable[str]) -> bool:
    there = set(columns)
    return table.needs <= there and (not table.one_of or bool(table.one_of & there))


def _lines(file: BinaryIO) -> Iterator[tuple[int, bytes | None]]:
    """Yield the lines after the header with their numbers; None for one that is too long."""
    number = 1
    while line := file.readline(LONGEST_LINE):
        number += 1
        whole = line.endswith(b"\n") or len(line) < LONGEST_LINE
        yield number, line if whole else None
        while not line.endswith(b"\n") and (line := file.readline(LONGEST_LINE)):
            pass


def _row(line: bytes, columns: list[str], delimiter: str) -> Cells:
    try:
        cells = _cells(line.decode(), delimiter)
    except UnicodeDecodeError:
        raise ValueError("is not UTF-8") from None
    if len(cells) != len(columns):
        raise ValueError(f"has {len(cells)} columns and not {len(columns)}")
    return {column: cell.strip() for column, cell in zip(columns, cells, strict=True)}


def _cells(text: str, delimiter: str) -> list[str]:
    """Take a line apart by itself, so that a stray quote spoils no other."""
    return next(csv.reader([text.rstrip("\r\n")], delimiter=delimiter, strict=True), [])
