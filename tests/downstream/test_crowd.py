"""The open calls by phase and by age."""

from gateway.downstream.calls import Calls, OpenCall
from gateway.downstream.crowd import AGES, crowd
from gateway.words.receipt import Phase, Receipt


def counted(calls: Calls, now: float) -> dict[str, dict[str, float]]:
    return {
        each.name.removeprefix("gateway_"): {
            "".join(labels): numbers[0] for labels, numbers in each.series
        }
        for each in crowd(calls, now)
    }


def opened(*began: float) -> Calls:
    calls = Calls(10)
    for number, moment in enumerate(began):
        receipt = Receipt("x", "POST", "/x", "127.0.0.1", moment)
        receipt.phase = (Phase.WAITING, Phase.STREAMING)[number % 2]
        calls.add(OpenCall(receipt))
    return calls


async def test_at_rest_every_phase_and_every_age_is_zero() -> None:
    assert counted(opened(), 5.0) == {
        "open_calls_in_phase": dict.fromkeys(map(str, Phase), 0),
        "open_calls_older_than": {str(age): 0 for age in AGES},
        "oldest_call_seconds": {"": 0.0},
    }


async def test_open_calls_count_by_phase_and_by_how_long_they_have_been_there() -> None:
    told = counted(opened(100.0, 0.0, 95.0, 99.5, 40.0), 100.5)
    assert told["open_calls_in_phase"] == {
        "body": 0, "waiting": 3, "streaming": 2, "finishing": 0,
    }  # fmt: skip
    assert told["open_calls_older_than"] == {"1": 3, "10": 2, "60": 2, "300": 0, "1800": 0}
    assert told["oldest_call_seconds"] == {"": 100.5}
