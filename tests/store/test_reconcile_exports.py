"""Tables of providers are known by their headers, and read line by line whatever they hold."""

import io
from datetime import date

import pytest

from gateway.store.reconcile import Amounts
from gateway.store.reconcile_exports import (
    LONGEST_LINE,
    MOST_KEYS,
    MOST_TOLD,
    Export,
    ExportFault,
    count_of,
    day_of,
    known,
    nanos_of,
    read_table,
)

DAY = (date(2025, 10, 7) - date(1970, 1, 1)).days

OPENAI_USAGE = """\
start_time,end_time,start_time_iso,end_time_iso,project_id,num_model_requests,user_id,api_key_id,\
model,batch,service_tier,input_tokens,output_tokens,input_cached_tokens
1759795200,1759881600,2025-10-07T00:00:00+00:00,2025-10-08T00:00:00+00:00,proj_a,21.0,,,\
gpt-5-mini-2025-08-07,FALSE,default,80992.0,274770.0,0.0
1759795200,1759881600,2025-10-07T00:00:00+00:00,2025-10-08T00:00:00+00:00,proj_b,1.0,,,\
gpt-5-mini-2025-08-07,FALSE,default,8.0,2.0,0.0
1759881600,1759968000,2025-10-08T00:00:00+00:00,2025-10-09T00:00:00+00:00,,,,,,,,,,
"""
OPENAI_COSTS = """\
start_time\tend_time\tstart_time_iso\tend_time_iso\tamount_value\tamount_currency\tline_item
1759795200\t1759881600\t2025-10-07\t2025-10-08\t0.569788000000000000000000000001\tusd\t
1759881600\t1759968000\t2025-10-08\t2025-10-09\t\t\t
1759795200\t1759881600\t2025-10-07\t2025-10-08\t1.5\tusd\tgpt-4o-2024-08-06, cached input
"""
ANTHROPIC_USAGE = """\
usage_date_utc,model_version,api_key,workspace,usage_type,context_window,\
usage_input_tokens_no_cache,usage_input_tokens_cache_write_5m,usage_input_tokens_cache_write_1h,\
usage_input_tokens_cache_read,usage_output_tokens,web_search_count,inference_geo,speed
2025-10-07,claude-sonnet-4-20250514,key,Default,standard,≤ 200k,100,10,1,1000,50,0,,
2025-10-07 23:00,claude-sonnet-4-20250514,key,Default,standard,≤ 200k,1,0,0,0,1,0,,
"""
ANTHROPIC_COSTS = """\
usage_date_utc,model,workspace,api_key,usage_type,context_window,token_type,cost_usd,\
list_price_usd,cost_type,inference_geo,speed
2025-10-07,Claude Haiku 4.5,Default,key,message,≤ 200k,input_no_cache,0.05,0.05,token,,
2025-10-07,Claude Haiku 4.5,Default,key,message,≤ 200k,output,0.02,0.02,token,,
2025-10-07,,Default,key,,,,0.10,0.10,web_search,,
"""
PLAIN = """\
Date;Model;Input_Tokens;Output_Tokens;Requests;Cost
2025-10-07;gpt-5.2;1,000;20;3;$1.25
2025-10-07T23:30:00-02:00;gpt-5.2;1;1;1;-0.25
"""


def read(text: str) -> Export:
    file = io.BytesIO(text.encode())
    export = Export()
    assert read_table(file, file.readline(), "x.csv", export)
    return export


def test_openais_usage_is_known() -> None:
    export = read(OPENAI_USAGE)
    assert export.amounts == {(DAY, "gpt-5-mini"): Amounts(22, 81_000, 274_772)}
    assert (export.forms, export.lines, export.malformed) == (["OpenAI's usage"], 2, 0)


def test_openais_costs_are_known_with_and_without_items() -> None:
    export = read(OPENAI_COSTS)
    assert export.amounts == {
        (DAY, None): Amounts(cost_nanos=569_788_000),
        (DAY, "gpt-4o"): Amounts(cost_nanos=1_500_000_000),
    }


def test_anthropics_usage_counts_what_was_cached_as_input() -> None:
    export = read(ANTHROPIC_USAGE)
    assert export.amounts == {(DAY, "claude-sonnet-4"): Amounts(None, 1112, 51)}


def test_anthropics_costs_are_known() -> None:
    export = read(ANTHROPIC_COSTS)
    assert export.amounts == {
        (DAY, "claude-haiku-4-5"): Amounts(cost_nanos=70_000_000),
        (DAY, "(web_search)"): Amounts(cost_nanos=100_000_000),
    }


def test_a_plain_table_is_known() -> None:
    export = read("\ufeff" + PLAIN)
    assert export.amounts == {
        (DAY, "gpt-5.2"): Amounts(3, 1000, 20, 1_250_000_000),
        (DAY + 1, "gpt-5.2"): Amounts(1, 1, 1, -250_000_000),
    }


def test_a_plain_table_may_tell_one_thing_alone() -> None:
    assert read("model,date,cost\nm,2025-10-07,1\n").amounts == {
        (DAY, "m"): Amounts(cost_nanos=1_000_000_000)
    }


@pytest.mark.parametrize("header", ["", "a,b", "date,model", "date,model\xff", '"date'])
def test_any_other_header_is_none(header: str) -> None:
    export = Export()
    assert not read_table(io.BytesIO(), header.encode("latin-1"), "x.csv", export)
    assert export.forms == []
    assert "OpenAI's usage: input_tokens, model, num_model_requests" in known()


def test_what_cannot_be_read_is_counted_and_told_with_its_line() -> None:
    lines = [
        "2025-10-07,m,1",
        "2025-10-07,m",
        "yesterday,m,1",
        '2025-10-07,"m,1',
        "2025-10-07,m,-1",
        "2025-10-07,m,1.5",
        "2025-10-07,m,many",
        "2025-10-07,m,NaN",
        "2025-10-07,m,1e999999",
        "9" * 60 + ",m,1",
        "",
        "2025-10-07,m,2",
    ]
    export = read("date,model,requests\n" + "\n".join(lines))
    assert export.amounts == {(DAY, "m"): Amounts(requests=3)}
    assert (export.lines, export.malformed, len(export.told)) == (2, 9, MOST_TOLD)
    assert export.told[0] == "x.csv:3: has 2 columns and not 3"
    assert export.told[1] == "x.csv:4: date is neither a day nor a moment"


def test_costs_in_another_currency_are_refused() -> None:
    export = read("start_time,amount_value,amount_currency\n1759795200,1,eur\n")
    assert (export.amounts, export.told) == ({}, ["x.csv:2: amount_currency is not usd"])


def test_a_line_without_end_takes_no_memory_and_no_other_along() -> None:
    long = "2025-10-07,m," + "1" * (3 * LONGEST_LINE)
    export = read(f"date,model,requests\n{long}\n2025-10-07,m,2\n")
    assert export.amounts == {(DAY, "m"): Amounts(requests=2)}
    assert export.told == ["x.csv:2: is longer than 65,536 bytes"]


def test_bytes_that_are_no_text_spoil_their_line_alone() -> None:
    file = io.BytesIO(b"date,model,requests\n2025-10-07,\xff,1\n2025-10-07,m,1")
    export = Export()
    assert read_table(file, file.readline(), "x.csv", export)
    assert (export.lines, export.told) == (1, ["x.csv:2: is not UTF-8"])


def test_too_many_different_models_are_refused() -> None:
    export = Export()
    for number in range(MOST_KEYS):
        export.amounts[number, "m"] = Amounts()
    export.add((1, "m", Amounts(1)))
    with pytest.raises(ExportFault, match="more than 200,000 days and models"):
        export.add((-1, "m", Amounts(1)))


@pytest.mark.parametrize(
    ("text", "day"),
    [
        *(("2025-10-07", DAY), ("1759795200", DAY), ("1759881599.9", DAY)),
        *(("2025-10-07T23:59:59Z", DAY), ("2025-10-07T00:30:00+02:00", DAY - 1)),
    ],
)
def test_days_are_those_of_utc(text: str, day: int) -> None:
    assert day_of(text) == day


def test_numbers_are_exact() -> None:
    assert (count_of(""), count_of("59200.0"), count_of("1,204")) == (0, 59_200, 1_204)
    assert nanos_of("0.0038359805") == 3_835_980
    assert nanos_of("$12.000000001") == 12_000_000_001
