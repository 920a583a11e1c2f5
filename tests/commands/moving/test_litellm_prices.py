"""What a model costs: dollars for one token there, for a million here."""

from gateway.commands.moving.litellm_prices import dearer, prices_of


def test_a_price_is_for_a_million_tokens_and_the_model_info_counts_first() -> None:
    info = {"input_cost_per_token": 2.5e-06, "cache_read_input_token_cost": "0.00000125"}
    params = {"input_cost_per_token": 1, "input_cost_per_request": 0.01, "rpm": 5}
    found, sources = prices_of([(("i",), info), (("p",), params)])
    assert found == {"input": 2.5, "output": 0.0, "cached_input": 1.25, "per_request": 0.01}
    assert list(sources) == [
        *(("i", "input_cost_per_token"), ("i", "cache_read_input_token_cost")),
        *(("p", "input_cost_per_token"), ("p", "input_cost_per_request")),
    ]


def test_what_nobody_would_pay_is_no_price() -> None:
    assert prices_of([((), {"input_cost_per_token": 2.0, "output_cost_per_token": "x"})]) == (
        {},
        {},
    )


def test_of_two_prices_the_higher_counts_token_by_token() -> None:
    one, other = {"input": 1.0, "output": 5.0}, {"input": 2.0, "output": 3.0, "reasoning": 1.0}
    assert dearer(one, other) == {"input": 2.0, "output": 5.0, "reasoning": 1.0}
