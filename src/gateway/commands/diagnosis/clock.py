"""This machine's clock, held against the dates of the answers that the other checks had. Pure."""

from collections.abc import Mapping
from statistics import median
from typing import Final

from gateway.commands.diagnosis.verdict import Verdict, counted, fail, ok, skipped, warn
from gateway.policy.callers import is_loopback
from gateway.words.target import Origin

NOTICED: Final = 5.0
"""Seconds off that an operator should know of."""

TOO_FAR: Final = 60.0
"""Seconds off with which tokens of issuers are taken for over, or for not begun."""

REMEDY: Final = (
    "Have the clock set by NTP (`timedatectl set-ntp true`): signatures for AWS, tokens of issuers"
    " and the windows of budgets go by it."
)


def clock(ahead: Mapping[Origin, float]) -> Verdict:
    """Judge by how far our clock is ahead of those of others; the middle one counts.

    What runs on this machine has the same clock, right or wrong, so it is no witness.
    """
    others = [skew for origin, skew in ahead.items() if not is_loopback(origin.host)]
    if not others:
        return skipped("time", "nobody on another machine told the time")
    skew = median(others)
    among = f"of {counted(len(others), 'server')} that answered"
    if abs(skew) < NOTICED:
        return ok("time", f"within {NOTICED:g} s {among}")
    seen = f"{abs(skew):,.0f} s {'ahead' if skew > 0 else 'behind'} {among}"
    return (fail if abs(skew) >= TOO_FAR else warn)("time", seen, REMEDY)
