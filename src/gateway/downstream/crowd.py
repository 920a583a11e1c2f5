"""How many calls are open in which phase, how old they are, and how old the oldest is.

It is worked out where somebody asks, from the registry itself: the way of a call pays nothing.
"""

from bisect import bisect_left
from typing import Final

from gateway.downstream.calls import Calls
from gateway.telemetry.series import Family
from gateway.words.receipt import Phase

AGES: Final = (1, 10, 60, 300, 1_800)
"""Seconds."""


def crowd(calls: Calls, now: float) -> list[Family]:
    """Say it in families of gauges, so that all labels are there also where there is nothing."""
    receipts = [call.receipt for call in calls]
    phases = [receipt.phase for receipt in receipts]
    began = sorted([receipt.began for receipt in receipts])
    oldest = now - began[0] if began else 0.0
    return [
        Family(
            "gateway_open_calls_in_phase",
            ["phase"],
            [([phase], [phases.count(phase)]) for phase in Phase],
        ),
        Family(
            "gateway_open_calls_older_than",
            ["seconds"],
            [([str(age)], [bisect_left(began, now - age)]) for age in AGES],
        ),
        Family("gateway_oldest_call_seconds", [], [([], [round(oldest, 3)])]),
    ]
