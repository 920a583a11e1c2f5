"""The page of health and its API: who may look, what stands there, and that names are text."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import trio

from gateway.admin.audit import Audit
from gateway.admin.desk import Desk
from gateway.admin.health.page import Health, lines_of
from gateway.admin.health.settings import (
    ChangeTold,
    DifferenceTold,
    FindingTold,
    Places,
    Settings,
    SettingsTold,
    SettingTold,
    TableTold,
    unread,
)
from gateway.admin.routes import Role
from gateway.store.archive import Archive
from gateway.store.database import Database
from gateway.telemetry.log import Log, open_log
from gateway.telemetry.options import LogOptions
from tests.admin.visitor import PEOPLE, Visitor, site

HOSTILE = "<script>alert(1)</script>\u202e"
SHOWN = SettingsTold(
    "gateway.toml",
    [
        TableTold("[server]", [SettingTold("port", "4000", "gateway.toml:2")]),
        TableTold(f"[providers.{HOSTILE}]", [SettingTold("api_key", '"***"', HOSTILE)]),
    ],
    [f"a warning {HOSTILE}"],
)
SAME = DifferenceTold("gateway.toml", refused=False, changes=[], findings=[], warnings=[])
DIFFERS = DifferenceTold(
    "gateway.toml",
    refused=False,
    changes=[
        ChangeTold("server.port", "4000", "4001", "gateway.toml:2", secret=False),
        ChangeTold("admin.key", '"***"', '"***"', "gateway.toml:3", secret=True, waits=True),
        ChangeTold(HOSTILE, None, HOSTILE, HOSTILE, secret=False),
    ],
    findings=[],
    warnings=["one more warning"],
)
REFUSED = DifferenceTold(
    "gateway.toml",
    refused=True,
    changes=[],
    findings=[
        FindingTold("gateway.toml", 7, "server.prot", "unknown key", "port"),
        FindingTold("gateway.toml", None, None, HOSTILE, None),
    ],
    warnings=[],
)
LINES = [
    {"at_ms": 5_000, "level": "warning", "event": "no room", "said": f"said={HOSTILE}"},
    {"at_ms": 3_000, "level": "info", "event": "stopped", "said": ""},
    {"at_ms": 10**30, "level": "error", "event": "bug in carry", "said": "late"},
]


class Room:
    """One worker, or none."""

    def __init__(self, workers: int = 1) -> None:
        self.workers = workers
        self.lines = LINES[:2]

    async def ask(self, question: Mapping[str, object]) -> list[dict[str, Any]]:
        await trio.lowlevel.checkpoint()
        more: dict[str, Any] = {"gauges": {"open_calls": 1, "loop_lag_seconds": 0.002}}
        if question["ask"] == "log":
            more = {"lines": self.lines}
        return [{"worker": 1, "pid": 7, "version": "1.2.3", "uptime": 90_061.0, **more}][
            : self.workers
        ]


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Log]:
    with (tmp_path / "log").open("w") as file, open_log(LogOptions(), file) as log:
        yield log


def visitor(
    log: Log,
    diff: DifferenceTold = SAME,
    role: Role = Role.VIEWER,
    archive: Archive | None = None,
    room: Room | None = None,
) -> Visitor:
    places = Places("/var/lib/gateway.db", "127.0.0.1:6379", "/var/log/receipts")
    settings = Settings(SHOWN, places, lambda: diff)
    audit = Audit(log, archive)
    return Visitor(site([Health(Desk((room or Room()).ask), settings, log, audit, [1])]), role)


PATHS = ("/health", "/api/health", "/api/settings", "/api/settings/diff", "/api/log")


@pytest.mark.parametrize("path", PATHS)
async def test_operators_look_and_developers_do_not(log: Log, path: str) -> None:
    for role, status in ((Role.ADMIN, 200), (Role.VIEWER, 200), (Role.DEVELOPER, 403)):
        assert (await visitor(log, role=role).get(path)).status == status


async def test_the_api_tells_how_the_gateway_is(log: Log) -> None:
    told = (await visitor(log).get("/api/health")).json
    assert told["about"].keys() >= {"nursery-gateway", "python", "trio", "hypercorn"}
    assert (told["workers"][0]["open_calls"], told["workers"][0]["loop_lag"]) == (1, 0.002)
    assert told["store"]["database"] == "/var/lib/gateway.db"
    assert told["problems"] == []


async def test_the_api_tells_settings_and_what_differs(log: Log) -> None:
    asked = visitor(log, DIFFERS)
    settings = (await asked.get("/api/settings")).json
    assert settings["tables"][0]["rows"][0]["origin"] == "gateway.toml:2"
    diff = (await asked.get("/api/settings/diff")).json
    assert diff["changes"][1] == {
        "name": "admin.key", "runs": '"***"', "now": '"***"', "where": "gateway.toml:3",
        "secret": True, "waits": True,
    }  # fmt: skip


async def test_lines_of_all_processes_stand_together_the_newest_first(log: Log) -> None:
    log.error("bug in admin", by="quart")
    log.close()
    asked = visitor(log)
    told = (await asked.get("/api/log")).json["lines"]
    assert [(line["by"], line["event"]) for line in told] == [
        ("admin", "bug in admin"),
        ("worker 1", "no room"),
        ("worker 1", "stopped"),
    ]
    assert told[1]["at"] == "1970-01-01T00:00:05.000Z"
    loud = (await asked.get("/api/log?level=error")).json["lines"]
    assert [line["event"] for line in loud] == ["bug in admin"]
    assert len((await asked.get("/api/log?limit=1")).json["lines"]) == 1


@pytest.mark.parametrize("query", ["level=loud", "limit=0", "limit=2001", "x=1", "limit=x"])
async def test_a_query_that_is_wrong_is_refused(log: Log, query: str) -> None:
    assert (await visitor(log).get(f"/api/log?{query}")).status == 400


def test_what_is_no_line_is_left_out() -> None:
    found = lines_of([{"worker": 1, "lines": "x"}, {"worker": 2, "lines": LINES[:1]}, {}])
    assert [by for by, _ in found] == ["worker 2"]


async def test_no_moment_is_too_late_to_be_written(log: Log) -> None:
    room = Room()
    room.lines = LINES[2:]
    told = (await visitor(log, room=room).get("/api/log")).json["lines"]
    assert told[0]["at"] == "9999-12-31T23:59:59.000Z"


async def test_the_page_shows_all_of_it(log: Log) -> None:
    page = await visitor(log, DIFFERS).get("/health")
    for said in (
        *("all is well", "25 h 1 min", "[server]", "gateway.toml:2", "changed", "not there"),
        *(
            "what waits is taken by the next start",
            ">waits<",
            "one more warning",
            "no room",
            "/var/lib/gateway.db",
        ),
        "what is done here stands in the log alone",
    ):
        assert said in page.text


async def test_only_who_may_reload_is_offered_it(log: Log) -> None:
    for role, offered in ((Role.ADMIN, True), (Role.VIEWER, False)):
        page = await visitor(log, DIFFERS, role).get("/health")
        assert ('id="reload"' in page.text) is offered


async def test_a_file_that_would_be_refused_says_why(log: Log) -> None:
    page = (await visitor(log, REFUSED).get("/health")).text
    assert "would be refused" in page
    assert "gateway.toml:7" in page
    assert "look here" in page


async def test_a_gateway_without_a_file_or_workers_says_so(log: Log) -> None:
    nothing = DifferenceTold(None, refused=False, changes=[], findings=[], warnings=[])
    page = (await visitor(log, nothing, room=Room(0)).get("/health")).text
    assert "began without a configuration file" in page
    assert "No worker answers." in page
    assert "Worker 1 does not answer." in page


@pytest.mark.parametrize("diff", [DIFFERS, REFUSED])
async def test_s20_r20_what_others_wrote_is_text(log: Log, diff: DifferenceTold) -> None:
    page = (await visitor(log, diff).get("/health")).text
    assert "<script>" not in page
    assert "\u202e" not in page
    assert "&lt;script&gt;" in page


async def test_the_latest_actions_stand_there(log: Log, tmp_path: Path) -> None:
    database = Database(tmp_path / "gateway.db")
    database.connect().close()
    archive = Archive(database, log)
    asked = visitor(log, archive=archive)
    assert "Nobody has done anything yet." in (await asked.get("/health")).text
    await Audit(log, archive).note(PEOPLE[Role.ADMIN], "revoke key", HOSTILE, "by hand")
    page = (await asked.get("/health")).text
    assert "revoke key" in page
    assert "by hand" in page


async def test_where_the_database_is_away_the_rest_is_shown(log: Log, tmp_path: Path) -> None:
    (tmp_path / "gateway.db").write_text("no database at all" * 100)
    archive = Archive(Database(tmp_path / "gateway.db"), log)
    page = (await visitor(log, archive=archive).get("/health")).text
    assert "The database does not tell them now" in page


async def test_a_file_that_cannot_be_read_again_is_told(log: Log) -> None:
    page = (await visitor(log, unread("/dev/fd/63", "is no file")).get("/health")).text
    assert "look here" in page
    assert "whether it says what runs is not known" in page
