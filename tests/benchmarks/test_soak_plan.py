"""What a soak will be is settled beforehand: the same seed gives the same calls and outages."""

import socket
import subprocess
import sys
from collections import Counter
from itertools import pairwise

import msgspec

from benchmarks.peers.ports import LEAST, LENT, steady_port
from benchmarks.soak.odd import ODD
from benchmarks.soak.outages import QUIET, draw_outages
from benchmarks.soak.plan import CHAT, MANNERS, PLAYS, WARMING, draw, name_of, planned

MANY = 6_000


def test_a_seed_gives_the_same_calls_in_every_process() -> None:
    said = subprocess.run(
        [
            sys.executable, "-c",
            "from benchmarks.soak.plan import draw; print([draw(5, n) for n in range(200)])",
        ],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert said.stdout.strip() == str([draw(5, number) for number in range(200)])


def test_another_seed_gives_other_calls() -> None:
    assert draw(5, 100) != draw(6, 100)
    assert draw(5, 100) != draw(5, 101)


def test_every_kind_of_trouble_is_drawn() -> None:
    plans = [draw(1, number) for number in range(MANY)]
    asked = Counter(plan.request for plan in plans)
    assert {CHAT, *ODD} == asked.keys()
    chats = [plan for plan in plans if plan.request == CHAT]
    assert PLAYS.keys() <= {plan.play.kind for plan in chats}
    assert {plan.manner.kind for plan in chats} == MANNERS.keys()
    assert {plan.provider for plan in chats} == {0, 1}
    wheres = {plan.manner.where for plan in chats if plan.manner.kind == "leave"}
    assert wheres == {"head", "body", "after", "events", "done"}


def test_a_plan_survives_its_journey_to_a_provider() -> None:
    for number in range(300):
        play = draw(2, number).play
        assert msgspec.json.decode(msgspec.json.encode(play), type=type(play)) == play


def test_the_first_calls_are_plain_and_the_others_drawn() -> None:
    plain = [planned(3, number) for number in range(WARMING)]
    assert {plan.play.kind for plan in plain} == {"stream", "answer"}
    assert {plan.manner.kind for plan in plain} == {"read"}
    assert planned(3, WARMING) == draw(3, WARMING)
    assert planned(3, 0).id == name_of(3, 0)


def test_a_provider_comes_back_to_a_port_that_no_connection_is_given() -> None:
    port = steady_port()
    assert LEAST <= port < int(LENT.read_text().split()[0])
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", port))
        assert steady_port() != port


def test_outages_never_overlap_and_the_end_is_quiet() -> None:
    found = [*draw_outages(4, 600)]
    assert found == [*draw_outages(4, 600)]
    assert len(found) > 10
    assert {each.killed for each in found} == {True, False}
    assert all(each.at <= each.back for each in found)
    assert all(earlier.back < later.at for earlier, later in pairwise(found))
    assert found[-1].back <= 600 - QUIET
    assert [*draw_outages(4, 10)] == []
