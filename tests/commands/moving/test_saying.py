"""Values in remarks: facts are shown, and nothing that could be a secret."""

import pytest

from gateway.commands.moving.saying import is_holding, is_like_a_key, is_telling, plain, shown


@pytest.mark.parametrize(
    ("value", "name", "said"),
    [
        (20, "rpm", "20"),
        (0.5, "weight", "0.5"),
        (True, "hidden", "true"),
        (None, "ttl", ""),
        ("pre_call", "mode", '"pre_call"'),
        ("os.environ/APORIA", "api_key", "os.environ/APORIA"),
        ("sk-0123", "mode", "…"),
        ("AKIAX", "id", "…"),
        ("0123456789abcdef0123456789abcdef", "id", "…"),
        ("a" * 61, "mode", "…"),
        ("hunter2", "value", "…"),
        (1234, "api_key", "…"),
        (["a", "sk-1"], "tags", '["a", …]'),
        ({}, "params", "{}"),
        ([], "tags", "[]"),
        ({"mode": "x", "key": "y", "n": None}, "any", 'mode = "x", key = …, n = null'),
        ([{"mode": "x"}, {"pin": 4}], "any", '[0].mode = "x", [1].pin = …'),
    ],
)
def test_what_may_be_a_secret_is_not_shown(value: object, name: str, said: str) -> None:
    assert shown(value, ("a", name, 0)) == said


@pytest.mark.parametrize("name", ["api_key", "token", "client_secret", "PASSWORD", "Authorization"])
def test_a_name_tells_a_secret(name: str) -> None:
    assert is_telling(name)
    assert not is_telling("max_tokens")


@pytest.mark.parametrize(
    ("name", "holds"),
    [
        *(("max_budget", True), ("model_rpm_limit", True), ("guardrails", True)),
        *(("allowed_routes", True), ("max_parallel_requests", True), ("enforced_params", True)),
        *(("allowed_fails", False), ("allowed_fails_policy", False), ("retry_policy", False)),
        *(("database_connection_pool_limit", False), ("tags", False), ("temperature", False)),
    ],
)
def test_a_name_tells_what_holds_somebody_back(name: str, *, holds: bool) -> None:
    assert is_holding(name) is holds


def test_looks_tell_a_key() -> None:
    assert is_like_a_key("sk-1")
    assert not is_like_a_key("gpt-5.2")
    assert plain("a\u202eb") == "a\N{REPLACEMENT CHARACTER}b"
