"""The first word of a service is heard, and ends it."""

import trio
from trio.testing import MockClock

from gateway.commands.diagnosis.heard import Heard


async def test_a_service_ends_with_its_first_word(autojump_clock: MockClock) -> None:
    heard = Heard()

    async def serve() -> None:
        await trio.sleep(1)
        heard.info("fetched", keys=3)
        await trio.sleep_forever()

    await heard.from_service(serve, 9)
    assert (heard.reason, heard.fields) == (None, {"keys": 3})
    assert trio.current_time() < 2


async def test_a_failure_is_heard_with_its_reason() -> None:
    heard, silent = Heard(), Heard()

    async def fails() -> None:
        heard.warning("not fetched", error="no answer", provider="azure")
        await trio.sleep_forever()

    async def says_little() -> None:
        silent.warning("not fetched")
        await trio.sleep_forever()

    await heard.from_service(fails, 9)
    await silent.from_service(says_little, 9)
    assert (heard.reason, silent.reason) == ("no answer", "not fetched")


async def test_one_that_never_speaks_is_given_up(autojump_clock: MockClock) -> None:
    heard = Heard()
    await heard.from_service(trio.sleep_forever, 2)
    assert heard.reason == "no answer within 2 seconds"
    assert trio.current_time() < 3
