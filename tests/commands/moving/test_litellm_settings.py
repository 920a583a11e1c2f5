"""What is said beside the models: routing, patience, the cache, the store, the door."""

import pytest

from gateway.commands.moving.litellm_settings import NO_KEYS, is_enforced
from gateway.commands.moving.toml import written
from tests.commands.moving.samples import Fields, comments, example, parsed, sheet_of


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("router_settings: {}", {"strategy": "spread"}),
        ("router_settings: {routing_strategy: least-busy}", {"strategy": "spread"}),
        ("router_settings: {routing_strategy: latency-based-routing}", {"strategy": "fastest"}),
        ("router_settings: {disable_cooldowns: true}", {"cooldown": {"failures": 0}}),
        ("router_settings: {disable_cooldowns: false}", {"cooldown": {}}),
        (
            "litellm_settings: {allowed_fails: 1, num_retries: 2, request_timeout: 700}",
            {
                "cooldown": {"failures": 2, "window": 60.0},
                "retries": 2,
                "timeouts": {"first_token": 700.0, "idle": 700.0, "total": 700.0},
            },
        ),
        (
            "litellm_settings: {num_retries: 2, request_timeout: 700}\n"
            "router_settings: {num_retries: 3, stream_timeout: 9, timeout: 800}",
            {"retries": 3, "timeouts": {"first_token": 9.0, "idle": 9.0, "total": 800.0}},
        ),
        ("litellm_settings: {cache: true}", {"cache": {"ttl": 600.0}}),
        ("litellm_settings: {cache: true, cache_params: {ttl: 60}}", {"cache": {"ttl": 60.0}}),
        ("litellm_settings: {cache: false}", {}),
        ("litellm_settings: {drop_params: false}", {"on_unsupported": "refuse"}),
    ],
)
def test_what_holds_for_all_calls_stands_in_the_defaults(text: str, wanted: Fields) -> None:
    found = parsed(sheet_of(text))["defaults"]
    assert {"strategy": "spread", **found} == {"strategy": "spread", **wanted}


@pytest.mark.parametrize(
    ("text", "remark"),
    [
        ("router_settings: {routing_strategy: cost-based-routing}", "is no strategy here"),
        ("router_settings: {num_retries: 99}", "at most 10 further attempts"),
        ("router_settings: {timeout: 30}", "A timeout is for silence there"),
        ("litellm_settings: {cache: true, cache_params: {type: s3}}", "not kept in this way"),
        ("litellm_settings: {cache: true, cache_params: {mode: default_off}}", "nothing is kept"),
        ("litellm_settings: {cache: true}", "answers are kept for 10 minutes"),
        ("litellm_settings: {callbacks: [prometheus]}", "figures of all workers are at /metrics"),
        ("litellm_settings: {success_callback: s3}", "receipts of all calls go to a file"),
        ("general_settings: {database_url: 'postgresql://u:p@h/d'}", "database stays as it is"),
        (
            "general_settings: {enable_jwt_auth: true}",
            "enable_jwt_auth: tokens are taken of issuers",
        ),
    ],
)
def test_what_is_otherwise_here_is_told(text: str, remark: str) -> None:
    assert remark in comments(sheet_of(text))


@pytest.mark.parametrize(
    ("text", "shared"),
    [
        ("router_settings: {redis_host: h, redis_port: 6380}", "redis://h:6380/0"),
        ("router_settings: {redis_host: h, redis_db: 3}", "redis://h:6379/3"),
        ("router_settings: {redis_host: os.environ/H}", {"env": "GATEWAY_SHARED"}),
        ("router_settings: {redis_host: h, redis_password: hidden}", {"env": "GATEWAY_SHARED"}),
        ("router_settings: {redis_host: 'a b'}", {"env": "GATEWAY_SHARED"}),
        (
            "litellm_settings: {cache: true, cache_params: {type: redis, host: h, ssl: true}}",
            "rediss://h:6379/0",
        ),
        (
            "litellm_settings: {cache: true, cache_params: {type: redis}}",
            {"env": "GATEWAY_SHARED"},
        ),
    ],
)
def test_the_redis_that_was_shared_is_shared(text: str, shared: object) -> None:
    sheet = sheet_of(text)
    assert parsed(sheet)["store"] == {"shared": shared}
    assert list(sheet.extras) == ["shared"]
    assert "hidden" not in comments(sheet)


def test_a_server_with_keys_asks_for_keys() -> None:
    _, sheet = example("reliability.yaml")
    found = parsed(sheet)
    assert found["server"] == {
        "max_calls": 1000,
        "max_body_bytes": 16 << 20,
        "max_answer_bytes": 1 << 19,
    }
    assert found["admin"] == {"key": {"env": "LITELLM_MASTER_KEY"}}
    issuer = {"issuer": "https://id.example.com", "audience": "gateway"}
    claims = {"claims": {"team": "groups", "user": "sub"}}
    assert found["auth"] == {
        "required": True,
        "pepper": {"env": "GATEWAY_PEPPER"},
        "issuers": [{**issuer, **claims}],
    }
    assert found["store"]["database"] == "sqlite:///gateway.db"


def test_a_server_without_keys_asks_for_none() -> None:
    bare = "general_settings: {store_model_in_db: true}"
    sheet = sheet_of(bare)
    assert parsed(sheet)["auth"] == {}
    assert NO_KEYS in comments(sheet)
    for variable in ("LITELLM_MASTER_KEY", "DATABASE_URL"):
        sheet = sheet_of(bare, **{variable: "sk-hidden-0001"})
        assert parsed(sheet)["auth"]["required"] is True
        assert "sk-hidden" not in written(sheet, [])
    for said in ("custom_auth: mine.check", "enable_oauth2_auth: true", "enable_jwt_auth: true"):
        assert parsed(sheet_of(f"general_settings: {{{said}}}"))["auth"]["required"] is True


def test_an_issuers_own_address_of_keys_is_kept() -> None:
    text = (
        "general_settings: {enable_jwt_auth: true, litellm_jwtauth: {issuer: 'https://i', audience:"
        " a, public_key_url: 'https://i/jwks'}}"
    )
    (issuer,) = parsed(sheet_of(text))["auth"]["issuers"]
    assert issuer == {"issuer": "https://i", "audience": "a", "jwks_url": "https://i/jwks"}


def test_an_issuer_that_could_not_be_asked_is_told_and_not_written() -> None:
    token = "{issuer: 'http://i.example.com', audience: a}"
    sheet = sheet_of(f"general_settings: {{enable_jwt_auth: true, litellm_jwtauth: {token}}}")
    assert "issuers" not in parsed(sheet)["auth"]
    assert "tokens of it could not be taken" in comments(sheet)


def test_a_collector_that_is_known_is_told_of_traces() -> None:
    sheet = sheet_of("litellm_settings: {callbacks: [otel]}", OTEL_ENDPOINT="http://c:4318")
    assert parsed(sheet)["telemetry"]["otlp_endpoint"] == {"env": "OTEL_EXPORTER_OTLP_ENDPOINT"}
    assert "otel" in sheet.extras


def test_limits_of_deployments_hold_where_litellm_counts() -> None:
    assert is_enforced({"router_settings": {"routing_strategy": "usage-based-routing"}})
    checks = {"optional_pre_call_checks": ["enforce_model_rate_limits"]}
    assert is_enforced({"router_settings": checks})
    assert not is_enforced({})
