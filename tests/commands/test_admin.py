"""`gateway admin` prints an address that opens the operator's page, once."""

import os
import re
import sys
from pathlib import Path
from urllib.parse import urlencode

import pytest
import trio
from click.testing import CliRunner

from gateway.commands.admin import command
from gateway.commands.asking import Ticket as Told
from gateway.commands.asking import Unanswered, _convert
from tests.admin.test_process import ask
from tests.process import free_port, gateway

SOON = 10
FORM = "application/x-www-form-urlencoded"


async def test_what_is_printed_opens_one_session_though_there_is_a_key(tmp_path: Path) -> None:
    port = free_port()
    key = '[admin]\nkey = "the-operators-key-0123456789"\n'
    with gateway(tmp_path, key, "--admin-port", str(port)) as real:
        await real.wait_for_admin()
        said = await printed(real.control)
        found = re.fullmatch(rf"http://127\.0\.0\.1:{port}/sign-in#([\w-]{{32}})\n", said)
        assert found is not None
        body = urlencode({"credential": found[1]}).encode()
        statuses = [
            (await ask(port, "/sign-in", "", "POST", body, **{"content-type": FORM})).status
            for _ in range(2)
        ]
        assert statuses == [303, 401]
        assert found[1] not in real.log.read_text()


async def printed(control: Path) -> str:
    """Run the command beside a gateway; return what it says."""
    env = {**os.environ, "RUNTIME_DIRECTORY": str(control)}
    asked = [sys.executable, "-m", "gateway", "admin"]
    with trio.fail_after(SOON):
        done = await trio.run_process(asked, capture_stdout=True, env=env)
    return done.stdout.decode()


def test_where_no_admin_runs_it_says_so(tmp_path: Path) -> None:
    for options in ([], ["--url", "http://127.0.0.1:1"]):
        done = CliRunner().invoke(command, ["--folder", str(tmp_path), *options])
        assert done.exit_code == 1
        assert "Error: No " in done.output


@pytest.mark.parametrize("ticket", ["\x1b[2J", "a b", "", "x" * 65, "a\n", 7])
def test_r20_what_is_no_token_is_not_printed(ticket: object) -> None:
    with pytest.raises(Unanswered, match="another version"):
        _convert({"ticket": ticket}, Told)
