"""Discovery: the environment and who answered nearby, in; providers and notes, out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.config.compose import config_of
from gateway.config.discover import CLOUDS, LOCAL_SERVERS, candidates, discover
from gateway.downstream.options import ListenOptions
from gateway.policy.callers import is_loopback
from gateway.providers import openai
from gateway.providers.address import parse_base_url
from gateway.providers.known import KNOWN
from gateway.providers.table import TABLE

KEY = "sk-0123456789abcdef"
LISTEN = ListenOptions()


def test_an_empty_environment_holds_nothing() -> None:
    found = discover({}, {}, LISTEN)
    assert (found.providers, found.notes, found.origins, found.listed) == ({}, [], {}, {})


@pytest.mark.parametrize(
    ("variable", "name", "kind"),
    [(variable, cloud.name, cloud.kind) for cloud in CLOUDS for variable in cloud.variables],
)
def test_a_usual_variable_makes_a_provider_that_lists_its_models(
    variable: str, name: str, kind: str
) -> None:
    found = discover({variable: f" {KEY}\n"}, {}, LISTEN)
    (settings,) = found.providers.values()
    assert isinstance(settings, TABLE[kind].Options)
    assert (settings.kind, settings.models, settings.prefix) == (kind, "*", "")
    assert settings.api_key is not None
    assert settings.api_key.reveal() == KEY
    assert list(found.providers) == [name]
    assert found.notes == [f"{name}: {variable} is set"]
    assert found.origins == {f"providers.{name}.api_key": f"environment variable {variable}"}


def test_the_table_holds_addresses_that_a_file_could_hold() -> None:
    for cloud in CLOUDS:
        origin, path = parse_base_url(cloud.base_url)
        assert origin.scheme == "https"
        assert f"https://{origin.host}{path}" == cloud.base_url
    assert len({cloud.name for cloud in CLOUDS}) == len(CLOUDS)


def test_an_address_is_the_one_that_the_kind_has() -> None:
    addresses = {each.kind: each.base_url for each in KNOWN}
    clouds = {cloud.name: cloud.base_url for cloud in CLOUDS if cloud.name in addresses}
    assert len(clouds) == len(CLOUDS) - 4
    assert clouds.items() <= addresses.items()
    assert {local.base_url for local in LOCAL_SERVERS} <= set(addresses.values())
    assert [local.name for local in LOCAL_SERVERS] == ["ollama", "vllm", "lmstudio", "llamacpp"]


@pytest.mark.parametrize("variable", ["HF_TOKEN", "PERPLEXITY_API_KEY", "DASHSCOPE_API_KEY"])
def test_a_variable_that_is_not_enough_makes_no_provider(variable: str) -> None:
    assert discover({variable: KEY}, {}, LISTEN).providers == {}


def test_nobody_is_asked_off_loopback() -> None:
    hosts = [parse_base_url(local.base_url)[0] for local in LOCAL_SERVERS]
    assert [(origin.host, origin.port) for origin in hosts] == [
        ("127.0.0.1", 11434),
        ("127.0.0.1", 8000),
        ("127.0.0.1", 1234),
        ("127.0.0.1", 8080),
    ]
    assert all(is_loopback(origin.host) for origin in hosts)


def test_the_first_variable_that_is_set_counts_and_an_empty_one_is_not_set() -> None:
    found = discover({"GEMINI_API_KEY": "", "GOOGLE_API_KEY": KEY}, {}, LISTEN)
    assert found.notes == ["gemini: GOOGLE_API_KEY is set"]
    found = discover({"GEMINI_API_KEY": KEY, "GOOGLE_API_KEY": "other"}, {}, LISTEN)
    assert found.notes == ["gemini: GEMINI_API_KEY is set"]
    assert discover({"OPENAI_API_KEY": "  "}, {}, LISTEN).notes == []


def test_the_usual_variable_for_another_address_is_honoured() -> None:
    environ = {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": "http://10.0.0.1:9000/v1"}
    found = discover(environ, {}, LISTEN)
    assert found.providers["openai"].base_url == "http://10.0.0.1:9000/v1"
    assert found.origins["providers.openai.base_url"] == "environment variable OPENAI_BASE_URL"


def test_an_address_without_a_key_is_not_used_and_said_so() -> None:
    found = discover({"OPENAI_BASE_URL": "http://10.0.0.1:9000/v1"}, {}, LISTEN)
    assert found.providers == {}
    assert found.notes == ["OPENAI_BASE_URL is set without OPENAI_API_KEY: not used"]


def test_the_gateway_does_not_ask_itself_where_its_clients_variable_names_it() -> None:
    environ = {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": "http://localhost:4000/v1"}
    found = discover(environ, {}, LISTEN)
    assert found.providers["openai"].base_url == "https://api.openai.com/v1"
    assert found.notes == [
        "OPENAI_BASE_URL is this gateway's own address: not used",
        "openai: OPENAI_API_KEY is set",
    ]


def test_what_cannot_be_used_is_told_and_left_out() -> None:
    environ = {
        "OPENAI_API_KEY": KEY,
        "OPENAI_BASE_URL": "not a url",
        "GROQ_API_KEY": "two words",
        "MISTRAL_API_KEY": KEY,
    }
    found = discover(environ, {}, LISTEN)
    assert list(found.providers) == ["mistral"]
    assert [note.partition(": ")[0] for note in found.notes] == ["openai", "groq", "mistral"]
    assert KEY not in "".join(found.notes)
    assert "two words" not in "".join(found.notes)


def test_a_local_server_that_answered_is_a_provider_that_lists() -> None:
    found = discover({}, {"ollama": ["llama3", "bad\nname"], "vllm": None, "lmstudio": []}, LISTEN)
    assert list(found.providers) == ["ollama", "lmstudio"]
    assert found.providers["ollama"] == openai.Options(
        kind="openai", base_url="http://127.0.0.1:11434/v1", models="*"
    )
    assert found.listed == {"ollama": ("llama3",), "lmstudio": ()}
    assert found.notes == [
        "ollama: Ollama answers at http://127.0.0.1:11434/v1, 1 model",
        "lmstudio: LM Studio answers at http://127.0.0.1:1234/v1, 0 models",
    ]


def test_nobody_is_asked_on_the_port_that_the_gateway_takes() -> None:
    listen = ListenOptions(port=8000)
    assert "vllm" not in [local.name for local in candidates(listen)]
    assert len(candidates(LISTEN)) == len(LOCAL_SERVERS)
    assert discover({}, {"vllm": ["m"]}, listen).providers == {}


@given(
    st.dictionaries(
        st.sampled_from(
            [name for cloud in CLOUDS for name in cloud.variables] + ["OPENAI_BASE_URL"]
        ),
        st.text(max_size=30),
    ),
    st.dictionaries(
        st.sampled_from([local.name for local in LOCAL_SERVERS]),
        st.none() | st.lists(st.text(max_size=8), max_size=3),
    ),
)
def test_any_environment_gives_a_configuration(
    environ: dict[str, str], answered: dict[str, list[str] | None]
) -> None:
    config = config_of(discover(environ, answered, LISTEN), LISTEN)
    assert "echo" in config.providers
