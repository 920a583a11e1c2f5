"""The admin's API holds to its own description, whatever it is asked: schemathesis is the judge.

Each operation of a real admin is asked as the description allows, and each answer must be one that
the description knows. What is asked is the same in each run.
"""

import http.client
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from tests.browser.premises import ADMIN_KEY, VIEWER_KEY, Premises, premises

EXAMPLES = 8
"""Requests to each operation, beside the examples of its own."""

OPERATIONS = (
    "get_audit", "get_budgets", "get_calls", "get_calls_id", "get_gauges", "get_health", "get_keys",
    "get_log", "get_me", "get_models", "get_openapi_json", "get_plan", "get_settings",
    "get_settings_diff", "get_spend", "get_teams", "get_tree", "post_cancel", "post_keys",
    "post_keys_change", "post_keys_revoke", "post_keys_rotate", "post_playground", "post_reload",
    "post_tickets",
)  # fmt: skip
"""All that there are, so that one that is left out or new is noticed."""

CHANGING = tuple(name for name in OPERATIONS if name.startswith("post_"))

Ask = Callable[..., tuple[int, bytes]]


@pytest.fixture(scope="module")
def house(
    require: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Premises]:
    require("schemathesis")
    with premises(tmp_path_factory.mktemp("api")) as opened:
        yield opened


@pytest.fixture(scope="module")
def ask(house: Premises) -> Ask:
    """Ask the admin; return status and body."""

    def ask(method: str, path: str, key: str = ADMIN_KEY, body: object = None) -> tuple[int, bytes]:
        wire = http.client.HTTPConnection(house.url.removeprefix("http://"), timeout=20)
        try:
            headers = {"authorization": f"Bearer {key}"} if key else {}
            headers |= {"content-type": "application/json"}
            said = None if body is None else json.dumps(body)
            wire.request(method, path, said, headers)
            answer = wire.getresponse()
            return answer.status, answer.read()
        finally:
            wire.close()

    return ask


@pytest.fixture(scope="module")
def described(ask: Ask) -> dict[str, Any]:
    status, body = ask("GET", "/api/openapi.json")
    assert status == 200
    found: dict[str, Any] = json.loads(body)
    return found


@pytest.fixture(scope="module")
def operations(described: dict[str, Any]) -> dict[str, tuple[str, str]]:
    """Method and path of each operation, by its name."""
    return {
        operation["operationId"]: (method.upper(), path)
        for path, methods in described["paths"].items()
        for method, operation in methods.items()
    }


def test_each_operation_is_asked_below(operations: dict[str, Any]) -> None:
    assert sorted(operations) == sorted(OPERATIONS)


def judge(house: Premises, described: dict[str, Any], method: str, path: str) -> list[int]:
    """Ask an operation as its description allows; return the statuses that came.

    Raises `FailureGroup` where an answer is none that the description knows.
    """
    import schemathesis
    from schemathesis.specs.openapi import checks

    judges = [
        checks.status_code_conformance,
        checks.content_type_conformance,
        checks.response_schema_conformance,
    ]
    operation = schemathesis.openapi.from_dict(described)[path][method]
    allowed = operation.as_strategy(generation_mode=schemathesis.GenerationMode.POSITIVE)
    statuses: list[int] = []

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=allowed)
    def holds(case: Any) -> None:
        headers = {"authorization": f"Bearer {ADMIN_KEY}"}
        answer = case.call(base_url=house.url, headers=headers, timeout=20)
        statuses.append(answer.status_code)
        case.validate_response(answer, checks=judges)

    holds()
    return statuses


@pytest.mark.parametrize("name", OPERATIONS)
def test_what_the_description_allows_is_answered_as_it_says(
    name: str, house: Premises, described: dict[str, Any], operations: dict[str, tuple[str, str]]
) -> None:
    """No undocumented status, no answer that does not fit its schema, and no error of ours."""
    method, path = operations[name]
    statuses = judge(house, described, method, path)
    assert statuses
    assert max(statuses) < 500
    if method == "GET" and "{" not in path:
        assert 200 in statuses or name == "get_plan"


def test_a_description_that_is_not_true_is_noticed(
    house: Premises, described: dict[str, Any]
) -> None:
    from schemathesis.core.failures import FailureGroup

    text = json.dumps(described)
    for true, doctored in (('"damaged"', '"undamaged"'), ('"200"', '"201"')):
        with pytest.raises(FailureGroup):
            judge(house, json.loads(text.replace(true, doctored)), "GET", "/api/keys")


def test_s11_without_a_credential_nothing_is_told_and_nothing_done(
    operations: dict[str, tuple[str, str]], ask: Ask
) -> None:
    """S11. It is judged before body and query are read."""
    for name in OPERATIONS:
        method, path = operations[name]
        status, body = ask(method, path.replace("{id}", "1"), key="", body={})
        assert (status, json.loads(body)["error"]["code"]) == (401, "invalid_api_key"), name


@pytest.mark.parametrize("name", CHANGING)
def test_s11_a_viewer_changes_nothing(
    name: str, operations: dict[str, tuple[str, str]], ask: Ask
) -> None:
    """S11."""
    method, path = operations[name]
    assert ask(method, path, VIEWER_KEY, {})[0] == 403


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"null", b'{"id": 1}', b'{"id": "x", "more": 1}', b"[" * 5_000, b"\xff"],
    ids=range(8),
)
def test_a_body_that_is_none_of_the_described_is_told_so(house: Premises, body: bytes) -> None:
    wire = http.client.HTTPConnection(house.url.removeprefix("http://"), timeout=20)
    try:
        headers = {"authorization": f"Bearer {ADMIN_KEY}", "content-type": "application/json"}
        wire.request("POST", "/api/cancel", body, headers)
        answer = wire.getresponse()
        told = json.loads(answer.read())
    finally:
        wire.close()
    assert (answer.status, told["error"]["code"]) == (400, "invalid_value")
