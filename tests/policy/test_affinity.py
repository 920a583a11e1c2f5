"""Affinity: one conversation, one place, whichever process answers."""

import subprocess
import sys
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from gateway.policy.affinity import rendezvous

THREADS = [f"conversation {number}".encode() for number in range(4000)]


GOLDEN = [[0, 1, 2], [2, 0, 1], [2, 0, 1]]
"""A release that changed it would take all conversations from their caches."""


def first(thread: bytes, names: list[str]) -> str:
    return names[rendezvous(thread, names)[0]]


@given(st.binary(max_size=200), st.lists(st.text(max_size=20), max_size=6))
def test_every_name_has_its_place_and_no_other_changes_it(thread: bytes, names: list[str]) -> None:
    order = rendezvous(thread, names)
    assert sorted(order) == list(range(len(names)))
    ranked = [names[index] for index in order]
    fewer = sorted(set(names), reverse=True)[1:]
    left = [fewer[index] for index in rendezvous(thread, fewer)]
    assert left == list(dict.fromkeys(name for name in ranked if name in fewer))


def test_conversations_are_spread_evenly() -> None:
    names = ["a/m", "b/m", "c/m", "d/m"]
    counts = Counter(first(thread, names) for thread in THREADS)
    assert all(900 < counts[name] < 1100 for name in names)


def test_one_home_more_moves_its_own_share_of_the_conversations_and_no_other() -> None:
    names = ["a/m", "b/m", "c/m", "d/m"]
    moved = [thread for thread in THREADS if first(thread, names) != first(thread, [*names, "e/m"])]
    assert 700 < len(moved) < 900
    assert {first(thread, [*names, "e/m"]) for thread in moved} == {"e/m"}


def test_one_key_more_of_two_moves_a_third() -> None:
    moved = [t for t in THREADS if first(t, ["k1", "k2"]) != first(t, ["k1", "k2", "k3"])]
    assert 1200 < len(moved) < 1470


def test_every_process_comes_to_the_same_answer() -> None:
    names = ["openai/gpt", "azure/prod", "local/x"]
    code = (
        "from gateway.policy.affinity import rendezvous\n"
        f"print([rendezvous(b'%d' % n, {names!r}) for n in range(50)])"
    )
    run = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONHASHSEED": "1", "PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
        timeout=20,
    )
    assert run.stdout.strip() == str([rendezvous(b"%d" % n, names) for n in range(50)])


def test_the_answer_is_the_same_with_every_version_of_the_house() -> None:
    assert [rendezvous(b"%d" % n, ["a", "b", "c"]) for n in range(3)] == GOLDEN


def test_half_a_surrogate_pair_is_a_name_like_any_other() -> None:
    assert sorted(rendezvous(b"t", ["\ud800", "b"])) == [0, 1]
