"""The description says of each route of the API what it takes, gives and refuses."""

from typing import Annotated, Any

import jsonschema
import msgspec
from msgspec import Meta

from gateway.admin.openapi import Error, OpenApi, describe
from gateway.admin.routes import ADMINS, EVERYONE, OPEN, OPERATORS, Role, Route, Visit
from tests.admin.visitor import Visitor, site


class Asked(msgspec.Struct, forbid_unknown_fields=True):
    """A query."""

    worker: int
    limit: Annotated[int, Meta(ge=1, le=9)] = 5


class Said(msgspec.Struct, forbid_unknown_fields=True):
    """A body."""

    name: str


class Told(msgspec.Struct):
    """An answer."""

    names: list[str]


async def view(visit: Visit) -> object:
    return Told([str(visit.who.role)])


class Things:
    def routes(self) -> list[Route]:
        return [
            Route("GET", "/things", view, EVERYONE),
            Route("GET", "/api/things/<id>", view, OPERATORS, "One thing.", gives=Told),
            Route("GET", "/api/things", view, OPERATORS, "Things.", asks=Asked, gives=Told),
            Route("POST", "/api/things", view, ADMINS, "Make one.", takes=Said, gives=Told),
            Route("GET", "/api/loose", view, OPEN, "Whatever.", gives=dict[str, Any]),
            Route("POST", "/api/talk", view, ADMINS, "Talk.", takes=Said, kind="text/event-stream"),
        ]


def described() -> dict[str, Any]:
    return describe(Things().routes(), "1.2.3", "a-session")


def operation(path: str, method: str = "get") -> dict[str, Any]:
    found: dict[str, Any] = described()["paths"][path][method]
    return found


def test_the_api_is_described_and_no_page() -> None:
    told = described()
    assert told["openapi"].startswith("3.1")
    assert list(told["paths"]) == ["/api/loose", "/api/talk", "/api/things", "/api/things/{id}"]
    assert set(told["paths"]["/api/things"]) == {"get", "post"}


def test_each_operation_has_a_name_of_its_own_and_a_summary() -> None:
    operations = [each for path in described()["paths"].values() for each in path.values()]
    names = [each["operationId"] for each in operations]
    assert sorted(names) == sorted(
        ["get_loose", "post_talk", "get_things", "post_things", "get_things_id"]
    )
    assert all(each["summary"] for each in operations)


def test_a_query_is_told_field_by_field_and_a_part_of_the_path_too() -> None:
    fields = {each["name"]: each for each in operation("/api/things")["parameters"]}
    assert fields["worker"]["required"]
    assert not fields["limit"]["required"]
    assert fields["limit"]["schema"]["maximum"] == 9
    (part,) = operation("/api/things/{id}")["parameters"]
    assert (part["name"], part["in"], part["required"]) == ("id", "path", True)


def test_bodies_and_answers_are_told_by_their_types() -> None:
    told = operation("/api/things", "post")
    taken = told["requestBody"]["content"]["application/json"]["schema"]
    assert taken == {"$ref": "#/components/schemas/Said"}
    given = told["responses"]["200"]["content"]["application/json"]["schema"]
    assert given == {"$ref": "#/components/schemas/Told"}
    streamed = operation("/api/talk", "post")["responses"]["200"]["content"]
    assert list(streamed) == ["text/event-stream"]
    loose = operation("/api/loose")["responses"]["200"]["content"]["application/json"]["schema"]
    assert loose == {"type": "object"}


def test_each_refusal_that_there_can_be_is_told_and_no_other() -> None:
    assert list(operation("/api/loose")["responses"]) == ["200"]
    assert list(operation("/api/things/{id}")["responses"]) == [
        *("200", "401", "403", "404", "429", "503")
    ]
    assert list(operation("/api/things", "post")["responses"]) == [
        *("200", "400", "401", "403", "404", "409", "413", "415", "429", "503")
    ]


def test_who_may_is_told_and_what_to_show() -> None:
    told = operation("/api/things")
    assert told["security"] == [{"bearer": []}, {"session": []}]
    assert told["description"] == "For the roles: admin, viewer."
    assert operation("/api/loose")["security"] == []
    schemes = described()["components"]["securitySchemes"]
    assert schemes["session"]["name"] == "a-session"


def test_every_schema_is_one_and_every_reference_leads_somewhere() -> None:
    told = described()
    schemas = told["components"]["schemas"]
    assert set(schemas) == {"Asked", "Error", "Said", "Told", "Wrong"}
    for schema in schemas.values():
        jsonschema.Draft202012Validator.check_schema(schema)
    text = msgspec.json.encode(told).decode()
    for reference in text.split('"$ref":"#/components/schemas/')[1:]:
        assert reference.partition('"')[0] in schemas


async def test_an_error_of_the_site_fits_its_schema() -> None:
    whole = site([Things()])
    answered = await Visitor(whole, Role.VIEWER).post("/api/things", {"name": "x"})
    assert answered.status == 403
    assert msgspec.json.decode(answered.body, type=Error, strict=True).error.code == "forbidden"


async def test_it_is_an_answer_of_the_api_that_describes_itself() -> None:
    subjects: list[Any] = [Things()]
    subjects.append(OpenApi(subjects, "1.2.3", "a-session"))
    whole = site(subjects)
    for _ in range(2):
        answered = await Visitor(whole, Role.DEVELOPER).get("/api/openapi.json")
        assert answered.status == 200
        assert answered.json["info"]["version"] == "1.2.3"
        assert "/api/openapi.json" in answered.json["paths"]
    assert (await Visitor(whole, None).get("/api/openapi.json")).status == 401
