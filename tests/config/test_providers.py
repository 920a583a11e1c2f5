"""`[providers.NAME]`: each kind's own options, and what no type can say."""

from pathlib import Path

import pytest

from gateway.config.homes import homes_of
from gateway.config.providers import (
    header_fields,
    is_telling,
    keys_of,
    missing_extra,
    public_names,
    secrets_in,
)
from gateway.config.show import sections
from gateway.providers import CLIENT_KEY, Settings, echo, openai
from gateway.words.grants import EntraGrant, GoogleGrant
from gateway.words.secret import Secret
from tests.config.texts import load, mistakes

LOCAL = '[providers.local]\nkind = "openai"\nbase_url = "http://127.0.0.1:8000/v1"\n'


def test_a_providers_kind_is_its_tables_name_unless_it_says_otherwise(tmp_path: Path) -> None:
    config = load('[providers.openai]\nmodels = ["a"]\n' + LOCAL + 'models = ["b"]', tmp_path)
    assert {name: settings.kind for name, settings in config.providers.items()} == {
        "openai": "openai",
        "local": "openai",
        "echo": "echo",
    }
    assert isinstance(config.providers["openai"], openai.Options)
    assert config.providers["openai"].base_url == "https://api.openai.com/v1"


def test_a_known_kind_needs_a_key_and_nothing_else(tmp_path: Path) -> None:
    groq = load('[providers.groq]\napi_key = { env = "KEY" }', tmp_path).providers["groq"]
    assert isinstance(groq, openai.Options)
    assert (groq.kind, groq.models) == ("groq", "*")
    assert groq.base_url == "https://api.groq.com/openai/v1"


def test_a_known_server_on_this_machine_needs_nothing_at_all(tmp_path: Path) -> None:
    config = load("[providers.sglang]\nrunning_usage = true", tmp_path)
    sglang = config.providers["sglang"]
    assert isinstance(sglang, openai.Options)
    assert (sglang.base_url, sglang.running_usage) == ("http://127.0.0.1:30000/v1", True)
    assert config.warnings == ()


def test_a_known_kind_gives_way_to_what_the_table_says(tmp_path: Path) -> None:
    text = '[providers.night]\nkind = "groq"\nbase_url = "http://127.0.0.1:9/x"\nmodels = ["a"]'
    night = load(text, tmp_path).providers["night"]
    assert (night.kind, night.base_url, night.models) == ("groq", "http://127.0.0.1:9/x", ["a"])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            '[providers.litellm]\nmodels = ["a"]',
            "1: providers.litellm.base_url: is missing",
        ),
        (
            "[providers.groq]\nrunning_usage = true",
            "2: providers.groq.running_usage: unknown key",
        ),
        (
            "[providers.perplexity]",
            '1: providers.perplexity.models: no models: name them, or write "*" or a prefix',
        ),
        (
            "[providers.lmstudio]",
            "1: providers.lmstudio: has no kind, and its name is none:"
            ' add one, such as kind = "openai"; did you mean lm-studio?',
        ),
        (
            '[providers.x]\nkind = "opnai"',
            "2: providers.x.kind: unknown kind; did you mean openai?",
        ),
        (
            '[providers.x]\nkind = "nobody-knows-it"',
            "2: providers.x.kind: unknown kind",
        ),
        ("[providers.x]\nkind = 1", "2: providers.x.kind: expected a string"),
        (
            '[providers.x]\nmodels = ["a"]',
            '1: providers.x: has no kind, and its name is none: add one, such as kind = "openai"',
        ),
        (
            "[providers.opennai]",
            "1: providers.opennai: has no kind, and its name is none:"
            ' add one, such as kind = "openai"; did you mean openai?',
        ),
        ("providers = 1", "1: providers: expected a table, got a whole number"),
        (
            "[[providers.openai]]\nmodels = []",
            "1: providers.openai: expected a table, got a list",
        ),
        (
            '[providers.echo]\nbase_url = "http://x"',
            "2: providers.echo.base_url: unknown key",
        ),
        (
            "[providers.echo]\nwords_per_second = 0",
            "2: providers.echo.words_per_second: expected a number > 0.0",
        ),
        (
            '[providers."e\u0301"]\nkind = "echo"',
            '1: providers."e\u0301": the name is not in Unicode\'s composed form (NFC)',
        ),
    ],
)
def test_a_table_that_is_no_provider_is_a_mistake(tmp_path: Path, text: str, said: str) -> None:
    assert mistakes(text, tmp_path) == [f"gateway.toml:{said}"]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (
            "region = 1",
            "region: unknown key",
        ),
        ('base_ulr = ""', "base_ulr: unknown key; did you mean base_url?"),
        ('base_url = ""', "base_url: expected a string of length >= 1"),
        (
            'base_url = "ftp://example.com"',
            "base_url: does not begin with http:// or https:// and a host",
        ),
        (
            'base_url = "https://me:secret@example.com"',
            "base_url: holds a user name or password: keys go into `api_key`",
        ),
        (
            'base_url = "https://example.com/?a=1"',
            "base_url: has a query or a fragment: it ends with the path",
        ),
        (
            'base_url = "http://localhost:4000/v1"',
            "base_url: is the address on which the gateway itself listens",
        ),
        ('api_key = { env = "NONE" }', "api_key: the environment variable NONE is not set"),
        (
            'api_key = { env = "KEY" }\napi_keys = [{ env = "KEY" }]',
            "api_keys: stands beside api_key: one of the two is enough",
        ),
        ("max_connections = 0", "max_connections: expected a whole number >= 1"),
        ("timeouts = { idle = 0 }", "timeouts.idle: expected a number > 0.0"),
        ("timeouts = { idel = 1 }", "timeouts.idel: unknown key; did you mean idle?"),
        ("retries = 11", "retries: expected a whole number <= 10"),
        ("resume_attempts = 0", "resume_attempts: expected a whole number >= 1"),
        ('resume = "on"', 'resume: expected "off" or "verified", got "on"'),
        ("cooldown = { rest = 0 }", "cooldown.rest: expected a number > 0.0"),
        ("cache = 5", "cache: expected a table, got a whole number"),
        ("probe = { intervall = 5 }", "probe.intervall: unknown key; did you mean interval?"),
        ('probe = { path = "" }', "probe.path: expected a string of length >= 1"),
        ('probe = { path = "health" }', "probe.path: does not begin with /"),
        (
            'probe = { path = "/health?a=1" }',
            "probe.path: has a query or a fragment: it ends with the path",
        ),
        (
            'probe = { path = "/../health" }',
            "probe.path: has a path with an empty segment or one of dots",
        ),
        ('probe = { path = "/health//" }', "probe.path: has more than one slash at its end"),
        ('headers = { Host = "x" }', "headers.Host: is a header that the gateway writes itself"),
        (
            'headers = { "Content-Length" = "1" }',
            "headers.Content-Length: is a header that the gateway writes itself",
        ),
        (
            'api_key = { env = "KEY" }\nheaders = { Authorization = "x" }',
            "headers.Authorization: is how the key is shown already: see api_key",
        ),
        (
            'headers = { a = "1", A = "2" }',
            "headers.A: stands here twice: upper and lower case are one",
        ),
        ('headers = { "a b" = "1" }', "headers.\"a b\": not a header name: b'a b'"),
        (
            'headers = { a = "1\\n2" }',
            "headers.a: the value of the header a holds a control character",
        ),
    ],
)
def test_a_mistake_in_a_provider_is_told(tmp_path: Path, line: str, said: str) -> None:
    text = '[providers.openai]\nmodels = ["m"]\n' + line
    number = 2 + len(line.splitlines())
    assert mistakes(text, tmp_path) == [f"gateway.toml:{number}: providers.openai.{said}"]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("", '1: providers.openai.models: no models: name them, or write "*" or a prefix'),
        (
            "models = []",
            '2: providers.openai.models: no models: name them, or write "*" or a prefix',
        ),
        ('models = "a"', '2: providers.openai.models: expected "*" or a list or a table, got "a"'),
        ('models = ["a", "a"]', "2: providers.openai.models[1]: stands here twice"),
        (
            'models = ["a", ""]',
            "2: providers.openai.models[1]: the name is empty",
        ),
        (
            'models = { a = "b\\n" }',
            "2: providers.openai.models.a: the name holds a character that cannot be seen",
        ),
        (
            'models = { "" = "b" }',
            '2: providers.openai.models."": the name is empty',
        ),
        (
            'prefix = " "',
            "2: providers.openai.prefix: the name begins or ends with a space",
        ),
    ],
)
def test_r20_models_must_have_names(tmp_path: Path, line: str, said: str) -> None:
    assert mistakes(f"[providers.openai]\n{line}", tmp_path) == [f"gateway.toml:{said}"]


def test_a_bad_name_is_told_once_and_is_no_reason_for_more_mistakes(tmp_path: Path) -> None:
    text = '[providers.openai]\nmodels = 1\nmax_connections = "x"\n[models]\na = {}\n'
    assert mistakes(text, tmp_path) == [
        "gateway.toml:2: providers.openai.models:"
        " expected a string or a table or a list, got a whole number",
        "gateway.toml:3: providers.openai.max_connections: expected a whole number, got a string",
    ]


def test_a_key_without_encryption_is_warned_of_except_on_loopback(tmp_path: Path) -> None:
    far = LOCAL.replace("127.0.0.1", "far.example") + 'models = "*"\n'
    assert load(far, tmp_path).warnings == ()
    assert load(LOCAL + 'models = "*"\napi_key = { env = "KEY" }', tmp_path).warnings == ()
    assert load(far + 'api_key = { env = "KEY" }', tmp_path).warnings == (
        "gateway.toml:3: providers.local.base_url:"
        " the key goes over the network unencrypted: prefer https://",
    )


@pytest.mark.parametrize("path", ["/", "/models", "/health/", "/a%20b/~c"])
def test_a_probe_asks_for_a_literal_path(tmp_path: Path, path: str) -> None:
    config = load(LOCAL + f'models = "*"\nprobe = {{ path = "{path}" }}', tmp_path)
    probe = config.providers["local"].probe
    assert probe is not None
    assert (probe.path, probe.interval, probe.timeout) == (path, 0.0, 5.0)
    assert load(LOCAL + 'models = "*"\nprobe = {}', tmp_path).providers["local"].probe is None


def test_an_authorization_header_of_ones_own_is_taken_where_there_is_no_key(tmp_path: Path) -> None:
    config = load(LOCAL + 'models = "*"\nheaders = { Authorization = "Basic eA==" }', tmp_path)
    assert header_fields(config.providers["local"]) == ((b"authorization", b"Basic eA=="),)
    (warning,) = config.warnings
    assert "what looks like a secret in the file itself; api_key is safer" in warning


@pytest.mark.parametrize(
    ("settings", "names"),
    [
        (openai.Options(models=["a", "b"]), {"a": "a", "b": "b"}),
        (openai.Options(models=["a"], prefix="p/"), {"p/a": "a"}),
        (openai.Options(models={"public": "own"}), {"public": "own"}),
        (openai.Options(models={"public": "own"}, prefix="p/"), {"p/public": "own"}),
        (openai.Options(models="*"), {}),
        (openai.Options(prefix="p/"), {}),
        (echo.Options(), {"echo": "echo"}),
    ],
)
def test_clients_ask_by_public_names(settings: Settings, names: dict[str, str]) -> None:
    assert public_names(settings) == names


def test_one_key_or_several_are_the_same_to_the_rest() -> None:
    one, two = Secret("one"), Secret("two")
    assert [key.reveal() for key in keys_of(openai.Options(api_key=one))] == ["one"]
    assert [key.reveal() for key in keys_of(openai.Options(api_keys=[one, two]))] == ["one", "two"]
    assert keys_of(openai.Options()) == ()


def test_a_header_whose_name_tells_of_a_secret_is_known() -> None:
    assert all(map(is_telling, ["Authorization", "X-Api-Key", "cookie", "x-token"]))
    assert not any(map(is_telling, ["OpenAI-Organization", "user-agent"]))
    assert is_telling("x-custom", "bearer sk-0123456789")
    assert not is_telling("x-custom", "a bearer of news")


CLIENT = '[providers.openai]\napi_key = "client"\n'


def test_the_callers_own_key_is_no_secret_of_the_gateways(tmp_path: Path) -> None:
    config = load(CLIENT + 'models = ["a"]', tmp_path)
    settings = config.providers["openai"]
    assert settings.api_key is CLIENT_KEY
    assert (keys_of(settings), list(secrets_in(settings))) == ((), [])
    assert config.warnings == ()
    (offer, _) = homes_of(config).offers
    assert (offer.target.client_key, offer.keys) == (True, ())
    lines = [str(row) for section in sections(config) for row in section.rows]
    assert 'api_key = "client"' in lines


def test_over_the_network_it_goes_encrypted_or_a_warning_is_given(tmp_path: Path) -> None:
    text = CLIENT + 'models = ["a"]\nbase_url = "http://10.0.0.7/v1"'
    (warning,) = load(text, tmp_path).warnings
    assert "unencrypted" in str(warning)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (CLIENT + 'models = "*"', "4: providers.openai.models: nobody's key is there"),
        (CLIENT + 'api_keys = ["sk-1"]\nmodels = ["a"]', "3: providers.openai.api_keys: stands"),
        (
            '[providers.echo]\napi_key = "client"',
            "2: providers.echo.api_key: unknown key",
        ),
    ],
)
def test_what_cannot_stand_beside_the_callers_own_key_is_told(
    text: str, told: str, tmp_path: Path
) -> None:
    (mistake,) = mistakes(text, tmp_path)
    assert mistake.startswith("gateway.toml:" + told.replace("4:", "3:", 1))


ENTRA = """
[providers.azure]
base_url = "https://example.openai.azure.com"
models = ["a"]
tenant = "t"
client_id = "a"
"""


def test_what_credentials_are_fetched_with_is_a_secret_and_makes_a_grant(tmp_path: Path) -> None:
    config = load(ENTRA + 'client_secret = { env = "KEY" }', tmp_path, {"KEY": "app-secret"})
    (secret,) = secrets_in(config.providers["azure"])
    assert secret.reveal() == "app-secret"
    homes = homes_of(config)
    # Secrets are compared with nothing, so grants are by what they show.
    assert repr(homes.grants) == repr({"azure": config.providers["azure"].grant()})
    grant = homes.grants["azure"]
    assert isinstance(grant, EntraGrant)
    assert grant.client_secret is secret
    assert [offer.target.grant for offer in homes.offers] == ["azure", ""]


def test_what_a_kind_says_of_itself_is_told_with_its_line(tmp_path: Path) -> None:
    (mistake,) = mistakes(ENTRA, tmp_path)
    assert mistake.startswith("gateway.toml:2: providers.azure.client_secret: is missing")


def test_an_extra_that_is_not_installed_is_named() -> None:
    assert missing_extra(None) is missing_extra(GoogleGrant()) is None
    told = missing_extra(GoogleGrant(), {GoogleGrant: ("no_such_package", "oidc")})
    assert told == "needs the extra `oidc`: pip install 'nursery-gateway[oidc]'"
