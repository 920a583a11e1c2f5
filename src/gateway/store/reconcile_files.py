"""Opens providers' exports and finds out what they are: a table, or pages of OpenAI's API."""

from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import BinaryIO, Final

import msgspec

from gateway.store.reconcile import Amounts
from gateway.store.reconcile_exports import (
    LONGEST_LINE,
    Entry,
    Export,
    ExportFault,
    count_of,
    day_of,
    known,
    line_item_model,
    nanos_of,
    read_table,
)

LARGEST_JSON: Final = 67_108_864
"""Bytes. A page of the API holds 180 days at most."""

LONGEST_SHOWN: Final = 200


class _Amount(msgspec.Struct):
    value: Decimal = Decimal()
    currency: str = "usd"


class _Result(msgspec.Struct):
    model: str | None = None
    num_model_requests: int | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    amount: _Amount | None = None
    line_item: str | None = None


class _Bucket(msgspec.Struct):
    start_time: int
    results: list[_Result]


class _Page(msgspec.Struct):
    data: list[_Bucket]
    has_more: bool = False


_pages_of = msgspec.json.Decoder(_Page | list[_Page]).decode


def read_exports(paths: Sequence[Path], largest_json: int = LARGEST_JSON) -> Export:
    """Add up all files together. Raises `ExportFault`."""
    export = Export()
    for path in paths:
        try:
            with path.open("rb") as file:
                _read(file, path, export, largest_json)
        except OSError as error:
            raise ExportFault(f"{path} cannot be read: {error.strerror}.") from None
        except ExportFault as fault:
            raise ExportFault(f"{path}: {fault}") from None
    if not export.amounts:
        raise ExportFault(
            f"Nothing was used, says {', '.join(map(str, paths))}"
            f"{f' ({export.malformed:,} lines cannot be read)' if export.malformed else ''}."
        )
    return export


def _read(file: BinaryIO, path: Path, export: Export, largest_json: int) -> None:
    header = file.readline(LONGEST_LINE)
    if header.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in {b"{", b"["}:
        file.seek(0)
        data = file.read(largest_json + 1)
        if len(data) > largest_json:
            raise ExportFault(f"is JSON and longer than {largest_json:,} bytes: export it as CSV.")
        _read_pages(data.removeprefix(b"\xef\xbb\xbf"), path.name, export)
    elif not header.endswith(b"\n") or not read_table(file, header, path.name, export):
        shown = header[:LONGEST_SHOWN].decode(errors="replace").strip()
        plain = "".join(sign if sign.isprintable() else "�" for sign in shown)
        raise ExportFault(f"its first line is no header that is known.\n{plain}\nKnown:\n{known()}")


def _read_pages(data: bytes, name: str, export: Export) -> None:
    """Read one page, a list of pages, or a page on each line."""
    try:
        pages = _as_list(_pages_of(data))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        pages = list(_by_lines(data, name, export, error))
    export.forms.append("OpenAI's API")
    if any(page.has_more for page in pages[-1:]):
        export.notes.append(f"{name} ends with a page after which there are more.")
    for entry in _entries(pages, name, export):
        export.add(entry)


def _as_list(pages: _Page | list[_Page]) -> list[_Page]:
    return pages if isinstance(pages, list) else [pages]


def _by_lines(data: bytes, name: str, export: Export, why: Exception) -> Iterator[_Page]:
    lines = [line for line in data.splitlines() if line.strip()]
    found = 0
    for number, line in enumerate(lines, 1):
        try:
            pages = _as_list(_pages_of(line))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            if number > 1 and not found:
                break
            export.refuse(f"{name}:{number}", str(error))
        else:
            found += 1
            yield from pages
    if not found:
        raise ExportFault(f"is JSON, and no page of OpenAI's usage or costs: {why}\n{known()}")


def _entries(pages: Iterable[_Page], name: str, export: Export) -> Iterator[Entry]:
    for page in pages:
        for bucket in page.data:
            for result in bucket.results:
                try:
                    yield _entry(bucket.start_time, result)
                except (ValueError, OverflowError) as error:
                    export.refuse(name, str(error))


def _entry(start: int, result: _Result) -> Entry:
    if result.amount is None:
        said = (result.num_model_requests, result.input_tokens, result.output_tokens)
        counts = (None if each is None else count_of(str(each)) for each in said)
        return day_of(str(start)), result.model or None, Amounts(*counts)
    if result.amount.currency.lower() != "usd":
        raise ValueError("a cost is not in US dollars")
    cost = Amounts(cost_nanos=nanos_of(str(result.amount.value)))
    return day_of(str(start)), line_item_model(result.line_item or None), cost
