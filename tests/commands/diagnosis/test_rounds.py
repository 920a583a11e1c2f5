"""All that a configuration names is looked at, and what hangs holds nothing up."""

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import trio

from gateway.commands.demonstration.inside import FarAway
from gateway.commands.diagnosis.report import Silent
from gateway.commands.diagnosis.rounds import Patient, examined
from gateway.commands.diagnosis.through import Proxy
from gateway.commands.diagnosis.verdict import Examined, Level, Verdict, fail
from gateway.config.compose import Config
from gateway.store.shared import opener
from gateway.upstream.issuers import reader
from gateway.words.secret import Secret
from gateway.words.target import Origin
from tests.config.texts import load
from tests.process import free_port
from tests.scripted import Link, listen

BAR = 5.0
"""Seconds in which all of it must be told."""

EACH = 10
"""Providers of each sort."""

KEY = "sk-rounds-0123456789abcdef"
PASSWORD = "a-password-of-ours"

WORLD = """
[server]
port = 0
[store]
database = "sqlite:///gateway.db"
shared = "redis://:{password}@127.0.0.1:{far}/0"
[auth]
pepper = "0123456789abcdef0123"
[[auth.issuers]]
issuer = "https://127.0.0.1:{silent}"
audience = "gateway"
[telemetry]
receipts = "http://u:{password}@127.0.0.1:{far}/in"
otlp_endpoint = "http://u:{password}@127.0.0.1:{silent}"
"""
HOLE = """
[providers.{name}]
kind = "openai"
base_url = "{url}"
api_key = {{ env = "KEY" }}
models = ["m-{name}"]
"""


async def silent(link: Link) -> None:
    await trio.sleep_forever()


def world(far: int, silent: int) -> str:
    """Return a configuration in which everybody is a black hole, so many providers of each sort."""
    said = WORLD.format(password=PASSWORD, far=far, silent=silent)
    urls = {
        "tcp": f"http://127.0.0.1:{far}/v1",
        "tls": f"https://127.0.0.1:{silent}/v1",
        "list": f"http://127.0.0.1:{silent}/v1",
    }
    for number in range(EACH):
        for name, url in urls.items():
            said += HOLE.format(name=f"{name}-{number}", url=url)
    return said


def patient(config: Config | None, folder: Path, *mistakes: Verdict) -> Patient:
    return Patient(config, mistakes, (), [folder / "control"])


def of(found: Sequence[Examined], subject: str) -> dict[str, Level]:
    (examined,) = (each for each in found if each.subject == subject)
    return {each.check: each.level for each in examined.verdicts}


async def test_black_holes_of_every_sort_are_told_in_less_than_five_seconds(
    tmp_path: Path, nursery: trio.Nursery
) -> None:
    for import_late in (opener, reader):
        import_late()  # what they import takes a busy machine longer than a check may
    server = await listen(nursery, silent)
    (tmp_path / "gateway.db").write_bytes(b"no database, but a text that is long enough" * 40)
    with closing(FarAway()) as far:
        config = load(world(far.port, server.port), tmp_path, {"KEY": KEY})
        began = trio.current_time()
        found = await examined(patient(config, tmp_path), Silent())
        assert trio.current_time() - began < BAR
    for number in range(EACH):
        assert of(found, f"provider tcp-{number}")["tcp"] is Level.FAIL
        assert of(found, f"provider tls-{number}")["tls"] is Level.FAIL
        assert of(found, f"provider list-{number}")["key"] is Level.FAIL
    assert Level.FAIL in of(found, "shared store").values()
    assert of(found, "receipts") == {"tcp": Level.FAIL}
    assert of(found, "traces")["answer"] is Level.FAIL
    assert Level.FAIL in of(found, f"issuer https://127.0.0.1:{server.port}").values()
    assert of(found, "database") == {"opens": Level.FAIL, "writable": Level.SKIPPED}
    assert of(found, "clock") == {"time": Level.SKIPPED}
    told = str(found)
    assert KEY not in told
    assert PASSWORD not in told
    assert [each.subject for each in found][-1] == "clock"
    nursery.cancel_scope.cancel()


async def test_where_the_configuration_cannot_be_read_the_machine_is_looked_at(
    tmp_path: Path,
) -> None:
    mistake = fail("server.prot", "gateway.toml:2: server.prot: unknown key", "Mend it.")
    found = await examined(patient(None, tmp_path, mistake), Silent())
    assert found[0] == Examined("configuration", (mistake,), found[0].seconds)
    assert [each.subject for each in found] == [
        *("configuration", "packages", "machine", "gateways here")
    ]


async def test_a_small_configuration_is_well(tmp_path: Path) -> None:
    text = '[server]\nport = 0\n[store]\ndatabase = "sqlite:///a.db"\n[providers.echo]\n'
    text += HOLE.format(name="near", url=f"http://localhost:{free_port()}/v1")
    receipts = f'[telemetry]\nreceipts = "file://{tmp_path}/receipts.jsonl"\n'
    found = await examined(patient(load(text + receipts, tmp_path), tmp_path), Silent())
    assert of(found, "database") == {"opens": Level.OK}
    assert of(found, "receipts")["file"] is Level.OK
    assert of(found, "provider near") == {
        "dns": Level.OK,
        "tcp": Level.FAIL,
        "key": Level.SKIPPED,
        "models": Level.SKIPPED,
    }
    assert of(found, "provider echo") == {"built in": Level.OK}
    assert of(found, "secrets") == {"present": Level.OK}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["gateway.toml"]


class Shown(Silent):
    """Keeps the subjects that it is shown."""

    def __init__(self) -> None:
        self.subjects: list[str] = []

    def found(self, examined: Examined) -> None:
        self.subjects.append(examined.subject)


async def test_r11_no_secret_is_told_whoever_says_it(tmp_path: Path) -> None:
    """Neither one of the configuration, nor the key that a proxy is shown."""
    text = '[auth]\npepper = { env = "KEY" }\n[server]\nport = 0\n[providers.echo]\n'
    config = load(text, tmp_path, {"KEY": KEY})
    proxy = Proxy(Origin("http", "127.0.0.1", 80), "/v1", "echo", Secret(PASSWORD))
    notes, watch = (f"{KEY} and {PASSWORD}",), Shown()
    found = await examined(Patient(config, (), notes, [tmp_path / "control"], proxy), watch)
    assert [each.seen for each in found[0].verdicts if each.check == "found"] == ["*** and ***"]
    # All that was found has been shown, and the clock last of all.
    assert sorted(watch.subjects) == sorted(each.subject for each in found)
    assert watch.subjects[-1] == "clock"
