"""The page of models and its API: who may look, whose view a plan is, and what is refused."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import trio

from gateway.admin.desk import Desk
from gateway.admin.models.catalogue import Catalogue
from gateway.admin.models.page import MOST_SHOWN, Models
from gateway.admin.routes import Role
from gateway.office.models import catalogue_of
from gateway.policy.offers import Alias, Rules
from gateway.policy.prices import Price, Prices
from gateway.words.caller import Limits
from tests.admin.visitor import Visitor, site
from tests.config.texts import load
from tests.policy.asked import offer

HOSTILE = "<img src=x onerror=alert(1)>\u202e"
ALIASES = {"smart": Alias(("m", HOSTILE))}
RULES = Rules(fallbacks={"m": (HOSTILE,)}, context_fallbacks={"m": ("smart",)})
LIMITS = {"m": Limits(60, 1000, 5)}
RESTS = {"name": "a/m", "state": "open", "rests_for": 30.0, "calls": 3, "failed": 3, "share": 1.0}


class Room:
    """Workers of which the second finds a home at rest."""

    def __init__(self, workers: int = 2) -> None:
        self.workers = workers
        self.listed: dict[str, list[str]] = {"lists": ["x"]}
        self.counts: dict[str, int] = {}
        self.absent: dict[str, float] = {}

    async def ask(self, question: Mapping[str, object]) -> list[dict[str, Any]]:
        await trio.lowlevel.checkpoint()
        if question["ask"] == "models":
            told = {"worker": 1, "listed": self.listed, "counts": self.counts}
            return [told][: self.workers]
        homes = [[{"name": "a/m", "ttft": 0.25, "calls": 2}], [RESTS]]
        return [
            {"worker": number + 1, "homes": homes[number], "absent": self.absent}
            for number in range(self.workers)
        ]


def visitor(room: Room | None = None, role: Role = Role.VIEWER) -> Visitor:
    offers = (
        offer("a", {"m": "m", HOSTILE: HOSTILE}, keys=2),
        offer("b", {"m": "m"}),
        offer("lists", listing=True),
        offer("local", prefix="local/", anything=True),
    )
    prices = Prices({"a/m": Price(2_500_000, 10_000_000, per_request=10_000_000)})
    catalogue = Catalogue(offers, ALIASES, RULES, prices, LIMITS)
    return Visitor(site([Models(Desk((room or Room()).ask), catalogue)]), role)


@pytest.mark.parametrize("path", ["/models", "/api/models", "/api/plan?model=m"])
async def test_operators_look_and_developers_do_not(path: str) -> None:
    for role, status in ((Role.ADMIN, 200), (Role.VIEWER, 200), (Role.DEVELOPER, 403)):
        assert (await visitor(role=role).get(path)).status == status


async def test_names_are_told_with_what_all_workers_know() -> None:
    told = (await visitor().get("/api/models")).json
    models = {model["name"]: model for model in told["models"]}
    assert set(models) == {"m", HOSTILE, "smart", "x"}
    (first, _) = models["m"]["homes"]
    assert (first["state"], first["rests_in"], first["calls"], first["ttft"]) == (
        *("open", 1, 5),
        0.25,
    )
    assert first["price"]["input"] == 2.5
    assert models["m"]["trouble"]
    assert models["m"]["limits"]["concurrency"] == 5
    assert told["workers"] == [1, 2]
    assert [end["provider"] for end in told["open_ends"]] == ["lists", "local"]


async def test_names_are_found_and_bounded() -> None:
    told = (await visitor().get("/api/models?q=%20SMA")).json
    assert [model["name"] for model in told["models"]] == ["smart"]
    room = Room()
    room.listed["lists"] = [f"m{number}" for number in range(MOST_SHOWN + 20)]
    told = (await visitor(room).get("/api/models")).json
    assert (len(told["models"]), told["left_out"]) == (MOST_SHOWN, 23)
    page = await visitor(room).get("/models")
    assert "23 more names" in page.text
    assert page.text.count("of the names below") == 3


async def test_a_list_that_is_too_long_is_told_by_its_length() -> None:
    room = Room()
    room.counts["lists"] = 50_000
    room.listed.clear()
    page = (await visitor(room).get("/models")).text
    assert "lists 50,000 names" in page
    assert "too many to stand above" in page
    told = (await visitor(room).get("/api/plan?model=any")).json
    assert [step["target"] for step in told["plan"]["targets"]] == ["lists/any"]


async def test_a_provider_that_is_away_is_told_with_its_homes() -> None:
    room = Room()
    room.absent["b"] = 7.0
    page = (await visitor(room).get("/models")).text
    assert "does not answer its probe" in page
    assert "away</span>" in page


async def test_a_plan_is_one_workers_view() -> None:
    asked = visitor()
    firsts = []
    for more in ("", "&worker=1", "&worker=2"):
        told = (await asked.get(f"/api/plan?model=m{more}")).json
        firsts.append((told["worker"], told["plan"]["targets"][0]["target"]))
        assert told["workers"] == [1, 2]
    assert firsts == [(1, "a/m"), (1, "a/m"), (2, "b/m")]
    told = (await asked.get("/api/plan?model=m&worker=2")).json
    assert told["plan"]["targets"][1]["rests_for"] == 30.0


async def test_without_a_worker_the_plan_is_that_of_one_that_has_just_begun() -> None:
    asked = visitor(Room(workers=0))
    told = (await asked.get("/api/plan?model=m")).json
    assert (told["worker"], told["workers"]) == (None, [])
    assert "one that has just begun" in (await asked.get("/models?model=m")).text
    assert "how homes are is not known" in (await asked.get("/models")).text


async def test_another_conversation_may_have_another_key() -> None:
    asked = visitor()
    keys = set()
    for number in range(12):
        told = (await asked.get(f"/api/plan?model=m&thread=customer-{number}")).json
        keys.add(told["plan"]["targets"][0]["key"])
    assert keys == {1, 2}


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ("model=local/x&worker=7", 404, "unknown_worker"),
        ("model=m&worker=0", 400, "invalid_value"),
        ("model=", 400, "invalid_value"),
        ("", 400, "invalid_value"),
        ("model=m&other=1", 400, "invalid_value"),
        (f"model={'m' * 257}", 400, "invalid_value"),
        ("model=m&worker=x", 400, "invalid_value"),
    ],
)
async def test_a_query_that_is_wrong_is_refused(query: str, status: int, code: str) -> None:
    answered = await visitor().get(f"/api/plan?{query}")
    assert (answered.status, answered.code) == (status, code)


async def test_an_unknown_name_is_told_with_the_nearest() -> None:
    room = Room()
    room.listed["lists"] = ["command-r"]
    answered = await visitor(room).get("/api/plan?model=command-x")
    assert answered.status == 404
    assert "Nearest names: command-r" in answered.json["error"]["message"]
    page = await visitor(room).get("/models?model=command-x", headers={"accept": "text/html"})
    assert page.status == 404
    assert "Nearest names: command-r" in page.text


async def test_s20_r20_names_are_text_in_the_pages() -> None:
    asked = visitor()
    for path in ("/models", "/models?model=m", "/models?model=smart&thread=%3Cb%3E&worker=1"):
        page = await asked.get(path)
        assert page.status == 200
        assert "<img" not in page.text.replace('<img src="/static/', "")
        assert "\u202e" not in page.text
        assert "<b>" not in page.text


async def test_the_pages_draw_homes_prices_and_the_way_of_failures() -> None:
    page = (await visitor().get("/models")).text
    for said in ("rests 30 s", "in 1 of 2", "$2.50", "$10.00", "no price is known", "60 requests",
                 "and $0.01 a call", "0 %"):  # fmt: skip
        assert said in page
    plan = (await visitor().get("/models?model=m&worker=2")).text
    for said in ("what worker 2 would do now", "rests 30 s", "key 1", "What follows a failure",
                 "$10.00 out <span class=\"muted\">and $0.01 a call</span>"):  # fmt: skip
        assert said in plan


async def test_where_echo_alone_answers_the_page_says_what_to_do_next(tmp_path: Path) -> None:
    advice = "Nothing but the built-in echo answers."
    room = Room()
    room.listed = {}
    alone = site([Models(Desk(room.ask), catalogue_of(load("", tmp_path)))])
    assert advice in (await Visitor(alone, Role.VIEWER).get("/models")).text
    assert advice not in (await visitor().get("/models")).text
