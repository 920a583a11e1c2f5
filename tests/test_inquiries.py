"""Those who ask providers and issuers: what they ask, and who asks after a reload."""

from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from gateway.downstream.calls import OpenCall
from gateway.inquiries import (
    LISTED_EVERY,
    LISTING_TIMEOUT,
    RESTART_PAUSE,
    UNLISTED_RETRY,
    inquire,
    inquiries_of,
)
from gateway.reload import adopt
from gateway.renewal import renew
from gateway.services import run_services
from gateway.upstream.failures import Refused
from gateway.words.errors import UnknownModel
from gateway.words.receipt import Receipt
from tests.config.texts import ENVIRON, write
from tests.made import LISTING, Made, Make
from tests.stage import Provider, answer

pytest_plugins = ("tests.making",)


async def test_a_provider_that_lists_its_models_is_asked_now_and_again(
    make: Make, nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    made = make(LISTING)
    first, second = made.lists("a", "b"), made.lists("b", "c")
    before = made.app.current.house
    await nursery.start(run_services, made.app)
    assert before.routes.knows("up/anything")
    await trio.sleep(1)
    assert made.names == ["echo", "up/a", "up/b"]
    with pytest.raises(UnknownModel):
        made.app.current.house.routes.check("up/anything")
    assert before.routes.knows("up/anything")
    assert b"GET /v1/models HTTP/1.1\r\n" in first.sent[0]
    assert b"\r\nauthorization: Bearer sk-0123456789abcdef9f2c\r\n" in first.sent[0]
    assert b"\r\nx-team: blue\r\n" in first.sent[0]
    await trio.sleep(LISTED_EVERY)
    assert second.sent
    assert made.names == ["echo", "up/b", "up/c"]
    assert made.asked_at == [0, LISTED_EVERY]
    made.app.log.close()
    assert [line["models"] for line in made.lines("models listed")] == [2, 2]


async def test_r10_a_model_has_a_name_in_the_metrics_once_it_was_listed(
    make: Make, nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    made = make(LISTING)
    made.lists("a")
    receipt = Receipt("r", "POST", "/v1/chat/completions", "127.0.0.1", 0.0)
    receipt.endpoint, receipt.model, receipt.target, receipt.ended = "chat", "up/a", "up/a", 1.0
    receipt.answered_by = "a"
    receipt.complete()
    made.app.metrics.settled(receipt)
    await nursery.start(run_services, made.app)
    await trio.sleep(1)
    made.app.metrics.settled(receipt)
    (duration,) = [each for each in made.app.metrics.told() if "duration" in each.name]
    assert [labels for labels, _ in duration.series] == [
        ["chat", "openai", "up", "other", "other", ""],
        ["chat", "openai", "up", "up/a", "a", ""],
    ]


async def test_a_provider_that_cannot_list_its_models_is_asked_again_soon(
    make: Make, nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    """Refused, then silent, then with an error, then well."""
    made = make(LISTING)
    made.providers += [Refused("no"), Provider(), Provider(answer(500, b"no"), b"")]
    made.lists("a")
    await nursery.start(run_services, made.app)
    await trio.sleep(3 * UNLISTED_RETRY + LISTING_TIMEOUT + 1)
    assert made.names == ["echo", "up/a"]
    silent_until = UNLISTED_RETRY + LISTING_TIMEOUT
    assert made.asked_at == [
        0, UNLISTED_RETRY, silent_until + UNLISTED_RETRY, silent_until + 2 * UNLISTED_RETRY,
    ]  # fmt: skip
    made.app.log.close()
    refused, silent, failed = made.lines("models not listed")
    assert "could not be connected to" in refused["error"]
    assert silent["error"] == "no answer within 10 seconds"
    assert "answered 500" in failed["error"]
    assert refused["provider"] == "up"


async def test_a_provider_that_has_just_been_asked_is_left_alone_for_a_while(
    make: Make, nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    made = make(LISTING, {"up": ("a",)})
    made.lists("b")
    await nursery.start(run_services, made.app)
    await trio.sleep(LISTED_EVERY - 1)
    assert (made.asked_at, made.names) == ([], ["echo", "up/a"])
    await trio.sleep(2)
    assert made.names == ["echo", "up/b"]


async def test_a_bug_in_a_listing_stops_nothing(
    make: Make, nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    """G4: it is told, and the listing begins anew."""
    made = make(LISTING)
    made.providers.append(RuntimeError("a bug"))
    made.lists("a")
    await nursery.start(run_services, made.app)
    await trio.sleep(RESTART_PAUSE + 1)
    assert made.names == ["echo", "up/a"]
    made.app.log.close()
    (line,) = made.lines("bug in service models of up")
    assert "RuntimeError: a bug" in line["exception"]


ISSUER = """
[auth]
pepper = { env = "KEY" }
[[auth.issuers]]
issuer = "https://id.example.com"
audience = "gateway"
jwks_url = "https://id.example.com/keys"
"""


async def follow(made: Made, folder: Path, text: str) -> None:
    write(text, folder)
    await adopt(made.app, renew(made.app.config, ENVIRON))


def names_of(made: Made) -> list[str]:
    return [inquiry.name for inquiry in inquiries_of(made.app)]


async def test_who_is_needed_no_longer_asks_until_the_calls_have_ended_that_were_open(
    make: Make, nursery: trio.Nursery, autojump_clock: MockClock, tmp_path: Path
) -> None:
    made = make(ISSUER)
    made.providers += [Refused("no")] * 100
    open_call = OpenCall(Receipt("r", "POST", "/v1/chat/completions", "127.0.0.1", 0.0))
    made.app.calls.add(open_call)
    assert names_of(made) == ["kept answers", "keys of https://id.example.com"]
    nursery.start_soon(inquire, made.app)
    await trio.sleep(1)
    await follow(made, tmp_path, LISTING)
    made.providers.insert(0, Provider(answer(200, b'{"data": [{"id": "a"}]}'), b""))
    assert names_of(made) == ["kept answers", "models of up"]
    await trio.sleep(1)
    assert made.names == ["echo", "up/a"]
    asked = len(made.asked_at)
    await trio.sleep(LISTED_EVERY / 2)
    assert len(made.asked_at) > asked  # for the keys, of which nobody has heard yet
    made.app.calls.remove(open_call)
    await trio.sleep(1)
    asked = len(made.asked_at)
    await trio.sleep(LISTED_EVERY / 4)
    assert len(made.asked_at) == asked
    nursery.cancel_scope.cancel()


async def test_a_provider_that_is_gone_is_asked_for_its_models_no_more(
    make: Make, nursery: trio.Nursery, autojump_clock: MockClock, tmp_path: Path
) -> None:
    made = make(LISTING)
    made.lists("a")
    nursery.start_soon(inquire, made.app)
    await trio.sleep(1)
    await follow(made, tmp_path, "")
    await trio.sleep(3 * LISTED_EVERY)
    assert len(made.asked_at) == 1
    assert made.names == ["echo"]
    nursery.cancel_scope.cancel()


async def test_an_answer_of_a_provider_that_is_another_one_by_now_lists_nothing(
    make: Make, nursery: trio.Nursery, autojump_clock: MockClock, tmp_path: Path
) -> None:
    made = make(LISTING)
    asked = Provider()
    made.providers.append(asked)
    (listing,) = [each for each in inquiries_of(made.app) if each.name == "models of up"]
    nursery.start_soon(listing.service)
    await asked.asked.wait()
    await follow(made, tmp_path, LISTING.replace("up.test", "other.test"))
    asked.say(answer(200, b'{"data": [{"id": "a"}]}'), b"")
    await trio.sleep(1)
    assert made.app.listed == {}
    nursery.cancel_scope.cancel()


PROBED = LISTING.replace('"*"', '["m"]') + "probe = { interval = 1.0 }\n"


async def test_whom_no_call_waits_for_ends_at_once(
    make: Make, nursery: trio.Nursery, autojump_clock: MockClock, tmp_path: Path
) -> None:
    """Else each reload under a long stream would add a probe, and the old ones tell lies."""
    made = make(PROBED)
    made.providers += [Refused("no")] * 100
    made.app.calls.add(OpenCall(Receipt("r", "POST", "/v1/chat/completions", "127.0.0.1", 0.0)))
    nursery.start_soon(inquire, made.app)
    await trio.sleep(4.5)
    assert len(made.asked_at) == 5
    for number in range(5):
        await follow(made, tmp_path, PROBED.replace('["m"]', f'["m", "m{number}"]'))
        await trio.lowlevel.checkpoint()
    asked = len(made.asked_at)
    await trio.sleep(5.25)
    assert len(made.asked_at) - asked <= 7
    await follow(made, tmp_path, "")
    asked = len(made.asked_at)
    await trio.sleep(5)
    assert len(made.asked_at) == asked
    nursery.cancel_scope.cancel()
