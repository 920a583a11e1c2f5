"""Writes the page of a run: what is asked, what came out, how it was measured, on what."""

from pathlib import Path
from typing import Final

import msgspec

from benchmarks.accounts.kill import MARGIN, PROMISED
from benchmarks.accounts.records import Row, Scorecard
from benchmarks.accounts.show import WORDS, total
from benchmarks.report import table

PAGE: Final = "accounts.md"
FIGURES: Final = "accounts.figures.json"

HEAD: Final = """\
# Keys, limits, budgets and the ledger, measured

What is promised of [keys](keys.md), [budgets](budgets.md) and the [ledger](ledger.md), measured on
real `gateway serve` processes, with real sockets, a real Redis and a real PostgreSQL. The provider
is a program on loopback that answers as it is asked to, a token in each event, and reports its
usage.

`python -m nox -s accounts -- --write` runs it anew and writes this page:
[how to run it](../benchmarks/README.md#keys-limits-budgets-the-ledger)."""

HOW: Final = f"""\
## How it is measured

- **Budgets**: 500 callers ask at the same moment on one key that has money for 100 of their calls.
  *Spent or held* counts what ended calls have cost and what open ones hold; with a shared store,
  what it has granted and does not lie idle in a process. A caller of an answer in one piece that is
  refused asks again while money is held that may come back. The provider's prompt is as long as the
  gateway estimates it, so that the budget is tested and not the estimate.
- **Leaving**: clients leave before, within or after their request, while the answer passes or when
  it is whole, by FIN or by RST. What the ledger holds is compared with the gateway's log, call by
  call.
- **Killing**: SIGKILL to the process that serves, while clients ask again and again. They note when
  the last byte of each answer was there, the provider when each call came. Promised are
  {PROMISED:g} ms; {MARGIN:g} more are for who measures: a client hears of the end before the
  gateway has settled the call.
- **Usage**: the command as a person runs it, from its start to its end; the best of three.
- **Admission**: within one process, put together as `gateway serve` does; the network is not in it.
  The store's own count of what it has read says how often it was asked.

What calls hold no metric tells: each process notes every step of its purses for the harness
(`benchmarks/accounts/watched.py`), which costs it some microseconds a step."""


def write(card: Scorecard, folder: Path) -> Path:
    """Write the page and its figures below a folder; return the page."""
    page = folder / PAGE
    page.write_text(render(card), encoding="utf-8")
    (folder / FIGURES).write_bytes(msgspec.json.format(msgspec.json.encode(card), indent=1) + b"\n")
    return page


def render(card: Scorecard) -> str:
    """Return the page."""
    sections = [HEAD, f"## What came out\n\n**{total(card)}.**"]
    sections += [_section(row) for row in card.rows]
    return "\n\n".join([*sections, HOW, "## On what\n\n" + _machine(card)]) + "\n"


def _section(row: Row) -> str:
    cells = [
        [figure.what, figure.measured, figure.bar, _marked(figure.passed)] for figure in row.figures
    ]
    return f"### {row.title}\n\n{table(['', 'measured', 'asked', ''], cells)}"


def _marked(passed: bool | None) -> str:
    return f"**{WORDS[passed]}**" if passed is False else WORDS[passed]


def _machine(card: Scorecard) -> str:
    machine = card.machine
    rows = [
        ["nursery-gateway", card.version],
        ["processor", f"{machine.processor}, {machine.cores} cores, shared by all processes"],
        ["memory", f"{machine.memory_gigabytes} GiB"],
        ["kernel", machine.kernel],
        ["Python", machine.python],
        ["date", card.date],
    ]
    notices = "\n".join(f"- {notice}" for notice in card.notices)
    return "\n\n".join(part for part in (table(["", ""], rows), notices) if part)
