"""`[guards]`: what each kind reads, what does not fit together, and who is guarded by what."""

import sys
from pathlib import Path

import pytest

from gateway.config.guards import MISSING, is_read, secrets_of
from tests.config.texts import load, mistakes

HASH = "0123456789abcdef" * 4
ALL = f"""
[auth]
pepper = "a-pepper-for-tests-alone"
[defaults]
guards = ["a"]
[providers.echo]
[models.m]
targets = ["echo"]
guards = ["b"]
[teams.t]
guards = ["c"]
[[keys]]
name = "ci"
hash = "{HASH}"
guards = ["a", "d"]
[guards.a]
kind = "regex"
patterns = ['secret-[0-9]+']
[guards.b]
kind = "pii"
then = "redact"
find = ["email"]
[guards.c]
kind = "http"
url = "http://127.0.0.1:9000/check"
api_key = {{ env = "KEY" }}
[guards.d]
kind = "moderation"
model = "m"
scores = {{ hate = 0.5 }}
"""


def test_guards_are_read_with_whom_they_concern(tmp_path: Path) -> None:
    config = load(ALL, tmp_path)
    assert list(config.guards) == ["a", "b", "c", "d"]
    assert (config.defaults.guards, config.models["m"].guards) == (["a"], ["b"])
    assert (config.teams["t"].guards, config.keys[0].guards) == (("c",), ("a", "d"))
    assert [each.reveal() for each in secrets_of(config.guards)] == ["sk-0123456789abcdef9f2c"]
    assert (config.guards["a"].on, config.guards["a"].then) == ("both", "block")


def test_without_the_table_there_are_none(tmp_path: Path) -> None:
    assert load("", tmp_path).guards == {}


def test_each_kind_shows_what_it_reads(tmp_path: Path) -> None:
    guards = load(ALL, tmp_path).guards
    assert [is_read(guards["a"], name) for name in ("patterns", "then", "words")] == [
        True,
        True,
        False,
    ]


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ("kind = 'pi'", "kind: expected"),
        ("kind = 'pii'\nfind = ['mail']", "find[0]: invalid enum value"),
        ("kind = 'pii'\nfind = ['email', 'email']", "find[1]: stands here twice"),
        ("kind = 'pii'\npatterns = ['a']", 'patterns: means nothing where the kind is "pii"'),
        ("kind = 'pii'\nfin = []", "fin: unknown key; did you mean find?"),
        ("kind = 'pii'\nmask = 'a\"b'", "mask: must be of characters"),
        ("kind = 'pii'\nmask = '\u00ad'", "mask: must be of characters"),
        ("kind = 'regex'", "x: needs `patterns`"),
        ("kind = 'regex'\npatterns = 3", "patterns: expected a list"),
        ("kind = 'regex'\npatterns = ['(?=a)']", "patterns[0]: is no expression that RE2 takes"),
        ("kind = 'words'", "x: needs `words` or `parts`"),
        ("kind = 'words'\nwords = ['--']", "words[0]: holds no word"),
        ("kind = 'words'\nwords = ['']", "words[0]: expected"),
        ("kind = 'size'", "x: needs `max_characters` or `max_tokens` or `max_turns`"),
        ("kind = 'size'\nmax_turns = 1\nthen = 'redact'", "then: a guard of the kind"),
        ("kind = 'http'\nurl = 'ftp://x'", "url: does not begin with http://"),
        ("kind = 'moderation'\nmodel = 'ech'", 'model: nobody answers to "ech"; did you mean'),
    ],
)
def test_a_mistake_is_told_where_it_stands(tmp_path: Path, lines: str, said: str) -> None:
    found = mistakes(f"[guards.x]\n{lines}", tmp_path)
    assert any(said in each for each in found), found


@pytest.mark.parametrize(
    "text",
    [
        '[defaults]\nguards = ["b"]\n',
        '[providers.echo]\n[models.m]\ntargets = ["echo"]\nguards = ["b"]\n',
        '[teams.t]\nguards = ["b"]\n',
        f'[auth]\npepper = "0123456789abcdef"\n[[keys]]\nname = "k"\nhash = "{HASH}"\n'
        'guards = ["b"]\n',
    ],
)
def test_who_is_to_be_guarded_by_nothing_is_told(tmp_path: Path, text: str) -> None:
    guard = '[guards.a]\nkind = "secrets"\n'
    (said,) = mistakes(text + guard, tmp_path)
    assert said.endswith("guards[0]: unknown guard (known here: a)")


def test_a_guard_that_cannot_be_read_is_not_called_unknown(tmp_path: Path) -> None:
    text = '[defaults]\nguards = ["a"]\n[guards.a]\nkind = "nothing"\n'
    assert [said for said in mistakes(text, tmp_path) if "defaults" in said] == []
    assert len(mistakes('[defaults]\nguards = ["a"]\n[guards]\na = 3\n', tmp_path)) == 1


def test_a_name_that_cannot_be_seen_is_refused(tmp_path: Path) -> None:
    (said,) = mistakes('[guards." "]\nkind = "secrets"\n', tmp_path)
    assert "begins or ends with a space" in said


def test_where_names_cannot_be_told_no_model_is_called_unknown(tmp_path: Path) -> None:
    text = '[providers.openai]\nmodls = 3\n[guards.x]\nkind = "moderation"\nmodel = "m"\n'
    assert [said for said in mistakes(text, tmp_path) if "guards" in said] == []


def test_expressions_need_the_extra(tmp_path: Path) -> None:
    kept = sys.modules.pop("re2", None)
    sys.modules["re2"] = None  # type: ignore[assignment]  # as if it were not installed
    try:
        said = mistakes("[guards.x]\nkind = 'regex'\npatterns = ['a', 'b']\n", tmp_path)
        assert said == [f"gateway.toml:2: guards.x.kind: {MISSING}"]
        assert load("[guards.x]\nkind = 'secrets'\n", tmp_path).guards
    finally:
        del sys.modules["re2"]
        if kept is not None:
            sys.modules["re2"] = kept
