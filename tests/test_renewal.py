"""The file is read anew for a gateway that runs: what it changes, what waits, what is refused."""

import json
import os
from pathlib import Path

import pytest
from msgspec.structs import replace

from gateway.config.compose import Config, config_of, listening, must_show_key
from gateway.config.diff import Change
from gateway.config.discover import Discovery
from gateway.config.load import load_config
from gateway.config.mistakes import ConfigMistake
from gateway.downstream.options import ListenOptions
from gateway.renewal import LONGEST_TOLD, Watched, cut, is_fixed, news_of, renew, said
from gateway.words.secret import Secret

ENVIRON = {"PEPPER": "pepper-0123456789", "NEW": "pepper-9876543210"}

BEGAN = """\
[server]
port = 4999
max_calls = 7
[admin]
key = {{ file = "admin.key" }}
[auth]
pepper = {{ env = "PEPPER" }}
[providers.a]
kind = "echo"
models = ["one"]
{more}"""

KEYS = """
[[keys]]
name = "ci"
hash = "{digest}"
"""
DIGEST = "ab" * 32


class Place:
    """A folder with a configuration, and what began with it."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "gateway.toml"
        self.secret = folder / "admin.key"
        self.secret.write_text("the-admins-own-key-1")
        self.write(BEGAN.format(more=""))
        self.runs = load_config(self.file, ENVIRON, Path())

    def write(self, text: str) -> None:
        self.file.write_text(text)

    def change(self, old: str, new: str) -> None:
        text = self.file.read_text()
        assert old in text
        self.write(text.replace(old, new))


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def refusal(runs: Config) -> str:
    with pytest.raises(ConfigMistake) as caught:
        renew(runs, ENVIRON)
    return str(caught.value)


def test_what_is_not_fixed_is_taken(place: Place) -> None:
    place.change('["one"]', '["one", "two"]')
    renewal = renew(place.runs, ENVIRON)
    assert [(each.name, each.now) for each in renewal.changes] == [
        ("providers.a.models", '["one", "two"]')
    ]
    assert renewal.waiting == ()
    assert list(renewal.config.providers["a"].models) == ["one", "two"]
    assert list(news_of(renewal)) == [
        (
            "info",
            "configuration reloaded",
            {"changes": 'providers.a.models: ["one"] -> ["one", "two"]'},
        )
    ]


def test_what_is_fixed_waits_for_the_next_start(place: Place) -> None:
    place.change("4999", "5000")
    place.change("max_calls = 7", "")
    renewal = renew(place.runs, ENVIRON)
    assert renewal.changes == ()
    assert [each.name for each in renewal.waiting] == ["server.port", "server.max_calls"]
    assert (renewal.config.listen.port, renewal.config.calls.max_calls) == (4999, 7)
    assert renewal.config.origins["server.max_calls"] == place.runs.origins["server.max_calls"]
    ((level, event, _),) = news_of(renewal)
    assert (level, event) == ("warning", "these settings wait for the next start")
    # It is told again as long as it waits, and by what runs then.
    again = renew(renewal.config, ENVIRON)
    assert [each.name for each in again.waiting] == ["server.port", "server.max_calls"]


def test_where_nothing_differs_that_is_said(place: Place) -> None:
    place.change('models = ["one"]', 'models = [ "one" ]  # as before')
    renewal = renew(place.runs, ENVIRON)
    assert [event for _, event, _ in news_of(renewal)] == [
        "configuration read anew, and nothing differs"
    ]


def test_a_mistake_anywhere_refuses_all_of_it(place: Place) -> None:
    place.change('["one"]', '["one", "two"]')
    place.change("port = 4999", "port = 70000")
    assert "server.port" in refusal(place.runs)
    place.write("what is this")
    assert "not TOML" in refusal(place.runs)
    place.file.unlink()
    assert "cannot read" in refusal(place.runs)


def test_a_secret_that_stays_fixed_stays_and_nothing_of_it_is_told(place: Place) -> None:
    place.secret.write_text("another-key-of-the-admin")
    renewal = renew(place.runs, ENVIRON)
    assert renewal.config.admin.key is place.runs.admin.key
    (change,) = renewal.waiting
    assert (change.name, change.secret) == ("admin.key", True)
    assert "the-admins" not in repr(renewal)
    assert "another-key" not in repr(renewal)


def test_what_holds_needs_no_file_that_is_gone(place: Place) -> None:
    """The key of the admin has moved: that waits, and all else is taken."""
    place.secret.rename(place.secret.with_name("moved.key"))
    place.change("admin.key", "moved.key")
    place.change('["one"]', '["one", "two"]')
    renewal = renew(place.runs, ENVIRON)
    assert [each.name for each in renewal.changes] == ["providers.a.models"]
    renewal = renew(renewal.config, ENVIRON)
    assert renewal.config.admin.key is place.runs.admin.key
    assert "the-admins" not in repr(renewal)
    place.secret.with_name("moved.key").unlink()
    assert "cannot read" in refusal(renewal.config)


def test_a_secret_that_is_not_fixed_is_taken_and_not_told(place: Place) -> None:
    place.change('"PEPPER"', '"NEW"')
    renewal = renew(place.runs, ENVIRON)
    assert renewal.config.auth.pepper is not None
    assert renewal.config.auth.pepper.reveal() == ENVIRON["NEW"]
    assert "9876543210" not in str(list(news_of(renewal)))


def test_keys_that_go_may_not_open_what_is_listened_on_beyond_loopback(place: Place) -> None:
    """The file may listen on loopback alone by now, but the socket does not."""
    place.write(BEGAN.format(more=KEYS.format(digest=DIGEST)).replace("port", 'host = "::"\nport'))
    runs = load_config(place.file, ENVIRON, Path())
    place.write(BEGAN.format(more=""))
    assert "listens beyond loopback, and there are no keys" in refusal(runs)


def test_budgets_without_the_store_that_only_the_file_has_are_refused(place: Place) -> None:
    budget = 'budgets = [{ usd = 5, per = "day" }]\n'
    place.write(BEGAN.format(more=KEYS.format(digest=DIGEST) + budget))
    place.write(place.file.read_text() + '[store]\ndatabase = "sqlite:///gateway.db"\n')
    assert "store.database" in refusal(place.runs)


def test_the_options_of_the_start_hold(place: Place) -> None:
    runs = listening(place.runs, port=4321)
    place.change("4999", "5000")
    renewal = renew(runs, ENVIRON)
    assert (renewal.changes, renewal.waiting) == ((), ())
    assert renewal.config.listen.port == 4321


def test_the_key_of_the_start_goes_on(place: Place) -> None:
    runs = replace(place.runs, inner_key=Secret("of-this-start-alone"))
    assert renew(runs, ENVIRON).config.inner_key is runs.inner_key


def test_without_a_file_there_is_nothing_to_read() -> None:
    runs = config_of(Discovery({}, (), {}, {}), ListenOptions())
    assert "began without a configuration file" in refusal(runs)
    assert not Watched().changed(runs)


def test_what_cannot_be_read_twice_is_not_read_again(tmp_path: Path) -> None:
    place = Place(tmp_path)
    place.file.unlink()
    os.mkfifo(place.file)
    assert "no file that can be read twice" in refusal(place.runs)


@pytest.mark.parametrize("name", ["admin.key", "cert.pem"])
def test_a_pipe_that_the_file_names_holds_nobody_up(tmp_path: Path, name: str) -> None:
    place = Place(tmp_path)
    (tmp_path / name).unlink(missing_ok=True)
    os.mkfifo(tmp_path / name)
    place.change("port", 'tls = { certificate = "cert.pem", key = "cert.pem" }\nport')
    assert "can be read twice, as a pipe is not" in refusal(place.runs)


def test_where_there_were_keys_nobody_comes_in_without(place: Place) -> None:
    """Nor with whoever is started later: it begins with what was read last."""
    place.write(BEGAN.format(more=KEYS.format(digest=DIGEST)))
    runs = load_config(place.file, ENVIRON, Path())
    place.write(BEGAN.format(more=""))
    for _ in range(2):
        runs = renew(runs, ENVIRON).config
        assert (runs.keys, must_show_key(runs, 0)) == ((), True)
    assert not must_show_key(load_config(place.file, ENVIRON, Path()), 0)
    place.change("[auth]", "[auth]\nrequired = false")
    assert not must_show_key(renew(runs, ENVIRON).config, 0)


def test_what_a_start_would_warn_of_is_told_once(place: Place) -> None:
    place.write(BEGAN.format(more=KEYS.format(digest=DIGEST)))
    runs = load_config(place.file, ENVIRON, Path())
    place.change("[auth]", "[auth]\nrequired = false")
    renewal = renew(runs, ENVIRON)
    assert [
        fields["warning"] for level, _, fields in news_of(renewal) if level == "warning"
    ] == list(renewal.config.warnings)
    assert "nobody has to show one" in renewal.config.warnings[0]
    place.change("[auth]", "\n\n[auth]")
    again = renew(renewal.config, ENVIRON)
    assert (len(again.config.warnings), again.warnings) == (1, ())


@pytest.mark.parametrize("name", ["server.port", "store.database", "telemetry.receipts", "admin"])
def test_four_tables_are_fixed(name: str) -> None:
    assert is_fixed(name)


@pytest.mark.parametrize("name", ["providers.server.kind", 'keys["a"].hash', "auth.pepper"])
def test_all_others_are_not(name: str) -> None:
    assert not is_fixed(name)


def test_many_changes_are_counted(place: Place) -> None:
    place.write(
        BEGAN.format(more="".join(f'[models.m{n:03}]\ntargets = ["one"]\n' for n in range(99)))
    )
    told = said(renew(place.runs, ENVIRON).changes)
    assert told.startswith("models.m000.targets: none -> ")
    assert told.endswith(" more")
    assert len(told) < LONGEST_TOLD + 20
    assert said([]) == ""


@pytest.mark.parametrize("sign", ["a", '"', "\N{CJK UNIFIED IDEOGRAPH-4E2D}", "\N{PARTY POPPER}"])
def test_what_is_told_fits_into_a_line_whatever_is_written(sign: str) -> None:
    for told in (cut(sign * 9_999), said([Change("name", None, sign * 99, "here")] * 99)):
        assert len(json.dumps(told)) < LONGEST_TOLD + 40
        assert len(json.dumps(told)) > LONGEST_TOLD / 2
    assert cut(sign * 9) == sign * 9


def test_a_change_counts_once_it_has_come_to_rest(place: Place) -> None:
    watched = Watched()
    assert not watched.changed(place.runs)
    assert not watched.changed(place.runs)
    place.change('["one"]', '["one", "t')
    assert not watched.changed(place.runs)
    place.change('"t', '"two"]')
    assert not watched.changed(place.runs)
    assert watched.changed(place.runs)
    # Whatever came of it, it is told once.
    assert not watched.changed(place.runs)
    renewal = renew(place.runs, ENVIRON)
    assert not watched.changed(renewal.config)
    assert not watched.changed(renewal.config)


def test_a_file_that_it_names_counts_too(place: Place) -> None:
    watched = Watched()
    watched.changed(place.runs)
    place.secret.write_text("another-key-of-the-admin")
    assert not watched.changed(place.runs)
    assert watched.changed(place.runs)


def test_what_somebody_else_has_read_is_not_told_again(place: Place) -> None:
    watched = Watched()
    watched.changed(place.runs)
    place.write("no configuration at all")
    with pytest.raises(ConfigMistake):
        watched.renew(place.runs, ENVIRON)
    assert not watched.changed(place.runs)
    assert not watched.changed(place.runs)


def test_a_secret_that_comes_after_the_file_that_names_it_counts(place: Place) -> None:
    """As with two volumes of Kubernetes, which come one after the other."""
    watched = Watched()
    place.change('{ env = "PEPPER" }', '{ file = "pepper" }')
    with pytest.raises(ConfigMistake, match="cannot read"):
        watched.renew(place.runs, ENVIRON)
    assert not any(watched.changed(place.runs) for _ in range(3))
    (place.file.parent / "pepper").write_text(ENVIRON["NEW"])
    assert [watched.changed(place.runs) for _ in range(3)] == [False, True, False]
    runs = watched.renew(place.runs, ENVIRON).config
    assert not any(watched.changed(runs) for _ in range(3))


def test_a_link_that_points_elsewhere_counts(place: Place, tmp_path: Path) -> None:
    """So does Kubernetes change a file that is mounted."""
    place.file.rename(tmp_path / "first.toml")
    (tmp_path / "second.toml").write_text(BEGAN.format(more="[groups]\n"))
    place.file.symlink_to("first.toml")
    runs = load_config(place.file, ENVIRON, Path())
    watched = Watched()
    watched.changed(runs)
    place.file.unlink()
    place.file.symlink_to("second.toml")
    watched.changed(runs)
    assert watched.changed(runs)
