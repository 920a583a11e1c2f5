"""What holds, as people and programs are shown it: whole, with origins, without secrets."""

import json
import tomllib
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.config.compose import Config
from gateway.config.homes import homes_of
from gateway.config.show import literal, merged_tables, sections
from gateway.providers import openai
from gateway.words.secret import Secret
from tests.config.texts import load

TEXT = """
[server]
port = 4080
[defaults.timeouts]
connect = 1.0
[providers.openai]
api_key = { env = "KEY" }
models = ["m"]
headers = { "X-Api-Key" = "header-secret", "X-Plain" = "seen" }
timeouts.idle = 2.0
[models.smart]
targets = ["m"]
timeouts = { total = 3.0 }
cooldown = { rest = 9.0 }
retries = 0
[fallbacks]
"claude-*" = "m"
smart = ["m", "echo"]
"""


def shown(config: Config) -> list[str]:
    return [
        line
        for section in sections(config)
        for line in (str(section), *(f"{row}  # {row.origin}" for row in section.rows))
    ]


def test_every_line_says_where_its_value_is_from(tmp_path: Path) -> None:
    lines = shown(load(TEXT, tmp_path))
    assert "port = 4080  # gateway.toml:3" in lines
    assert 'host = "127.0.0.1"  # default' in lines
    key = 'api_key = "***9f2c"  # gateway.toml:7, environment variable KEY'
    assert key in lines
    clocks = lines.index("[providers.openai.timeouts]")
    assert lines[clocks + 1 : clocks + 5] == [
        "connect = 1.0  # gateway.toml:5",
        "first_token = 180.0  # default",
        "idle = 2.0  # gateway.toml:10",
        "total = 3600.0  # default",
    ]
    assert lines[lines.index("[models.smart]") :] == [
        "[models.smart]",
        'targets = ["m"]  # gateway.toml:12',
        "prefill = false  # default",
        "limits = {}  # default",
        "guards = []  # default",
        "retries = 0  # gateway.toml:15",
        "[models.smart.cooldown]",
        "rest = 9.0  # gateway.toml:14",
        "[models.smart.timeouts]",
        "total = 3.0  # gateway.toml:13",
        "[fallbacks]",
        '"claude-*" = ["m"]  # gateway.toml:17',
        'smart = ["m", "echo"]  # gateway.toml:18',
    ]


def test_a_list_of_secrets_says_whence_each_of_them_is(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("sk-in-a-file-0123456789")
    keys = '[{ env = "KEY" }, { file = "key" }, "sk-literal-0123456789"]'
    text = f'[providers.openai]\napi_keys = {keys}\nmodels = ["m"]\n'
    (line,) = [each for each in shown(load(text, tmp_path)) if each.startswith("api_keys")]
    assert line.endswith("# gateway.toml:2, environment variable KEY, file key")


def test_a_mask_decides_what_is_shown_of_each_secret(tmp_path: Path) -> None:
    masked = [
        str(row)
        for section in sections(load(TEXT, tmp_path), Secret.reveal)
        for row in section.rows
        if row.name in {"api_key", "headers"}
    ]
    assert masked[0].startswith('api_key = "sk-0123456789abcdef9f2c"')
    assert 'X-Api-Key = "header-secret"' in masked[1]
    assert 'X-Plain = "seen"' in masked[1]


def test_conduct_is_shown_as_all_levels_come_to(tmp_path: Path) -> None:
    text = """
    [defaults]
    order = ["openai"]
    retries = 1
    cooldown = { failures = 9, rest = 2 }
    [providers.openai]
    models = ["m"]
    resume = "verified"
    cooldown.rest = 8
    probe = { interval = 5 }
    """
    lines = shown(load(text, tmp_path))
    defaults = lines.index("[defaults]")
    assert lines[defaults + 1 : defaults + 13] == [
        'order = ["openai"]  # gateway.toml:3',
        'strategy = "order"  # default',
        "affinity = true  # default",
        "guards = []  # default",
        "retries = 1  # gateway.toml:4",
        "hedge_after = 0.0  # default",
        'resume = "off"  # default',
        "resume_attempts = 1  # default",
        "coalesce = false  # default",
        "stream_upstream = false  # default",
        'on_unsupported = "refuse"  # default',
        "honour_client_timeout = true  # default",
    ]
    own = lines.index("[providers.openai.cooldown]")
    assert lines[own - 13 : own - 3] == [
        'probe = { interval = 5.0, path = "/models", timeout = 5.0 }  # gateway.toml:10',
        "running_usage = false  # default",
        "retries = 1  # gateway.toml:4",
        "hedge_after = 0.0  # default",
        'resume = "verified"  # gateway.toml:8',
        "resume_attempts = 1  # default",
        "coalesce = false  # default",
        "stream_upstream = false  # default",
        'on_unsupported = "refuse"  # default',
        "honour_client_timeout = true  # default",
    ]
    assert lines[own - 3 : own] == [
        'on_client_gone = "cancel"  # default',
        "drain_max_seconds = 120.0  # default",
        "drain_max_tokens = 20000  # default",
    ]
    assert lines[own + 1 : own + 6] == [
        "failures = 9  # gateway.toml:5",
        "window = 30.0  # default",
        "rest = 8.0  # gateway.toml:9",
        "[providers.openai.cache]",
        "ttl = 0.0  # default",
    ]


def test_s17_no_secret_is_shown(tmp_path: Path) -> None:
    lines = "\n".join(shown(load(TEXT, tmp_path)))
    assert "sk-0123456789abcdef" not in lines
    assert "header-secret" not in lines
    assert 'headers = { X-Api-Key = "***", X-Plain = "seen" }' in lines


def test_the_whole_is_one_table_of_plain_values(tmp_path: Path) -> None:
    tables = merged_tables(load(TEXT, tmp_path))
    assert msgspec.convert(tables["server"], dict[str, object])["port"] == 4080
    assert msgspec.json.decode(msgspec.json.encode(tables)) == msgspec.to_builtins(tables)
    names = ["server", "admin", "store", "auth", "telemetry", "defaults", "providers", "models"]
    assert list(tables) == [*names, "fallbacks"]


def test_what_is_shown_reads_as_the_same_configuration(tmp_path: Path) -> None:
    text = TEXT.replace('api_key = { env = "KEY" }\n', "").replace(
        '"X-Api-Key" = "header-secret", ', ""
    )
    config = load(text, tmp_path)
    again = load("\n".join(shown(config)), tmp_path)
    assert merged_tables(again) == merged_tables(config)
    assert again.models == config.models
    assert again.fallbacks == config.fallbacks
    assert homes_of(again) == homes_of(config)


RIGHTS = f"""
[auth]
pepper = {{ env = "KEY" }}
[groups]
some = ["echo"]
[store]
database = "sqlite:///gateway.db"
[teams.research]
limits = {{ concurrency = 2 }}
budgets = [
  {{ usd = 20_000, per = "month", models = ["@some"], then = "m", alert = [0.8] }},
  {{ usd = 0.000001, per = "day", each = "user", reserve = "worst" }},
]
members = ["oidc:ai-research"]
[providers.openai]
models = ["m"]
[models.m]
limits.concurrency = 5
[[keys]]
name = "ci"
hash = "{"0123456789abcdef" * 4}"
team = "research"
expires = 2027-01-01
[[keys]]
name = "cd"
hash = "{"f" * 64}"
user = "u"
models = ["@some"]
limits.requests_per_minute = 60
metadata = {{ a = "b" }}
"""


def test_s17_keys_are_shown_with_the_beginning_of_their_hash(tmp_path: Path) -> None:
    config = load(RIGHTS, tmp_path)
    lines = shown(config)
    assert 'pepper = "***9f2c"  # gateway.toml:3, environment variable KEY' in lines
    assert lines[lines.index("[groups]") :] == [
        "[groups]",
        'some = ["echo"]  # gateway.toml:5',
        "[teams.research]",
        "models = []  # default",
        "limits = { concurrency = 2 }  # gateway.toml:9",
        'budgets = [{ usd = 20000.0, per = "month", models = ["echo"], reserve = "typical",'
        ' then = "m", alert = [0.8] }, { usd = 1e-06, per = "day", models = [], each = "user",'
        ' reserve = "worst", alert = [] }]  # gateway.toml:10',
        'unpriced = "refuse"  # default',
        'members = ["oidc:ai-research"]  # gateway.toml:14',
        "passthrough = []  # default",
        "guards = []  # default",
        "[[keys]]",
        'name = "ci"  # gateway.toml:20',
        'hash = "0123456789ab…"  # gateway.toml:21',
        'team = "research"  # gateway.toml:22',
        "models = []  # default",
        "limits = {}  # default",
        "budgets = []  # default",
        "expires = 2027-01-01T00:00:00Z  # gateway.toml:23",
        "metadata = {}  # default",
        "passthrough = []  # default",
        "guards = []  # default",
        "[[keys]]",
        'name = "cd"  # gateway.toml:25',
        'hash = "ffffffffffff…"  # gateway.toml:26',
        'user = "u"  # gateway.toml:27',
        'models = ["@some"]  # gateway.toml:28',
        "limits = { requests_per_minute = 60 }  # gateway.toml:29",
        "budgets = []  # default",
        'metadata = { a = "b" }  # gateway.toml:30',
        "passthrough = []  # default",
        "guards = []  # default",
    ]
    model = lines.index("[models.m]")
    assert "limits = { concurrency = 5 }  # gateway.toml:18" in lines[model : model + 9]
    assert "0123456789abcdef" not in repr(config)


def test_teams_and_models_are_shown_as_they_can_be_read(tmp_path: Path) -> None:
    text = RIGHTS[RIGHTS.index("[groups]") : RIGHTS.index("[[keys]]")]
    config = load(text, tmp_path)
    again = load("\n".join(shown(config)), tmp_path)
    assert again.teams == config.teams
    assert again.models == config.models
    assert merged_tables(again) == merged_tables(config)


def test_keys_are_a_list_for_programs_and_their_dates_texts(tmp_path: Path) -> None:
    tables = merged_tables(load(RIGHTS, tmp_path))
    assert json.loads(json.dumps(tables)) == msgspec.to_builtins(tables)
    keys = msgspec.convert(tables["keys"], list[dict[str, object]])
    assert [key["name"] for key in keys] == ["ci", "cd"]
    assert keys[0]["expires"] == "2027-01-01T00:00:00Z"
    assert tables["groups"] == {"some": ["echo"]}


def test_a_long_name_is_shown_whole(tmp_path: Path) -> None:
    text = f'[fallbacks]\n"{"x" * 100}*" = "echo"'
    assert f'"{"x" * 100}*" = ["echo"]  # gateway.toml:2' in shown(load(text, tmp_path))


def test_what_is_unset_and_has_no_default_is_left_out() -> None:
    lines = shown(Config(providers={"a": openai.Options(kind="openai", api_keys=[Secret("x")])}))
    assert not [line for line in lines if line.startswith(("api_key =", "tls =", "required ="))]
    assert 'api_keys = ["***"]  # default' in lines


def test_only_secrets_need_a_mask() -> None:
    with pytest.raises(NotImplementedError, match="object"):
        list(sections(Config(providers={"a": openai.Options(api_keys=[object()])})))  # type: ignore[list-item]


@given(
    st.recursive(
        st.booleans()
        | st.integers(-(2**62), 2**62)
        | st.floats(allow_nan=False, allow_infinity=False)
        | st.text(alphabet=st.characters(exclude_categories=["Cs"])),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
        max_leaves=5,
    )
)
def test_a_value_is_written_as_toml_reads_it(value: object) -> None:
    assert tomllib.loads(f"v = {literal(value)}")["v"] == value
