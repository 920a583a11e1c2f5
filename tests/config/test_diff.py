"""What differs between the file as it is and what runs: by name, with both values and no secret."""

from pathlib import Path

import msgspec
import pytest

from gateway.config.compose import listening
from gateway.config.diff import FINGERPRINT_DIGITS, Change, alike, changes, compare, fingerprint
from gateway.config.load import load_config
from gateway.words.secret import Secret
from tests.config.texts import ENVIRON, FILE, load, write

TEXT = """
[server]
port = 4080
[auth]
pepper = { env = "PEPPER" }
[providers.openai]
api_keys = [{ env = "KEY" }, { env = "KEY_2" }]
models = ["m"]
headers = { "X-Api-Key" = "header-secret-0123456789", "X-Plain" = "seen" }
[models.m]
retries = 1
[teams.red]
[teams.blue]
limits = { concurrency = 2 }
[[keys]]
name = "ci"
team = "red"
hash = "0000000000000000000000000000000000000000000000000000000000000000"
[[keys]]
name = "cd"
team = "blue"
hash = "1111111111111111111111111111111111111111111111111111111111111111"
"""
SECRETS = {
    **ENVIRON,
    "KEY_2": "sk-another-0123456789-7a1b",
    "PEPPER": "pepper-0123456789-0123456789-3c4d",
}


def differences(
    before: str, after: str, folder: Path, environ: dict[str, str] = SECRETS
) -> list[Change]:
    runs = load(before, folder, SECRETS)
    return list(changes(runs, load(after, folder, environ)))


def told(found: list[Change]) -> list[tuple[str, str | None, str | None]]:
    return [(change.name, change.runs, change.now) for change in found]


def test_a_file_that_is_as_it_was_differs_in_nothing(tmp_path: Path) -> None:
    assert differences(TEXT, "# written anew\n" + TEXT, tmp_path) == []


def test_what_differs_is_told_with_both_values_and_its_place(tmp_path: Path) -> None:
    after = TEXT.replace("4080", "4090").replace("retries = 1", "")
    found = differences(TEXT, after, tmp_path)
    assert told(found) == [
        ("server.port", "4080", "4090"),
        ("models.m.retries", "1", None),
    ]
    assert [change.where for change in found] == ["gateway.toml:3", "gateway.toml:11"]


def test_what_goes_back_to_its_default_says_where_it_stood(tmp_path: Path) -> None:
    (found,) = differences(TEXT, TEXT.replace("port = 4080", ""), tmp_path)
    assert (found.runs, found.now, found.where) == ("4080", "4000", "gateway.toml:3")


def test_s17_r24_of_a_secret_only_that_it_differs_is_told(tmp_path: Path) -> None:
    changed = {"KEY": "sk-0123456789abcdef9f2d", "PEPPER": SECRETS["PEPPER"], "KEY_2": "new-" * 8}
    found = differences(TEXT, TEXT.replace("header-secret", "leader-secret"), tmp_path, changed)
    assert told(found) == [
        ("providers.openai.api_keys", '["***", "***"]', '["***", "***"]'),
        (
            "providers.openai.headers",
            '{ X-Api-Key = "***", X-Plain = "seen" }',
            '{ X-Api-Key = "***", X-Plain = "seen" }',
        ),
    ]
    assert all(change.secret for change in found)
    text = str(found)
    for secret in (*SECRETS.values(), *changed.values(), "header-secret-0123456789"):
        assert secret not in text
        assert secret[-4:] not in text


def test_a_secret_that_is_the_same_from_elsewhere_is_no_difference(tmp_path: Path) -> None:
    (tmp_path / "pepper").write_text(SECRETS["PEPPER"])
    after = TEXT.replace('{ env = "PEPPER" }', '{ file = "pepper" }')
    assert differences(TEXT, after, tmp_path) == []


def test_a_table_that_is_new_or_gone_tells_what_is_written_in_it(tmp_path: Path) -> None:
    more = '[providers.more]\nkind = "vllm"\nmodels = ["x"]\ntimeouts = { idle = 2.0 }\n'
    added = [
        ("providers.more.kind", '"vllm"'),
        ("providers.more.models", '["x"]'),
        ("providers.more.timeouts.idle", "2.0"),
    ]
    found = told(differences(TEXT, TEXT + more, tmp_path))
    assert found == [(name, None, value) for name, value in added]
    found = told(differences(TEXT + more, TEXT, tmp_path))
    assert found == [(name, value, None) for name, value in added]


def test_a_table_in_which_nothing_is_written_is_told_all_the_same(tmp_path: Path) -> None:
    found = told(differences(TEXT + "[teams.none]\n", TEXT, tmp_path))
    assert found == [("teams.none", "{}", None)]


def test_keys_are_told_apart_by_their_names_wherever_they_stand(tmp_path: Path) -> None:
    head, first, second = TEXT.split("[[keys]]")
    swapped = f"{head}[[keys]]{second}[[keys]]{first}"
    assert differences(TEXT, swapped, tmp_path) == []
    (found,) = differences(TEXT, swapped.replace('team = "red"', 'team = "blue"'), tmp_path)
    assert found == Change('keys["ci"].team', '"red"', '"blue"', "gateway.toml:21")


def test_what_the_command_line_says_stands_over_the_file(tmp_path: Path) -> None:
    runs = listening(load(TEXT, tmp_path, SECRETS), "127.0.0.2", 0, 0)
    now = load(TEXT.replace("4080", "4090") + "[admin]\nport = 5001\n", tmp_path, SECRETS)
    assert list(changes(runs, now)) == []
    assert runs.origins["server.port"] == "--port"


def test_a_port_that_the_kernel_chose_is_no_difference(tmp_path: Path) -> None:
    text = TEXT.replace("4080", "0")
    runs = load(text, tmp_path, SECRETS)
    runs = msgspec.structs.replace(runs, listen=msgspec.structs.replace(runs.listen, port=40_123))
    assert list(changes(runs, load(text, tmp_path, SECRETS))) == []


def test_a_file_that_would_be_refused_says_why(tmp_path: Path) -> None:
    runs = load(TEXT, tmp_path, SECRETS)
    write(TEXT.replace("retries", "retires"), tmp_path)
    difference = compare(runs, lambda: load_config(FILE, SECRETS, tmp_path))
    assert difference.changes == ()
    (finding,) = difference.findings
    assert (finding.file, finding.line, finding.key) == ("gateway.toml", 11, "models.m.retires")


@pytest.mark.parametrize("port", ["4080", "4090"])
def test_a_file_that_would_be_taken_tells_its_differences_and_warnings(
    tmp_path: Path, port: str
) -> None:
    runs = load(TEXT, tmp_path, SECRETS)
    write(TEXT.replace("4080", port) + '[admin]\nkey = "in-the-file-0123456789"\n', tmp_path)
    difference = compare(runs, lambda: load_config(FILE, SECRETS, tmp_path))
    assert [change.name for change in difference.changes] == [
        *(["server.port"] if port == "4090" else []),
        "admin.key",
    ]
    assert "in the file itself" in difference.warnings[0]
    assert difference.findings == ()


def test_what_differs_in_the_defaults_is_told_there_alone(tmp_path: Path) -> None:
    defaults = "[defaults]\nretries = 3\ntimeouts = { idle = 9.0 }\n"
    found = differences(TEXT + defaults, TEXT + defaults.replace("3", "4"), tmp_path)
    assert told(found) == [("defaults.retries", "3", "4")]
    found = differences(TEXT + defaults, TEXT, tmp_path)
    assert told(found) == [
        ("defaults.retries", "3", "2"),
        ("defaults.timeouts.idle", "9.0", "60.0"),
    ]


SAME_AND_OTHER = """\
[providers.a]
kind = "echo"
[providers.b]
kind = "openai"
base_url = "http://b.test/v1"
models = ["m"]
api_key = {env = "KEY"}
"""


def test_tables_that_hold_the_same_are_known_by_their_names(tmp_path: Path) -> None:
    text = SAME_AND_OTHER
    runs = load(text, tmp_path, ENVIRON)
    assert alike(runs, runs) >= {"a", "b"}
    now = load(text + "max_connections = 9\n", tmp_path, ENVIRON)
    assert {"a", "b"} & alike(runs, now) == {"a"}
    now = load(text, tmp_path, {"KEY": "another-key-0123456789"})
    assert {"a", "b"} & alike(runs, now) == {"a"}
    now = load(text.partition("[providers.b]")[0], tmp_path, ENVIRON)
    assert {"a", "b"} & alike(runs, now) == {"a"}


def test_how_calls_go_about_a_provider_makes_no_other_one_of_it(tmp_path: Path) -> None:
    runs = load(SAME_AND_OTHER, tmp_path, ENVIRON)
    conduct = "retries = 7\ntimeouts = { idle = 9.0 }\n"
    for text in (SAME_AND_OTHER + conduct, f"[defaults]\n{conduct}{SAME_AND_OTHER}"):
        assert alike(runs, load(text, tmp_path, ENVIRON)) >= {"a", "b"}


def test_a_fingerprint_tells_configurations_of_one_start_apart_by_their_secrets_too(
    tmp_path: Path,
) -> None:
    key = Secret("of-this-start-alone")

    def of(text: str, environ: dict[str, str] = ENVIRON, inner: Secret | None = key) -> str:
        config = load(text, tmp_path, environ)
        return fingerprint(msgspec.structs.replace(config, inner_key=inner))

    text = '[auth]\npepper = {env = "KEY"}\n'
    assert of(text) == of(text)
    assert len(of(text)) == FINGERPRINT_DIGITS
    found = {
        of(text),
        of(text + "[server]\nport = 1\n"),
        of(text, {"KEY": "another-pepper-012345"}),
        of(text, inner=Secret("of-another-start")),
    }
    assert len(found) == 4
    assert of(text, inner=None) == ""
