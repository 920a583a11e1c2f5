"""Names whose servers do not answer, in the real process: nobody else waits for them."""

from collections.abc import Callable
from pathlib import Path

import trio

from gateway.services import LOOKUPS
from gateway.upstream.dns import LOOKUP_TIMEOUT
from tests.figures import Measured
from tests.named import line_of, named
from tests.preload import compiled
from tests.process import Gateway, gateway
from tests.rows_client import Told, ask, request
from tests.scripted import listen
from tests.test_audit import whole_stream
from tests.test_client_leaves import WITHIN, connect, leave

SHORT = 0.4
MANY = LOOKUPS + 4
AT_ONCE = 0.2

PROVIDER = """
[providers.{name}]
kind = "openai"
base_url = "http://{host}/v1"
models = ["{name}"]
timeouts = {{ connect = {connect} }}
"""


def config(port: int) -> str:
    """One provider by its address, one by its name; one whose name hangs, and many more of them."""
    hosts = {"up": f"127.0.0.1:{port}", "named": f"localhost:{port}", "slow": "slow.invalid"}
    whole = "".join(
        PROVIDER.format(name=name, host=host, connect=30) for name, host in hosts.items()
    )
    return whole + "".join(
        PROVIDER.format(name=f"slow{number}", host=f"slow{number}.invalid", connect=SHORT)
        for number in range(MANY)
    )


async def patiently(real: Gateway, model: str) -> Told:
    """Ask, and wait for longer than a name may take."""
    wire, request_id = named(request(model=model))
    said = b""
    began = trio.current_time()
    async with await connect(real) as client:
        await client.send_all(wire)
        with trio.fail_after(2 * LOOKUP_TIMEOUT):
            while data := await client.receive_some(65_536):
                said += data
    seconds = trio.current_time() - began
    return Told(said, await line_of(real, request_id), seconds)


async def one_leaves(real: Gateway) -> None:
    """Ask for the slow name, and leave."""
    wire, request_id = named(request(model="slow"))
    asked_at = trio.current_time()
    client = await connect(real)
    await client.send_all(wire)
    await trio.sleep(0.05)
    left_at = await leave(client, "rst")
    line = await line_of(real, request_id)
    assert line["duration_ms"] / 1000 < left_at - asked_at + WITHIN
    assert (line["outcome"], line["phase"]) == ("client_gone", "waiting")


async def test_names_that_hang_hold_nobody_else_up(
    tmp_path: Path, nursery: trio.Nursery, require: Callable[[str], str], measured: Measured
) -> None:
    """U3, G11, C5 in part: nor the log, nor whoever leaves meanwhile."""
    slow = tmp_path / "slow"
    slow.touch()
    library = compiled(tmp_path, require("cc"), "slow_names")
    environ = {"LD_PRELOAD": library, "SLOW_NAMES": str(slow)}
    upstream = await listen(nursery, whole_stream)
    answers: dict[str, Told] = {}

    async def note(model: str) -> None:
        answers[model] = await patiently(real, model)

    with gateway(tmp_path, config(upstream.port), environ=environ) as real:
        async with trio.open_nursery() as askers:
            askers.start_soon(note, "slow")
            await one_leaves(real)
            answered = await ask(real, request(model="named"))
            assert (answered.whole, answered.seconds < AT_ONCE) == (True, True)
            for number in range(MANY):
                askers.start_soon(note, f"slow{number}")
            for _ in range(20):
                answered = await ask(real, request(model="up"))
                assert (answered.whole, answered.seconds < AT_ONCE) == (True, True)
        told = answers.pop("slow")
        assert (told.status, told.error["code"]) == (502, "upstream_dns_error")
        assert LOOKUP_TIMEOUT - 0.5 < told.seconds < LOOKUP_TIMEOUT + 0.5
        measured("U3", "until a call whose name hangs is told", told.seconds, "s")
        for told in answers.values():
            assert (told.status, told.error["code"]) == (504, "upstream_connect_timeout")
            assert SHORT <= told.seconds < 3 * SHORT
        slow.unlink()
        assert (await ask(real, request(model="named"))).whole
    nursery.cancel_scope.cancel()
