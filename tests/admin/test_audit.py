"""What is done on the operator's site is written down, whatever becomes of the database."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import trio

from gateway.admin.audit import ActionAsked, Audit
from gateway.admin.routes import OPERATORS, Identity, Refusal, Role, Visit
from gateway.store.archive import Archive
from gateway.store.database import Database

EVE = Identity(Role.ADMIN, "eve")


class Heard:
    """A log that keeps what it is told."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str, dict[str, Any]]] = []

    def info(self, event: str, **fields: object) -> None:
        self.lines.append(("info", event, fields))

    def warning(self, event: str, **fields: object) -> None:
        self.lines.append(("warning", event, fields))


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
def archive(tmp_path: Path, heard: Heard) -> Iterator[Archive]:
    database = Database(tmp_path / "gateway.db")
    database.connect().close()
    archive = Archive(database, heard)
    yield archive
    archive.close()


def audit_of(heard: Heard, archive: Archive | None) -> Audit:
    return Audit(
        heard, archive, whence=lambda: "192.0.2.7", now_ns=lambda: 1_700_000_000_123_456_789
    )


async def listed(audit: Audit, **asked: Any) -> Any:
    (route,) = audit.routes()
    assert route.asks is not None
    return await route.view(Visit(EVE, msgspec.convert(asked, route.asks)))


async def test_an_action_is_a_line_of_the_log_and_a_row(heard: Heard, archive: Archive) -> None:
    audit = audit_of(heard, archive)
    await audit.note(EVE, "revoke key", "ci", "lost")
    said = {"who": "eve", "role": "admin", "action": "revoke key", "subject": "ci"}
    said |= {"detail": "lost", "address": "192.0.2.7"}
    assert heard.lines == [("info", "audit", said)]
    found = msgspec.to_builtins(await listed(audit))
    (told,) = found.pop("actions")
    assert found == {"before": None, "kept": True}
    assert told == {**said, "id": 1, "at": "2023-11-14T22:13:20.123Z"}


async def test_nobody_acts_under_the_name_of_another(heard: Heard) -> None:
    """What an issuer says of a name its user may have chosen, but not who that is."""
    audit = audit_of(heard, None)
    for who in (Identity(Role.ADMIN, "admin key", "u-7"), Identity(Role.ADMIN, "ada", "ada")):
        await audit.note(who, "cancel call", "req_1")
    assert [said["who"] for _, _, said in heard.lines] == ["u-7 (admin key)", "ada"]


async def test_the_list_is_told_in_pages(heard: Heard, archive: Archive) -> None:
    audit = audit_of(heard, archive)
    for name in "abc":
        await audit.note(EVE, "create key", name)
    first = await listed(audit, limit=2)
    assert [each.subject for each in first.actions] == ["c", "b"]
    second = await listed(audit, limit=2, before=first.before)
    assert ([each.subject for each in second.actions], second.before) == (["a"], None)


async def test_without_a_database_the_line_stands_alone(heard: Heard) -> None:
    audit = audit_of(heard, None)
    await audit.note(EVE, "cancel call", "req_1")
    assert [event for _, event, _ in heard.lines] == ["audit"]
    assert not (await audit.latest()).kept
    with pytest.raises(Refusal) as refused:
        await listed(audit)
    assert refused.value.status == 404


async def test_a_database_that_is_away_is_told_and_undoes_nothing(
    heard: Heard, tmp_path: Path
) -> None:
    archive = Archive(Database(tmp_path / "nowhere" / "gateway.db"), heard)
    audit = audit_of(heard, archive)
    await audit.note(EVE, "revoke key", "ci")
    assert [line[:2] for line in heard.lines] == [
        ("info", "audit"),
        ("warning", "action not kept in the database"),
    ]
    with pytest.raises(Refusal) as refused:
        await listed(audit)
    assert refused.value.status == 503


async def test_what_was_done_is_written_down_though_the_client_has_left(
    heard: Heard, archive: Archive
) -> None:
    audit = audit_of(heard, archive)
    with trio.CancelScope() as scope:
        scope.cancel()
        await audit.note(EVE, "revoke key", "ci")
    assert [each.subject for each in (await audit.latest()).actions] == ["ci"]


async def test_a_row_that_waits_too_long_is_told(
    heard: Heard, archive: Archive, autojump_clock: trio.testing.MockClock
) -> None:
    audit = audit_of(heard, archive)
    async with archive._writing.limiter:  # Somebody else writes, and does not come to an end.
        await audit.note(EVE, "revoke key", "ci")
    assert heard.lines[-1][2] == {"reason": "it took too long"}


def test_s11_operators_alone_see_the_actions(heard: Heard) -> None:
    (route,) = audit_of(heard, None).routes()
    assert (route.method, route.path, route.who) == ("GET", "/api/audit", OPERATORS)
    for wrong in ({"limit": 0}, {"limit": 201}, {"before": 0}, {"before": -1}):
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert(wrong, ActionAsked)
