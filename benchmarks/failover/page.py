"""Writes the page of a run: what came out, what is asked, with which settings, on what."""

from pathlib import Path
from typing import Final

from benchmarks.failover.judge import PACE, SLACK
from benchmarks.failover.records import Row, Scorecard
from benchmarks.failover.scenarios import MOST_AT_DEAD, MOST_AT_WELL, TOGETHER
from benchmarks.failover.settings import REST, configuration
from benchmarks.failover.show import times, total
from benchmarks.report import table

PAGE: Final = "failover.md"

HEAD: Final = """\
# Fail-over

What a caller gets while a provider misbehaves. The real `gateway serve` stands between OpenAI's own
client and two providers on loopback that follow a script to the byte: the *primary*, which has the
model that is asked for and does what the scenario says, and the *secondary*, which has its fallback
and is well unless the scenario says otherwise. Each scenario has a gateway of its own, which knows
nothing of what went before, and is played twice where that makes sense: as a stream, and as an
answer in one piece.

The client tries nothing again (`max_retries=0`): **what it gets, the gateway got for it**. Beneath
it all bytes are kept, so a scenario is judged by what was on the wire, by what the client made of
it, by every attempt that the providers saw and when, and by the gateway's log.

`python -m nox -s failover -- --write` runs it anew and writes this page:
[how to run it, or score another gateway](../benchmarks/README.md#the-fail-over-scorecard)."""

BARS: Final = f"""\
## What is asked

Of every scenario:

- **The caller gets the complete and exact answer**: each letter, one `finish_reason`, one id, the
  end of the body, and `[DONE]` of a stream. OpenAI's client reads the same text. Two scenarios ask
  for a clean error instead: a refusal by the content filter is told as it is, and of an answer that
  broke off and comes out differently when it is asked for again nothing is spliced: its beginning
  stays as it was, and an error in the stream ends it.
- **Nothing comes behind an error**, least of all `[DONE]`.
- **No target gets a third attempt of one call within {PACE:g} s.**
- **It takes no longer than its clocks**, two pauses before retries and the answer itself.
- **The log agrees**: `completed` for those who got their answer, and for nobody else.

Of some:

- A silent target is given up at its first clock, {SLACK:g} s later at most, and not asked again in
  that call.
- What was tried everywhere is told with `x-should-retry: false`, and with the provider's
  `retry-after`.
- A target that says `Retry-After` is not asked again before that.
- Nobody is sent the beginning of an answer to go on from who has not asked for it.
- Usage, model, the header `x-gateway-attempts` and the log are about who answered.
- Of {TOGETHER} calls at once a dead target gets {MOST_AT_DEAD} attempts at most, and the one that
  answers {MOST_AT_WELL}.
- A target that flaps is used again as soon as its rest is over."""


COLUMNS: Final = (
    "scenario", "the primary", "answer", "", "the caller got", "primary", "secondary", "s",
)  # fmt: skip

SETTINGS: Final = f"""\
## Settings

The gateway's configuration, but for two ports. In `flapping` and `resting` alone a `cooldown` is
set too, whose rest is {REST:g} s."""


def write(card: Scorecard, folder: Path) -> Path:
    """Write the page below a folder; return it."""
    page = folder / PAGE
    page.write_text(render(card), encoding="utf-8")
    return page


def render(card: Scorecard) -> str:
    """Return the page."""
    sections = [
        HEAD,
        "## What came out\n\n" + f"**{total(card)}.** Attempts are seconds since the call began.",
        table(
            [
                "scenario",
                "the primary",
                "answer",
                "",
                "the caller got",
                "primary",
                "secondary",
                "s",
            ],
            [_cells(row) for row in card.rows],
        ),
        *_failures(card),
        BARS,
        SETTINGS + f"\n\n```toml\n{configuration('PRIMARY', 'SECONDARY')}```",
        "## On what\n\n" + _machine(card),
    ]
    return "\n\n".join(sections) + "\n"


def _cells(row: Row) -> list[str]:
    word = "passed" if row.passed else "**failed**"
    return [
        f"`{row.scenario}`", row.title, row.mode, word, row.got,
        times(row.primary, seen=row.seen), times(row.secondary), f"{row.seconds:.2f}",
    ]  # fmt: skip


def _failures(card: Scorecard) -> list[str]:
    """Tell of all that failed, and why."""
    found = [
        f"- `{row.scenario}`, {row.mode}: {problem.replace('|', '/')}"
        for row in card.rows
        for problem in row.problems
    ]
    return ["### What failed\n\n" + "\n".join(found)] if found else []


def _machine(card: Scorecard) -> str:
    machine = card.machine
    rows = [
        ["nursery-gateway", card.version or "another gateway"],
        ["openai", card.openai],
        ["processor", f"{machine.processor}, {machine.cores} cores, shared by all processes"],
        ["memory", f"{machine.memory_gigabytes} GiB"],
        ["kernel", machine.kernel],
        ["Python", machine.python],
        ["date", card.date],
    ]
    parts = [table(["", ""], rows)]
    if card.notices:
        parts.append("\n".join(f"- {notice}" for notice in card.notices))
    return "\n\n".join(parts)
