"""`gateway doctor` beside a gateway that runs, and through a real nginx that is right or wrong."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import trio

from gateway.commands.asking import Sockets
from gateway.commands.diagnosis.processes import processes
from gateway.commands.diagnosis.proxy import ACCEL
from gateway.commands.diagnosis.through import Proxy, Visitor
from gateway.commands.diagnosis.verdict import Level, Verdict
from gateway.upstream.dial import Dialer
from gateway.upstream.probe import client_on
from gateway.upstream.transport import Transport
from gateway.words.target import Origin
from tests.nginx import nginx
from tests.process import Gateway, free_port, gateway

Require = Callable[[str], str]

HELD_BACK = {
    "proxy_buffering off;": "proxy_buffering on; proxy_ignore_headers X-Accel-Buffering;",
}
DEAF = {"proxy_ignore_client_abort off;": "proxy_ignore_client_abort on;"}
OLD = {"proxy_http_version 1.1;": "proxy_http_version 1.0;", "keepalive 64; ": ""}

CONFIG = """\
[store]
database = "sqlite:///gateway.db"
[auth]
required = false
[providers.echo]
"""


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    folder = tmp_path_factory.mktemp("doctor")
    with gateway(folder, CONFIG, "--admin-port", str(free_port())) as running:
        yield running


async def through(real: Gateway, port: int, ca: str) -> dict[str, Verdict]:
    transport = Transport(Dialer(ca).connect)
    proxy = Proxy(Origin("https", "localhost", port), "/v1", "echo")
    found = await Visitor(proxy, client_on(transport), Sockets([real.control])).visit()
    transport.pool.close_unused()
    return {each.check: each for each in found}


@pytest.mark.parametrize(
    ("changes", "unwell"),
    [
        ({}, {}),
        (HELD_BACK, {"stream": Level.FAIL, ACCEL: Level.WARN}),
        (DEAF, {"leaving an answer": Level.FAIL}),
        (OLD, {"keep-alive": Level.WARN}),
    ],
    ids=["as shipped", "held back", "deaf to leaving", "without keep-alive"],
)
async def test_what_is_wrong_with_an_nginx_is_found_and_nothing_else(
    require: Require,
    real: Gateway,
    tmp_path: Path,
    changes: dict[str, str],
    unwell: dict[str, Level],
) -> None:
    """C24, C25."""
    with nginx(require("nginx"), tmp_path, real.port, changes) as front:
        ca = tmp_path / "ca.pem"
        front.authority.cert_pem.write_to_path(str(ca))
        found = await through(real, front.port, str(ca))
    assert {name: each.level for name, each in found.items()} == {
        **dict.fromkeys(found, Level.OK),
        "silence of answers": Level.SKIPPED,
        **unwell,
    }
    assert {"arrives", "leaving a stream", "leaving an answer", "keep-alive"} <= set(found)


async def test_a_gateway_that_runs_is_well_and_so_is_its_admin(real: Gateway) -> None:
    await real.wait_for_admin()
    with trio.fail_after(5):
        while len(found := await processes([real.control])) < 2:
            await trio.sleep(0.01)
    assert [(each.check, each.level) for each in found] == [
        (f"gateway {real.process.pid}", Level.OK),
        ("admin", Level.OK),
    ]


def test_the_command_says_all_of_it_in_less_than_five_seconds(real: Gateway) -> None:
    """The bar of this house, with the start of the process and a proxy that is none."""
    command = [sys.executable, "-m", "gateway", "doctor", "--json", "--through", real.api]
    env = {**os.environ, "RUNTIME_DIRECTORY": str(real.control)}
    folder = real.log.parent
    run = subprocess.run(
        [*command, "--config", str(folder / "gateway.toml")],
        capture_output=True,
        check=False,
        env=env,
        cwd=folder,
        timeout=20,
    )
    assert run.stderr == b""
    said: dict[str, Any] = json.loads(run.stdout)
    assert said["seconds"] < 5
    failed = [each for each in said["checks"] if each["verdict"] == "fail"]
    assert (failed, run.returncode) == ([], 0)
    levels = {(each["subject"], each["check"]): each["verdict"] for each in said["checks"]}
    proxy = f"proxy {real.url}"
    assert levels[proxy, "leaving an answer"] == "ok"
    assert levels[proxy, ACCEL] == "ok"
    assert levels["database", "writable"] == "ok"
    assert levels["gateways here", f"gateway {real.process.pid}"] == "ok"
