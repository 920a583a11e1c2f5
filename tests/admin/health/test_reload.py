"""A reload over the API: who may, what is told, what is refused, who has not followed."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import trio
from msgspec import structs
from trio.testing import MockClock

from gateway.admin.audit import Audit
from gateway.admin.desk import Desk
from gateway.admin.health.reload import LOOK_EVERY, LOOKS, MOST_FINDINGS, Reload
from gateway.admin.health.settings import DifferenceTold, Places, Settings, unread
from gateway.admin.renewing import Renewing
from gateway.admin.routes import Role
from gateway.telemetry.log import Log, open_log
from gateway.telemetry.options import LogOptions
from tests.admin.health.test_page import DIFFERS, REFUSED, SHOWN
from tests.admin.visitor import Answered, Visitor, site


class Still(Settings):
    """Settings that are read without a thread, which a virtual clock would overtake."""

    async def diff(self, fresh: float = 1.0) -> DifferenceTold:
        assert fresh == 0.0  # what was read before the file was written is of no use
        await trio.lowlevel.checkpoint()
        return self._read()


class Room:
    """Two workers; the second may go by the old configuration, or leave."""

    def __init__(self) -> None:
        self.second: dict[str, Any] = {"configuration": "new"}
        self.leaving: list[dict[str, Any]] = []

    async def ask(self, _: Mapping[str, object]) -> list[dict[str, Any]]:
        await trio.lowlevel.checkpoint()
        workers = [{"worker": 1, "configuration": "new"}, {"worker": 2, **self.second}]
        return [*workers, *self.leaving]


class Scene:
    """Whoever asks for a reload, and the gateway that takes it, or does not."""

    def __init__(self, log: Log, told: Path) -> None:
        self.told = told
        self.room = Room()
        self.diff = DIFFERS
        self.takes = True
        self.log = log
        self._renewing = Renewing(self._order, "old")
        self.orders = 0

    def _order(self) -> None:
        self.orders += 1
        if self.takes:
            self._renewing.follow("new")

    async def reload(self, role: Role = Role.ADMIN) -> Answered:
        settings = Still(SHOWN, Places(), lambda: self.diff)
        audit = Audit(self.log, None, whence=lambda: "127.0.0.1")
        subject = Reload(Desk(self.room.ask), settings, audit, self._renewing, (1, 2))
        return await Visitor(site([subject]), role).post("/api/reload", {})


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    with (tmp_path / "log").open("w") as file, open_log(LogOptions(), file) as log:
        yield Scene(log, tmp_path / "log")


async def test_what_has_changed_is_told_and_who_follows(
    scene: Scene, autojump_clock: MockClock
) -> None:
    told = (await scene.reload()).json
    assert told["follows"] == {"1": True, "2": True}
    assert [change["name"] for change in told["changes"]][:2] == ["server.port", "admin.key"]
    assert told["warnings"] == ["one more warning"]
    assert scene.orders == 1


@pytest.mark.parametrize("second", [{"configuration": "old"}, {"draining": True}, {}])
async def test_a_worker_that_does_not_follow_is_told(
    scene: Scene, autojump_clock: MockClock, second: dict[str, Any]
) -> None:
    scene.room.second = second
    assert (await scene.reload()).json["follows"] == {"1": True, "2": False}


async def test_one_that_drains_says_nothing_of_the_one_in_its_place(
    scene: Scene, autojump_clock: MockClock
) -> None:
    """It goes by the old configuration to its end. Nor is anybody waited for who has followed."""
    scene.room.leaving = [{"worker": 2, "configuration": "old", "draining": True}]
    began = trio.current_time()
    assert (await scene.reload()).json["follows"] == {"1": True, "2": True}
    assert trio.current_time() - began < LOOKS * LOOK_EVERY


async def test_of_many_mistakes_some_are_told_and_the_others_counted(scene: Scene) -> None:
    scene.diff = structs.replace(REFUSED, findings=[*REFUSED.findings[:1]] * (MOST_FINDINGS + 4))
    said = (await scene.reload()).json["error"]["message"]
    assert said.count("unknown key") == MOST_FINDINGS
    assert said.endswith("; and 4 more")


async def test_s11_nobody_but_an_admin_may(scene: Scene) -> None:
    assert (await scene.reload(Role.VIEWER)).status == 403
    assert (await scene.reload(Role.DEVELOPER)).status == 403
    assert scene.orders == 0


@pytest.mark.parametrize(
    ("diff", "status", "said"),
    [
        (REFUSED, 409, "gateway.toml:7:server.prot: unknown key; did you mean port?"),
        (unread("gateway.toml", "could not be read in time"), 503, "could not be read in time"),
        (DifferenceTold(None, False, [], [], []), 409, "without a configuration file"),
    ],
)
async def test_what_cannot_be_taken_is_refused_before_anybody_hears_of_it(
    scene: Scene, diff: DifferenceTold, status: int, said: str
) -> None:
    scene.diff = diff
    answer = await scene.reload()
    assert answer.status == status
    assert said in answer.json["error"]["message"]
    assert scene.orders == 0


async def test_a_reload_that_does_not_come_is_told(scene: Scene, autojump_clock: MockClock) -> None:
    scene.takes = False
    answer = await scene.reload()
    assert answer.status == 503
    assert "The log says why" in answer.json["error"]["message"]
    # Somebody has wanted it, and workers may have followed.
    scene.log.close()
    assert "not taken in time" in scene.told.read_text()
