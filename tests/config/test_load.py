"""The file: found in order, read whatever it holds, and never a traceback."""

import os
import stat
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from gateway.config.compose import Config
from gateway.config.files import LONGEST_BYTES
from gateway.config.load import find_config, load_config
from gateway.config.mistakes import ConfigMistake, Finding
from gateway.config.server import PARTS
from tests.config.texts import ENVIRON, FILE, load, mistakes, write


def test_a_named_file_comes_before_the_variable_and_the_variable_before_the_folder(
    tmp_path: Path,
) -> None:
    for name in ("named.toml", "variable.toml", "gateway.toml"):
        (tmp_path / name).touch()
    environ = {"GATEWAY_CONFIG": "variable.toml"}
    assert find_config(Path("named.toml"), environ, tmp_path) == Path("named.toml")
    assert find_config(None, environ, tmp_path) == Path("variable.toml")
    assert find_config(None, {}, tmp_path) == Path("gateway.toml")
    assert find_config(None, {"GATEWAY_CONFIG": ""}, tmp_path) == Path("gateway.toml")


def test_no_file_at_all_is_no_mistake(tmp_path: Path) -> None:
    assert find_config(None, {}, tmp_path) is None
    assert find_config(None, {}, tmp_path / "missing") is None
    (tmp_path / "file").touch()
    assert find_config(None, {}, tmp_path / "file") is None


@pytest.mark.parametrize(
    ("explicit", "environ", "said"),
    [
        (Path("a.toml"), {}, "a.toml: there is no such file; --config names it"),
        (
            None,
            {"GATEWAY_CONFIG": "b.toml"},
            "b.toml: there is no such file; GATEWAY_CONFIG names it",
        ),
    ],
)
def test_a_named_file_that_is_not_there_is_a_mistake(
    tmp_path: Path, explicit: Path | None, environ: dict[str, str], said: str
) -> None:
    with pytest.raises(ConfigMistake) as caught:
        find_config(explicit, environ, tmp_path)
    assert str(caught.value) == said


def test_what_cannot_be_looked_at_is_taken_for_there_and_reading_says_why(tmp_path: Path) -> None:
    loop = tmp_path / "gateway.toml"
    loop.symlink_to(loop)
    assert find_config(None, {}, tmp_path) == FILE
    with pytest.raises(ConfigMistake, match="gateway.toml: cannot read .*: Too many levels"):
        load_config(FILE, {}, tmp_path)
    nul = Path("a\0b")
    assert find_config(nul, {}, tmp_path) == nul
    with pytest.raises(ConfigMistake, match="NUL character"):
        load_config(nul, {}, tmp_path)


def test_a_folder_is_no_configuration(tmp_path: Path) -> None:
    with pytest.raises(ConfigMistake, match="Is a directory"):
        load_config(tmp_path, {}, tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is unreadable to root")
def test_a_file_of_others_says_so(tmp_path: Path) -> None:
    write("", tmp_path, 0)
    with pytest.raises(ConfigMistake, match="Permission denied"):
        load_config(FILE, {}, tmp_path)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"\xff\xfe", "gateway.toml:1: not UTF-8, so not TOML"),
        (b"[server]\n# \xc3\x28", "gateway.toml:2: not UTF-8, so not TOML"),
        (b"\x7fELF\x00\x00", "gateway.toml:1:1: not TOML: invalid statement"),
        (b"[server]\nport 4000", "gateway.toml:2:6: not TOML: expected '=' after a key"),
        (b"[server]\nport =", "gateway.toml:2:7: not TOML: invalid value at the end"),
        (b'[a]\nb = "open\n', "gateway.toml:2:10: not TOML: illegal character"),
        (b"a = 1\na = 2\n", "gateway.toml:2:6: not TOML: cannot overwrite a value"),
        (b"[a]\n[a]\n", "gateway.toml:2:3: not TOML: cannot declare"),
        (b"a = " + b"9" * 5000, "gateway.toml: not TOML: exceeds the limit"),
        (b"a = 2026-02-30", "gateway.toml:1:5: not TOML: invalid date or datetime"),
        (b"\na = " + b"[" * 5000, "gateway.toml:2: nested deeper than 32 levels"),
        (b"\n" + b"a." * 5000 + b"a = 1", "gateway.toml:2: nested deeper than 32 levels"),
        (b"# " + b"x" * LONGEST_BYTES, f"is longer than {LONGEST_BYTES} bytes"),
    ],
    ids=lambda value: "" if isinstance(value, str) else value[:20].decode(errors="replace"),
)
def test_what_is_no_toml_says_where(tmp_path: Path, data: bytes, said: str) -> None:
    (tmp_path / FILE).write_bytes(data)
    with pytest.raises(ConfigMistake) as caught:
        load_config(FILE, {}, tmp_path)
    (finding,) = caught.value.findings
    assert said in str(finding)
    assert str(finding).isprintable()


def test_a_byte_order_mark_and_the_line_ends_of_other_systems_are_taken(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"\xef\xbb\xbf[server]\r\nport = 4080\r\n")
    assert load_config(FILE, {}, tmp_path).listen.port == 4080
    (tmp_path / FILE).write_bytes(b"[server]\r\n\r\nprot = 4080\r\n")
    with pytest.raises(ConfigMistake, match=r"gateway.toml:3: server\.prot: unknown key"):
        load_config(FILE, {}, tmp_path)


def test_r24_a_literal_secret_in_a_file_that_everybody_reads_is_refused_when_strict(
    tmp_path: Path,
) -> None:
    text = '[providers.openai]\napi_key = "sk-0123456789abcdef"\nmodels = "*"\n'
    file = write(text, tmp_path, 0o644)
    (warning,) = load_config(FILE, {}, tmp_path).warnings
    assert "everybody on this machine may read" in warning
    with pytest.raises(ConfigMistake) as caught:
        load_config(FILE, {}, tmp_path, strict=True)
    assert str(caught.value).startswith("gateway.toml:2: providers.openai.api_key: a secret in the")
    assert "0123456789" not in str(caught.value) + warning
    file.chmod(stat.S_IRUSR)
    (warning,) = load_config(FILE, {}, tmp_path, strict=True).warnings
    assert "everybody" not in warning


def test_s17_no_mistake_and_no_repr_shows_a_secret(tmp_path: Path) -> None:
    secret = "sk-canary-0123456789"
    text = f'[providers.openai]\napi_keys = ["{secret}", 1]\nmodels = "*"\n'
    assert secret not in "".join(mistakes(text, tmp_path))
    config = load(text.replace(", 1", ""), tmp_path)
    assert secret not in repr(config)


def read(folder: Path) -> Config | tuple[Finding, ...]:
    """Read the file; whatever else it may raise is a bug."""
    try:
        return load_config(FILE, ENVIRON, folder)
    except ConfigMistake as mistake:
        return mistake.findings


ATOMS = [*PARTS, "server", "providers", "models", "openai", "echo", "kind", "api_key", "headers"]
ATOMS += ["timeouts", "prefix", "base_url", "defaults", "auth", "telemetry", "port", "host", "env"]
ATOMS += ['"*"', '"openai"', '"http://x"', "1", "-1", "0.5", "inf", "nan", "true", "[", "]", "{"]
ATOMS += ["}", "=", ",", ".", "\n", '"', "'", '"""', "#", "\\", " ", "2027-01-01", "[[", "]]", "é"]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.one_of(st.text(), st.lists(st.sampled_from(ATOMS), max_size=40).map("".join)))
@example("[server]\nport = 1")
def test_any_text_gives_a_configuration_or_a_mistake(tmp_path: Path, text: str) -> None:
    (tmp_path / FILE).write_bytes(text.encode(errors="replace"))
    found = read(tmp_path)
    if isinstance(found, Config):
        assert found.providers
    else:
        assert found
        assert all(str(finding).startswith("gateway.toml") for finding in found)


SCALARS = st.one_of(
    st.sampled_from(['"*"', '"x"', '""', "[]", "{}", "true", "nan", "-1", "0", "1.5", "[1]"]),
    st.sampled_from(['{ env = "KEY" }', "1979-05-27", "{ a = 1 }", '["a", "a"]', '{ a = "b" }']),
)
LINES = st.one_of(
    st.sampled_from(
        [
            "[server]",
            "[server.tls]",
            "[providers]",
            "[providers.openai]",
            "[providers.echo]",
            "[[providers.echo]]",
            "[models]",
            "[models.x]",
            "[defaults]",
            "[defaults.timeouts]",
            "[fallbacks]",
            "[context_fallbacks]",
            "[auth]",
            "[telemetry]",
        ]
    ),
    st.tuples(
        st.sampled_from(
            [
                *(name for part in PARTS.values() for name in part.__struct_fields__),
                *("kind", "api_key", "api_keys", "models", "prefix", "headers", "base_url"),
                *("timeouts", "timeouts.idle", "targets", "required", "log_format", "echo", "x"),
                *("order", "strategy", "retries", "resume", "cooldown", "cache", "probe", '"*"'),
            ]
        ),
        SCALARS,
    ).map(" = ".join),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(LINES, max_size=12, unique=True).map("\n".join))
def test_any_values_in_the_known_tables_give_a_configuration_or_mistakes_with_lines(
    tmp_path: Path, text: str
) -> None:
    write(text, tmp_path)
    found = read(tmp_path)
    for finding in () if isinstance(found, Config) else found:
        assert finding.line is None or 1 <= finding.line <= len(text.splitlines()) + 1
        assert str(finding).isprintable()
