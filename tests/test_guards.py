"""Guards of a real configuration, from a client's socket to the built-in model and back."""

import json
from pathlib import Path
from typing import Any

import httpx2
import pytest
import trio

from gateway.reload import adopt
from gateway.renewal import renew
from tests.inside import Inside, start

CONFIG = """
[defaults]
guards = ["people", "project"]
[guards.people]
kind = "pii"
then = "redact"
[guards.project]
kind = "regex"
patterns = ['\\bproj-[0-9]{3}\\b']
"""
MASKED = "to [EMAIL] and on"

REQUESTS: dict[str, dict[str, Any]] = {
    "/v1/chat/completions": {"messages": [{"role": "user", "content": "SAID"}]},
    "/v1/messages": {"max_tokens": 99, "messages": [{"role": "user", "content": "SAID"}]},
    "/v1/responses": {"input": "SAID"},
}


async def ask(inside: Inside, path: str, said: str, *, stream: bool = False) -> httpx2.Response:
    body = {"model": "echo", "stream": stream, **REQUESTS[path]}
    raw = json.dumps(body).replace("SAID", said).encode()
    async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{inside.port}") as client:
        return await client.post(path, content=raw, headers={"content-type": "application/json"})


def said_in(stream: str) -> str:
    """Return the text of a stream in whichever form: all that its events add."""
    events = [json.loads(line[6:]) for line in stream.splitlines() if line.startswith("data: {")]
    text = ""
    for event in events:
        if "choices" in event:
            text += "".join(choice["delta"].get("content", "") for choice in event["choices"])
        elif event.get("type") == "content_block_delta":
            text += event["delta"]["text"]
        elif event.get("type") == "response.output_text.delta":
            text += event["delta"]
    return text


@pytest.mark.parametrize("path", REQUESTS)
async def test_every_form_of_clients_is_guarded_both_ways(
    path: str, tmp_path: Path, nursery: trio.Nursery
) -> None:
    inside = await start(nursery, tmp_path, CONFIG)
    whole = await ask(inside, path, "to a@b.de and on")
    assert (whole.status_code, MASKED in whole.text) == (200, True)
    stream = await ask(inside, path, "to a@b.de and on", stream=True)
    assert said_in(stream.text) == MASKED
    blocked = await ask(inside, path, "of proj-123")
    assert blocked.status_code == 400
    assert "the guard 'project'" in blocked.text
    assert [receipt.guards for receipt in inside.tap.receipts] == [
        ("people:redact",),
        ("people:redact",),
        ("project:block",),
    ]
    nursery.cancel_scope.cancel()


async def test_a_reload_takes_other_guards(tmp_path: Path, nursery: trio.Nursery) -> None:
    inside = await start(nursery, tmp_path, CONFIG)
    source = inside.app.config.source
    assert source is not None
    for pattern, status in (("proj-9", 200), ("proj-123", 400)):
        text = source.read_text().replace("proj-[0-9]{3}", pattern)
        source.write_text(text)
        await adopt(inside.app, renew(inside.app.config, {}))
        reply = await ask(inside, "/v1/chat/completions", "of proj-123")
        assert reply.status_code == status
        source.write_text(source.read_text().replace("proj-9", "proj-[0-9]{3}"))
    nursery.cancel_scope.cancel()
