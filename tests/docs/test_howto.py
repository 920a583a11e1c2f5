"""The pages that tell how to add something, done step by step in a copy of the house, and tried."""

import http.client
import json
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

import pytest
import trio

from tests.docs.pages import Page, pages
from tests.docs.steps import Changed, Made, changed, steps
from tests.house.source import ROOT
from tests.process import POLL, Gateway, gateway

HOWTOS: Final = {
    "docs/howto/add-a-provider.md": 4,
    "docs/howto/add-an-endpoint.md": 3,
    "docs/howto/add-a-tap.md": 3,
}
"""The pages, and how many steps each has."""

UNMEASURED: Final = (
    "env", "-u", "COVERAGE_PROCESS_CONFIG", "-u", "COVERAGE_PROCESS_START",
)  # fmt: skip
"""A copy of the house is not the house, and counts for nobody's coverage."""

RUN: Final = """\
import runpy, sys
for path in sys.argv[1:]:
    for name, found in runpy.run_path(path).items():
        if name.startswith("test_"):
            found()
            print(name)
"""

CONFIG: Final = """\
[providers.mine]
base_url = "http://127.0.0.1:{port}/v1"
api_key = "a-key-of-mine"
workspace = "ours"
models = ["a-model"]

[providers.mine-ai]
api_key = "another-key"
models = ["never-asked"]

[providers.up]
kind = "openai"
base_url = "http://127.0.0.1:{port}/v1"
models = ["raw-model"]
"""

WHOLE: Final = {
    "id": "c", "object": "chat.completion", "created": 1, "model": "a-model",
    "choices": [{
        "index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "Hi"},
    }],
}  # fmt: skip
CLASSES: Final = {"object": "list", "data": [{"label": "spam"}]}


class Provider(BaseHTTPRequestHandler):
    """Answers a chat and a classification, and keeps what it was asked with."""

    asked: Final[list[tuple[str, dict[str, str]]]] = []

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.asked.append((self.path, {name.lower(): each for name, each in self.headers.items()}))
        body = json.dumps(WHOLE if self.path.endswith("/chat/completions") else CLASSES).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@dataclass(frozen=True)
class Copy:
    """A copy of the house in which all pages have been followed."""

    root: Path

    @property
    def environ(self) -> dict[str, str]:
        return {"PYTHONPATH": str(self.root / "src")}


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Copy:
    root = tmp_path_factory.mktemp("house")
    shutil.copytree(ROOT / "src/gateway", root / "src/gateway")
    for name in HOWTOS:
        for step in steps(pages()[name]):
            step.do(root)
    return Copy(root)


@pytest.fixture(scope="module")
def running(copy: Copy, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Provider) as server:
        serving = threading.Thread(target=server.serve_forever, args=(0.01,))
        serving.start()
        config = CONFIG.format(port=server.server_address[1])
        folder = tmp_path_factory.mktemp("gateway")
        with gateway(folder, config, environ=copy.environ, under=UNMEASURED) as started:
            yield started
        server.shutdown()
        serving.join()


def ask(gateway: Gateway, method: str, path: str, body: object = None) -> tuple[int, Any]:
    wire = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=20)
    try:
        said = None if body is None else json.dumps(body)
        wire.request(method, path, said, {"content-type": "application/json"})
        answer = wire.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        wire.close()


@pytest.mark.parametrize(("name", "count"), HOWTOS.items())
def test_each_page_has_its_steps(name: str, count: int) -> None:
    assert len(list(steps(pages()[name]))) == count


def test_the_tests_of_the_pages_pass_in_the_copy(copy: Copy) -> None:
    files = sorted(str(path) for path in (copy.root / "tests").rglob("test_*.py"))
    ran = subprocess.run(
        [*UNMEASURED, sys.executable, "-W", "error", "-c", RUN, *files],
        env=copy.environ, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (ran.returncode, ran.stderr) == (0, "")
    assert len(ran.stdout.split()) == 4


def test_the_provider_of_the_page_is_asked_as_it_says(running: Gateway) -> None:
    turns = [{"role": "user", "content": "Hello"}]
    status, said = ask(
        running, "POST", "/v1/chat/completions", {"model": "a-model", "messages": turns}
    )
    assert (status, said["choices"][0]["message"]["content"]) == (200, "Hi")
    path, fields = next(each for each in Provider.asked if "chat" in each[0])
    assert path == "/v1/chat/completions"
    assert (fields["x-mine-key"], fields["x-workspace"]) == ("a-key-of-mine", "ours")
    assert "authorization" not in fields


@pytest.mark.parametrize("before", ["/v1", "/openai/deployments/raw-model"])
def test_the_endpoint_that_passes_as_it_is_is_there_with_its_twin(
    before: str, running: Gateway
) -> None:
    asked = {"model": "raw-model", "input": "Win a prize"}
    assert ask(running, "POST", f"{before}/classifications", asked) == (200, CLASSES)
    assert Provider.asked[-1][0] == "/v1/classifications"


def test_the_endpoint_that_the_gateway_answers_is_there(running: Gateway) -> None:
    assert ask(running, "GET", "/v1/whoami") == (200, {"key": "", "team": None})


async def test_the_tap_of_the_page_says_what_it_saw(running: Gateway) -> None:
    turns = [{"role": "user", "content": "Hello"}]
    ask(running, "POST", "/v1/chat/completions", {"model": "a-model", "messages": turns})
    with trio.fail_after(5):
        while not (lines := running.lines("slow first word")):
            await trio.sleep(POLL)
    assert {line["target"] for line in lines} <= {"mine/a-model", "up/raw-model"}
    assert {line["level"] for line in lines} == {"warning"}


def test_a_step_is_read_and_done(tmp_path: Path) -> None:
    text = "`src/a.py`, as it is:\n\n```python\nx = 1\ny = 2\n```\n\nNow:\n\n```python\nno()\n```\n"
    diff = "--- a/src/a.py\n+++ b/src/a.py\n@@ -1 +1,2 @@\n x = 1\n-y = 2\n+y = 3\n+z = 4\n"
    page = Page("a.md", f"{text}\n```diff\n{diff}```\n")
    made, change = steps(page)
    assert made == Made("src/a.py", "x = 1\ny = 2\n")
    assert change == Changed("src/a.py", (("x = 1\ny = 2\n", "x = 1\ny = 3\nz = 4\n"),))
    made.do(tmp_path)
    change.do(tmp_path)
    assert (tmp_path / "src/a.py").read_text() == "x = 1\ny = 3\nz = 4\n"
    with pytest.raises(AssertionError, match="has 0 times"):
        changed(diff).do(tmp_path)
