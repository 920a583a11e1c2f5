"""What the house takes for a request is what h11 sees, within the rules; a slip would be found."""

import os
import re
import subprocess
import sys
from collections.abc import Callable

import pytest

from tests.fuzz.differential import Disagreement, compare, run
from tests.fuzz.honest import HONEST, STOLEN, chunked
from tests.fuzz.mutations import MUTATIONS, mutated
from tests.fuzz.requests import Reading, Request, read_by_house
from tests.fuzz.rulebook import read_by_rules
from tests.house.source import ROOT

MANY = 100_000
PROCESSES = 2
SEEDS = 3000
"""So many show every slip that is planted here."""


@pytest.mark.parametrize("data", HONEST)
def test_an_honest_request_is_taken_whole(data: bytes) -> None:
    assert compare(data) == "taken"


def test_r2_no_mutated_request_is_read_in_two_ways() -> None:
    """R2, R8, R18, C21: a hundred thousand of them, in processes that are not measured."""
    share = MANY // PROCESSES
    command = [sys.executable, "-m", "tests.fuzz", "differential", "--count", str(share), "--first"]
    environ = {name: value for name, value in os.environ.items() if "COVERAGE" not in name}
    started = [
        subprocess.Popen(
            [*command, str(first)], cwd=ROOT, env=environ, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )
        for first in range(0, MANY, share)
    ]  # fmt: skip
    told = [process.communicate() for process in started]
    assert [process.returncode for process in started] == [0, 0], told
    compared = [re.findall(r"([0-9,]+) requests, no disagreement", said) for said, _ in told]
    assert compared == [[f"{share:,}"]] * PROCESSES
    sys.stdout.writelines(said for said, _ in told)


def test_the_mutations_are_neither_all_refused_nor_all_taken() -> None:
    told = run(range(SEEDS))
    assert told["taken"] > SEEDS / 10
    assert told["not taken, then refused"] > SEEDS / 10


@pytest.mark.parametrize("name", MUTATIONS)
def test_each_mutation_changes_something(name: str) -> None:
    from random import Random

    random = Random(name)
    assert any(MUTATIONS[name](random, data) != data for data in HONEST)


def test_a_seed_is_the_same_request_for_ever() -> None:
    assert [mutated(seed) for seed in range(50)] == [mutated(seed) for seed in range(50)]


def slip(change: Callable[[Request], Request]) -> Callable[[bytes], Reading]:
    """Return a reader that misreads requests."""

    def read(data: bytes) -> Reading:
        requests, refusal = read_by_house(data)
        return Reading([change(request) for request in requests], refusal)

    return read


def without_refusals(data: bytes) -> Reading:
    """Take what is refused for a request all the same, by its first line."""
    requests, refusal = read_by_house(data)
    if refusal.startswith("Malformed HTTP"):
        requests = [*requests, Request("GET", "/", "1.1", {}, b"", True)]
    return Reading(requests, refusal)


SLIPS = {
    "a blank more": slip(
        lambda seen: seen._replace(
            fields={name: value + b" " for name, value in seen.fields.items()}
        )
    ),
    "no host": slip(
        lambda seen: seen._replace(
            fields={name: value for name, value in seen.fields.items() if name != b"host"}
        )
    ),
    "a body that is cut": slip(lambda seen: seen._replace(body=seen.body[:60])),
    "a path that is decoded": slip(lambda seen: seen._replace(path=seen.path.replace("%2F", "/"))),
    "a connection that is kept": slip(lambda seen: seen._replace(keeps_alive=True)),
    "the first request alone": lambda data: Reading(read_by_house(data).requests[:1], ""),
    "nothing refused": without_refusals,
    "leading zeros": lambda data: read_by_house(
        data.replace(b"Content-Length: +", b"Content-Length: ")
    ),
    "bare line feeds": lambda data: read_by_house(re.sub(rb"\r?\n", b"\r\n", data)),
    "blanks before colons": lambda data: read_by_house(data.replace(b" :", b":")),
    "folded lines": lambda data: read_by_house(data.replace(b"\r\n ", b" ")),
}


@pytest.mark.parametrize("name", SLIPS)
def test_a_slip_in_reading_is_found(name: str) -> None:
    with pytest.raises(Disagreement, match="python -m tests.fuzz differential --first"):
        run(range(SEEDS), SLIPS[name])


def test_an_unknown_reason_to_refuse_is_found() -> None:
    with pytest.raises(Disagreement):
        compare(HONEST[0], lambda data: Reading([], "Malformed HTTP: of late."))


@pytest.mark.parametrize(
    ("wire", "said"),
    [
        (chunked(b"2c;\n\r\n" + STOLEN + b"\r\n0\r\n\r\n"), "no chunk"),
        (chunked(b"0\r\nX: y\r\n\r\n"), "a trailer"),
        (HONEST[0].replace(b"localhost", b"[1::2::3]"), "no address"),
        (HONEST[0].replace(b"localhost", b"a/b"), "no host"),
        (HONEST[0].replace(b"GET", b"FROB"), "no known method"),
        (HONEST[0].replace(b"/v1", b"/%ff"), "the path is no text"),
    ],
)
def test_the_rulebook_says_why(wire: bytes, said: str) -> None:
    assert read_by_rules(wire).refusal.startswith(said)
