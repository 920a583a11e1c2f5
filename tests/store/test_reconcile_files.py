"""Files are what their first bytes say: tables, or pages of OpenAI's API."""

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from gateway.store.reconcile import Amounts
from gateway.store.reconcile_exports import Export, ExportFault
from gateway.store.reconcile_files import read_exports

DAY = (date(2025, 10, 7) - date(1970, 1, 1)).days


def page(*results: dict[str, Any], more: bool = False) -> dict[str, Any]:
    bucket = {"object": "bucket", "start_time": 1_759_795_200, "end_time": 1_759_881_600}
    pages = {"object": "page", "has_more": more, "next_page": None}
    return {**pages, "data": [{**bucket, "results": list(results)}]}


def used(requests: int = 1) -> dict[str, Any]:
    return {
        "object": "organization.usage.completions.result", "model": "gpt-5.2-2026-01-01",
        "input_tokens": 10, "output_tokens": 5, "input_cached_tokens": 8,
        "num_model_requests": requests, "project_id": None, "batch": None,
    }  # fmt: skip


def cost(value: object, item: str | None = None, currency: str = "usd") -> dict[str, Any]:
    amount = {"value": value, "currency": currency}
    return {"object": "organization.costs.result", "amount": amount, "line_item": item}


def read(folder: Path, *texts: str) -> Export:
    paths = []
    for number, text in enumerate(texts):
        paths.append(folder / f"{number}.txt")
        paths[-1].write_text(text, encoding="utf-8")
    return read_exports(paths)


def test_a_page_of_usage_is_read(tmp_path: Path) -> None:
    export = read(tmp_path, json.dumps(page(used(), used(2)), indent=2))
    assert export.amounts == {(DAY, "gpt-5.2"): Amounts(3, 20, 10)}
    assert (export.forms, export.notes) == (["OpenAI's API"], [])


def test_a_page_of_costs_is_read_exactly(tmp_path: Path) -> None:
    whole = page(cost(0.06), cost("1e-9"), cost(1.25, "gpt-5.2-2026-01-01, input"))
    assert read(tmp_path, json.dumps(whole)).amounts == {
        (DAY, None): Amounts(cost_nanos=60_000_001),
        (DAY, "gpt-5.2"): Amounts(cost_nanos=1_250_000_000),
    }


@pytest.mark.parametrize("how", ["list", "lines"])
def test_several_pages_are_read(how: str, tmp_path: Path) -> None:
    pages = [page(used(), more=True), page(used())]
    text = json.dumps(pages) if how == "list" else "\n".join(map(json.dumps, pages))
    export = read(tmp_path, "\ufeff" + text)
    assert export.amounts == {(DAY, "gpt-5.2"): Amounts(2, 20, 10)}
    assert export.notes == []


def test_a_page_after_which_there_are_more_is_told(tmp_path: Path) -> None:
    (note,) = read(tmp_path, json.dumps(page(used(), more=True))).notes
    assert note == "0.txt ends with a page after which there are more."


def test_a_line_that_is_no_page_is_counted(tmp_path: Path) -> None:
    whole = json.dumps(page(used()))
    export = read(tmp_path, f'{whole}\n{{"data": 1}}\n\n{whole}\n')
    assert (export.lines, export.malformed) == (2, 1)


@pytest.mark.parametrize("count", ["-5", "9" * 40, "9" * 4300, "9" * 5000])
def test_r15_a_count_that_is_none_is_told_and_not_added_up(count: str, tmp_path: Path) -> None:
    """R15: what a page of JSON says is bounded as what a table says."""
    line = json.dumps(page(used()))
    odd = line.replace('"input_tokens": 10', f'"input_tokens": {count}')
    export = read(tmp_path, f"{line}\n{odd}")
    assert (export.lines, export.malformed) == (1, 1)
    assert export.amounts == {(DAY, "gpt-5.2"): Amounts(1, 10, 5)}


def test_other_currencies_and_odd_amounts_are_counted(tmp_path: Path) -> None:
    export = read(tmp_path, json.dumps(page(used(), cost(1, currency="eur"), cost(1e30))))
    assert (export.lines, export.malformed) == (1, 2)


def test_usage_and_costs_add_up(tmp_path: Path) -> None:
    table = "date,model,cost\n2025-10-07,gpt-5.2,1\n"
    export = read(tmp_path, json.dumps(page(used())), table)
    assert export.amounts == {(DAY, "gpt-5.2"): Amounts(1, 10, 5, 1_000_000_000)}
    assert export.forms == ["OpenAI's API", "a plain table"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a,\x1b[2Jb\n", "its first line is no header that is known.\na,�[2Jb\nKnown:\n"),
        ("", "its first line is no header"),
        ("x" * 99_999, "its first line is no header"),
        ('{"a": 1}', "is JSON, and no page of OpenAI's usage or costs: "),
        ("[1]\n[2]\n[3]", "is JSON, and no page of OpenAI's usage or costs: "),
        ("[" * 100_000, "is JSON, and no page of OpenAI's usage or costs: "),
        ('{"data": []}', "Nothing was used, says "),
        ("date,model,cost\nx,y,z\n", "(1 lines cannot be read)"),
    ],
)
def test_what_is_no_export_is_told(text: str, told: str, tmp_path: Path) -> None:
    with pytest.raises(ExportFault) as caught:
        read(tmp_path, text)
    assert told in str(caught.value)
    assert len(str(caught.value)) < 2000


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ExportFault, match=r"none.csv cannot be read: No such file"):
        read_exports([tmp_path / "none.csv"])


def test_json_has_a_longest(tmp_path: Path) -> None:
    path = tmp_path / "page.json"
    path.write_text(json.dumps(page(used())), encoding="utf-8")
    with pytest.raises(ExportFault, match="longer than 10 bytes: export it as CSV"):
        read_exports([path], largest_json=10)
