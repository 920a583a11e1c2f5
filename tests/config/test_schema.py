"""The JSON Schema: valid itself, and of one mind with the loader."""

import json
import tomllib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from gateway.config.compose import SECTIONS
from gateway.config.mistakes import ConfigMistake
from gateway.config.schema import Schema, _hook, schema
from gateway.config.show import literal
from gateway.words.secret import Secret
from gateway.words.target import Timeouts
from tests.config.texts import load

WHOLE = schema()
CHECK = Draft202012Validator(WHOLE)
KEY = f'[[keys]]\nname = "a"\nhash = "{"0" * 64}"\n'


def accepts(text: str) -> bool:
    """Check a text as an editor does, for which a date is a string."""
    return bool(CHECK.is_valid(json.loads(json.dumps(tomllib.loads(text), default=str))))


def nodes(node: object) -> list[Schema]:
    """Return all schemas within a schema."""
    inner = node.values() if isinstance(node, dict) else node if isinstance(node, list) else []
    own = [node] if isinstance(node, dict) else []
    return own + [found for part in inner for found in nodes(part)]


def test_the_schema_is_one() -> None:
    Draft202012Validator.check_schema(WHOLE)
    assert json.loads(json.dumps(WHOLE)) == WHOLE
    properties = WHOLE["properties"]
    assert isinstance(properties, dict)
    assert sorted(properties) == sorted(SECTIONS)


def test_every_table_is_closed_and_every_key_is_explained() -> None:
    tables = [node for node in nodes(WHOLE) if isinstance(node.get("properties"), dict)]
    assert len(tables) > 10
    for table in tables:
        assert "additionalProperties" in table
        properties = table["properties"]
        assert isinstance(properties, dict)
        assert all({"description", "anyOf", "$ref"} & node.keys() for node in properties.values())
    assert not [node for node in nodes(WHOLE) if node.get("type") == "null"]
    assert not [node for node in nodes(WHOLE) if "default" in node and node["default"] is None]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[server]\nport = 1\ntls = {}\nhead_timeout = 5",
        '[server]\ntls = { certificate = "a", key = "b" }',
        '[providers.openai]\nmodels = "*"\napi_key = { env = "A" }',
        '[providers.openai]\nkind = "echo"\nwords_per_second = 1',
        '[providers.x]\nkind = "openai"\napi_keys = [{ file = "a" }, "b"]\nmodels = { a = "b" }',
        "[providers.echo]",
        '[providers.groq]\napi_key = { env = "A" }',
        '[providers.x]\nkind = "vllm"\nrunning_usage = true\nprobe = { interval = 1 }',
        '[providers.groq]\nkind = "litellm"\nbase_url = "http://x"',
        '[admin]\nport = 0\nkey = { env = "A" }',
        "[models.a]\ntargets = ['b']\ntimeouts = { idle = 1 }",
        "[defaults.timeouts]\ntotal = 1",
        '[defaults]\norder = ["a"]\nstrategy = "spread"\naffinity = false\nretries = 0',
        '[defaults]\nresume = "verified"\nresume_attempts = 3\nhedge_after = 0\ncache.ttl = 1',
        '[providers.openai]\nmodels = "*"\ncooldown = { failures = 0, rest = 1 }\ncoalesce = true',
        '[providers.openai]\nmodels = "*"\nprobe = { interval = 5, path = "/health" }',
        '[providers.openai]\nmodels = "*"\nprobe = {}',
        '[models.a]\ntargets = ["b", "c"]\nprefill = true\nhonour_client_timeout = false',
        '[fallbacks]\n"*a*b*c*" = "x"\ny = ["z"]\n[context_fallbacks]\na = []',
        "[auth]\nrequired = false\n[telemetry]\nlog_format = 'json'",
        "[auth]\npepper = { env = 'A' }",
        '[groups]\na = ["x", "y*"]\nb = []\n[teams.t]\nmodels = ["@a"]\nlimits = {}\n[teams.u]',
        "[teams.t]\nlimits = { requests_per_minute = 1, tokens_per_minute = 2, concurrency = 3 }",
        '[teams.t]\nbudgets = [{ usd = 20_000, per = "month" }]\nmembers = ["oidc:a"]',
        '[teams.t]\nbudgets = [{ usd = 1, per = "day", each = "user" }]\nunpriced = "free"',
        f'{KEY}budgets = [{{ usd = 0.5, per = "week", models = ["a*"], then = "b" }}]',
        f'{KEY}budgets = [{{ usd = 5, per = "year", reserve = "worst", alert = [0.8, 1] }}]',
        f"{KEY}budgets = []",
        "[models.a]\nlimits = { concurrency = 1 }",
        f"{KEY}expires = 2027-01-01",
        f'{KEY}expires = 2027-01-01T00:00:00Z\nteam = "t"\nuser = "u"\nmodels = ["x"]',
        f"{KEY}metadata = {{ a = 'b' }}\n{KEY}",
    ],
)
def test_the_schema_takes_what_the_loader_takes(text: str) -> None:
    assert accepts(text)


@pytest.mark.parametrize(
    "text",
    [
        "[store]\ndatabase = 'x'",
        "[store]\nshared = 1",
        "[admin]\nhost = 1",
        "[server]\nprot = 1",
        "[server]\nport = 65536",
        "[server]\nhead_timeout = 0",
        '[server]\ntls = { certificate = "a" }',
        "[providers.x]\nmodels = '*'",
        '[providers.openai]\nmodels = "gpt"',
        '[providers.openai]\napi_key = { env = "A", file = "b" }',
        '[providers.openai]\napi_key = ""',
        "[providers.echo]\nbase_url = 'http://x'",
        '[providers."' + "x" * 257 + '"]\nkind = "echo"',
        "[telemetry]\nlog_format = 'xml'",
        "[defaults]\nretries = 11",
        "[defaults]\nprefill = true",
        "[defaults]\nstrategy = 'random'",
        "[providers.openai]\nmodels = '*'\norder = []",
        "[providers.openai]\nmodels = '*'\nprobe = { path = '' }",
        "[providers.echo]\nprobe = { interval = 1 }",
        "[providers.groq]\nrunning_usage = true",
        "[providers.groq]\nretries = 11",
        "[providers.litellm]\nmodels = '*'",
        "[providers.x]\nkind = 'litellm'",
        "[fallbacks]\na = 1",
        "[fallbacks]\n'*****' = 'echo'",
        "[context_fallbacks]\na = ['']",
        "[auth]\npepper = ''",
        "[auth]\nissuers = 1",
        "[[auth.issuers]]\nissuer = 'x'",
        "[groups]\na = 'x'",
        "[groups]\n'@a' = []",
        "[groups]\n'a*' = []",
        "[teams.t]\nmembers = 'oidc:a'",
        "[teams.t]\nunpriced = 'maybe'",
        "[models.echo]\nlimits = { concurrency = 0 }",
        *(
            f"[store]\ndatabase = 'sqlite:///g.db'\n[teams.t]\nbudgets = {budgets}"
            for budgets in (
                "1",
                "[1]",
                "{ usd = 1, per = 'day' }",
                "[{ usd = 1 }]",
                "[{ per = 'day' }]",
                "[{ usd = 0, per = 'day' }]",
                "[{ usd = 1e30, per = 'day' }]",
                "[{ usd = '1', per = 'day' }]",
                "[{ usd = 1, per = 'minute' }]",
                "[{ usd = 1, per = 'day', pre = 'day' }]",
                "[{ usd = 1, per = 'day', each = 'key' }]",
                "[{ usd = 1, per = 'day', alert = [0] }]",
                "[{ usd = 1, per = 'day', alert = [2] }]",
                f"[{{ usd = 1, per = 'day', alert = [{'1, ' * 17}] }}]",
                "[" + "{ usd = 1, per = 'day' }, " * 33 + "]",
            )
        ),
        "[teams.t]\nlimits = { concurrency = 0 }",
        "[[keys]]\nname = 'a'",
        "[keys.a]",
        KEY.replace("0", "x"),
        f"{KEY}expires = 1",
        f"{KEY}metadata = {{ a = 1 }}",
        f"{KEY}budget = []",
    ],
)
def test_the_schema_refuses_what_the_loader_refuses(text: str, tmp_path: Path) -> None:
    assert not accepts(text)
    with pytest.raises(ConfigMistake):
        load(text, tmp_path)


VALUES = st.one_of(
    st.sampled_from([True, -1, 0, 1, 0.5, 1e9, 70_000, "", "*", "x", "json", [], ["x"], {}]),
    st.sampled_from([[{"usd": 1, "per": "day"}], [{"usd": 0, "per": "day"}], ["oidc:x"]]),
    st.sampled_from(
        [{"env": "KEY"}, {"idle": 1.0}, {"idle": 0}, {"x": "y"}, [1], [{"env": "KEY"}]]
    ),
)
KEYS = [
    *("server.port", "server.head_timeout", "server.drain_delay", "server.max_calls", "server.x"),
    *("server.host", "server.unix", "server.tls", "telemetry.log_format", "auth.required"),
    *("providers.openai.models", "providers.openai.api_key", "providers.openai.api_keys"),
    *("providers.openai.prefix", "providers.openai.headers", "providers.openai.timeouts"),
    *(
        "providers.openai.max_connections",
        "providers.echo.words_per_second",
        "providers.echo.models",
    ),
    *("providers.groq.models", "providers.groq.headers", "providers.vllm.running_usage"),
    *("models.x.targets", "models.x.timeouts", "defaults.timeouts", "defaults.retries", "admin"),
    *("defaults.order", "defaults.cooldown", "defaults.cache", "defaults.resume"),
    *("providers.openai.probe", "models.x.prefill", "models.echo.affinity", "models.echo.strategy"),
    *("fallbacks", "fallbacks.x", "fallbacks.echo", 'context_fallbacks."*"'),
    *("groups", "groups.x", 'groups."@x"', "teams", "teams.x", "teams.x.models", "teams.x.limits"),
    *("teams.x.limits.concurrency", "keys", "auth.pepper", "models.x.limits"),
    *("teams.x.budgets", "teams.x.unpriced", "teams.x.members"),
]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(KEYS), VALUES)
def test_what_the_loader_takes_the_schema_takes(tmp_path: Path, key: str, value: object) -> None:
    text = f"store.database = 'sqlite:///g.db'\n{key} = {literal(value)}"
    try:
        load(text, tmp_path)
    except ConfigMistake:
        event("refused")
        return
    assert accepts(text)


def test_an_echo_that_names_no_models_is_shown_the_default() -> None:
    shared = WHOLE["$defs"]
    assert isinstance(shared, dict)
    assert shared["provider-echo"]["properties"]["models"]["default"] == ["echo"]
    assert set(shared["TimeoutSettings"]["properties"]) == set(Timeouts.__slots__)


def test_what_a_kind_has_in_common_with_openai_is_said_once() -> None:
    shared = WHOLE["$defs"]
    assert isinstance(shared, dict)
    groq = shared["provider-groq"]["properties"]
    assert groq["timeouts"] == {"$ref": "#/$defs/provider-openai/properties/timeouts"}
    assert groq["kind"]["const"] == "groq"
    assert groq["base_url"]["default"] == "https://api.groq.com/openai/v1"
    assert groq["models"]["default"] == "*"
    assert "running_usage" not in groq
    assert shared["provider-litellm"]["required"] == ["base_url"]


def test_a_type_without_a_schema_is_a_bug_that_is_told() -> None:
    assert _hook(Secret) == {"$ref": "#/$defs/secret"}
    with pytest.raises(NotImplementedError):
        _hook(Path)
