"""One scrape of a real gateway with two workers: what came of real calls, and no contradiction."""

import os
import signal
from pathlib import Path

import trio

from tests import exposed
from tests.admin.test_process import SOON, ask
from tests.process import free_port
from tests.test_client_leaves import Shape, connect
from tests.test_workers import Crowd, crowd, read_to

STORE = '[store]\ndatabase = "sqlite:///{}"\n'
UNKNOWN = Shape(stream=True, dress="plain").wire().replace(b'"m"', b'"x"', 1)


async def scrape(port: int) -> str:
    """Return a scrape; whatever it says, it says it without a contradiction."""
    text = (await ask(port, "/metrics")).body.decode()
    assert exposed.problems(text) == []
    return text


def total(text: str, name: str, **labels: str) -> float:
    """Return a metric over all workers, of the series with these labels."""
    return sum(by_worker(text, name, **labels).values())


def by_worker(text: str, name: str, **labels: str) -> dict[str, float]:
    found: dict[str, float] = {}
    for family in exposed.families(text):
        for sample in family.samples:
            if sample.name == name and labels.items() <= sample.labels.items():
                worker = sample.labels.get("worker", "")
                found[worker] = found.get(worker, 0.0) + sample.value
    return found


async def until(port: int, name: str, value: float, **labels: str) -> str:
    """Scrape until a metric has this value."""
    with trio.fail_after(SOON):
        while total(text := await scrape(port), name, **labels) != value:
            await trio.sleep(0.02)
    return text


async def test_a_scrape_tells_what_came_of_calls_in_whichever_worker(tmp_path: Path) -> None:
    port = free_port()
    config = STORE.format(tmp_path / "gateway.db")
    async with crowd(tmp_path, config, "--admin-port", str(port)) as (people, pids):
        await people.real.wait_for_admin()
        text = await until(port, "gateway_open_calls_in_phase", people.opened, phase="streaming")
        assert set(by_worker(text, "gateway_open_calls")) == {"1", "2"}
        known = exposed.labels_of(exposed.text())
        told = exposed.labels_of(text)
        assert set(told) <= set(known)
        assert {"gateway_ledger_queued", "gen_ai_client_token_usage_count"} <= {*told, *known}
        async with await connect(people.real) as client:
            await client.send_all(UNKNOWN)
            assert b"model_not_found" in await read_to(client, b"}}")
        await one_leaves(people, pids[0], port)
        await one_worker_drains(people, pids, port)


async def one_leaves(people: Crowd, pid: int, port: int) -> None:
    client = people.streams[pid].pop()
    client.socket.close()
    text = await until(port, "gateway_client_gone_total", 1, phase="streaming")
    assert total(text, "gateway_cancel_latency_seconds_count", cause="client_gone") == 1
    assert total(text, "gateway_cancel_latency_seconds_sum") < SOON
    named = {"gen_ai_provider_name": "openai", "provider": "up", "gen_ai_request_model": "m"}
    counted = "gen_ai_server_request_duration_seconds_count"
    assert total(text, counted, **named, error_type="client_gone") == 1
    assert total(text, counted, error_type="model_not_found", gen_ai_request_model="other") == 1
    assert total(text, "gateway_attempts_total", provider="up", outcome="cancelled") == 1


async def one_worker_drains(people: Crowd, pids: list[int], port: int) -> None:
    """What the one that drains has counted is told as long as it lives, beside its successor."""
    leaving = pids[1]
    before = await scrape(port)
    os.kill(leaving, signal.SIGTERM)
    with trio.fail_after(4 * SOON):
        while not (found := drains(text := await scrape(port), leaving)):
            await trio.sleep(0.05)
    number = found.partition("-")[0]
    name = "gateway_requests_total"
    assert by_worker(text, name)[found] >= by_worker(before, name).get(number, 0.0)
    assert by_worker(text, "gateway_draining")[found] == 1.0
    people.go_on.set()
    for pid in pids:
        await people.ends(pid)


def drains(text: str, pid: int) -> str:
    """Return the label of a worker that drains, once its successor has its number."""
    labels = by_worker(text, "gateway_worker_up")
    label = next((each for each in labels if each.endswith(f"-draining-{pid}")), "")
    return label if labels.get(label.partition("-")[0]) == 1.0 else ""
