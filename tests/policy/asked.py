"""Offers, and how their homes are: what the tests of plans are made of."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import NoReturn

from gateway.policy.asking import Ask
from gateway.policy.offers import Offer
from gateway.words.secret import Secret
from gateway.words.target import Origin, Plan, Target


def offer(
    provider: str,
    names: dict[str, str] | None = None,
    *,
    prefix: str = "",
    listing: bool = False,
    anything: bool = False,
    keys: int = 0,
) -> Offer:
    target = Target(
        provider=provider,
        kind="openai",
        form="chat",
        origin=Origin("http", provider, 80),
        path="/v1",
        model="",
    )
    secrets = tuple(Secret(f"key-{number}") for number in range(1, keys + 1))
    return Offer(provider, names or {}, prefix, listing, anything, target, secrets)


@dataclass
class Fake:
    """Health that says what it is told to, by the names of targets; keys are `name#number`."""

    rests: dict[str, float] = field(default_factory=dict)
    key_rests: dict[str, float] = field(default_factory=dict)
    calls: dict[str, int] = field(default_factory=dict)
    speeds: dict[str, float] = field(default_factory=dict)

    def rests_for(self, target: Target, now: float) -> float:
        return max(self.rests.get(target.name, 0.0) - now, 0.0)

    def key_rests_for(self, target: Target, now: float) -> float:
        return max(self.key_rests.get(f"{target.name}#{target.key_number}", 0.0) - now, 0.0)

    def open_calls(self, target: Target) -> int:
        return self.calls.get(target.name, 0)

    def speed(self, target: Target) -> float | None:
        return self.speeds.get(target.name)


def unasked() -> NoReturn:
    raise AssertionError("nothing depends on the conversation here")


def ask(health: Fake | None = None, *, turn: int = 0, draw: float = 0.0, thread: str = "") -> Ask:
    """Return a question at second 0; without a `thread` nobody may ask for one."""
    said: Callable[[], bytes] = unasked
    if thread:
        said = thread.encode
    return Ask(0.0, turn, draw, said, health or Fake())


def places(targets: Plan | Iterable[Target]) -> list[str]:
    """Return the targets' names, with the numbers of their keys where there are several."""
    if isinstance(targets, Plan):
        targets = targets.targets
    return [f"{each.name}#{each.key_number}" if each.key_number else each.name for each in targets]
