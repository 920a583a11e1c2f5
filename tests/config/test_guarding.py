"""Guards as they are configured, put into what calls are looked at with."""

from pathlib import Path

import pytest

from gateway.config.guarding import guards_of
from gateway.policy.guards.guard import Guard
from gateway.words.caller import ANYONE, Caller
from tests.config.test_guards import ALL, HASH
from tests.config.texts import load
from tests.policy.guards.cutting import told

CI = Caller("ci", HASH[:12])


def one(lines: str, folder: Path) -> Guard:
    text = f'[defaults]\nguards = ["x"]\n[providers.echo]\n[guards.x]\n{lines}\n'
    guards = guards_of(load(text, folder))
    assert guards is not None
    (guard,) = guards.concerning(ANYONE)
    return guard


def test_each_concerns_whom_it_is_to(tmp_path: Path) -> None:
    guards = guards_of(load(ALL, tmp_path))
    assert guards is not None
    caller = Caller("ci", HASH[:12], team="t")
    assert [each.name for each in guards.concerning(caller, "m")] == ["a", "b", "c", "d"]
    assert [each.name for each in guards.concerning(ANYONE, "n")] == ["a"]


@pytest.mark.parametrize(
    ("text", "caller", "model"),
    [
        ("[models.m]\ntargets = ['echo']\n", ANYONE, "m"),
        ("[teams.t]\n", Caller("k", "id", team="t"), "echo"),
        (f"[auth]\npepper = '{HASH}'\n[[keys]]\nname = 'k'\nhash = '{HASH}'\n", CI, "echo"),
    ],
    ids=["model", "team", "key"],
)
def test_one_that_concerns_a_few_alone_is_there(
    text: str, caller: Caller, model: str, tmp_path: Path
) -> None:
    said = f"[providers.echo]\n{text}guards = ['x']\n[guards.x]\nkind = 'secrets'\n"
    guards = guards_of(load(said, tmp_path))
    assert guards is not None
    assert [each.name for each in guards.concerning(caller, model)] == ["x"]
    assert guards.concerning(ANYONE, "echo") == ()


def test_where_none_concerns_anybody_nobody_looks(tmp_path: Path) -> None:
    assert guards_of(load('[guards.x]\nkind = "secrets"\n', tmp_path)) is None
    assert guards_of(load("", tmp_path)) is None


def test_every_kind_finds_what_it_is_for(tmp_path: Path) -> None:
    text = "a@b.de 4111111111111111 sk-abcdefghijklmnopqrstuvwx darn xyzzy id-7"
    masked = {
        "kind = 'regex'\npatterns = ['id-[0-9]']": text.replace("id-7", "[REDACTED]"),
        "kind = 'secrets'": text.replace("sk-abcdefghijklmnopqrstuvwx", "[SECRET]"),
        "kind = 'pii'\nfind = ['email']": text.replace("a@b.de", "[EMAIL]"),
        "kind = 'pii'\nallow = ['A@b.de']": text.replace("4111111111111111", "[CARD]"),
        "kind = 'words'\nwords = ['darn']\nmask = '…'": text.replace("darn", "…"),
        "kind = 'words'\nparts = ['yzz']": text.replace("yzz", "[REDACTED]"),
    }
    for lines, wanted in masked.items():
        assert told([one(f"{lines}\nthen = 'redact'", tmp_path)], text)[0] == wanted


def test_signs_are_taken_for_the_plain_ones_that_they_look_like_but_by_expressions(
    tmp_path: Path,
) -> None:
    text = "4111\u00a01111\u20111111 1111 \uff44arn"
    masked = {
        "kind = 'pii'": "[CARD] \uff44arn",
        "kind = 'pii'\nallow = ['4111 1111\u20111111 1111']": text,
        "kind = 'words'\nwords = ['d\uff41rn']": text.replace("\uff44arn", "[REDACTED]"),
        "kind = 'words'\nparts = ['\uff44ar']": text.replace("\uff44ar", "[REDACTED]"),
        "kind = 'regex'\npatterns = ['darn']": text,
        "kind = 'regex'\npatterns = ['\uff44']": text.replace("\uff44", "[REDACTED]"),
        "kind = 'regex'\npatterns = ['\uff44']\nallow = ['\uff44']": text,
    }
    for lines, wanted in masked.items():
        assert told([one(f"{lines}\nthen = 'redact'", tmp_path)], text)[0] == wanted


def test_where_it_looks_and_what_it_must_see(tmp_path: Path) -> None:
    guard = one("kind = 'secrets'\non = 'request'\nunseen = 'pass'", tmp_path)
    assert (guard.asks, guard.answers, guard.needs_sight) == (True, False, False)
    guard = one("kind = 'size'\nmax_turns = 3\non = 'answer'", tmp_path)
    assert (guard.asks, guard.answers, guard.needs_sight) == (False, True, True)
    assert guard.sizes is not None
    assert (guard.sizes.turns, guard.sizes.characters) == (3, None)


def test_a_service_has_an_address_and_a_key(tmp_path: Path) -> None:
    lines = "kind = 'http'\nurl = 'https://judge.test/v1/'\napi_key = { env = 'KEY' }\ntimeout = 1"
    check = one(lines, tmp_path).check
    assert check is not None
    assert check.target is not None
    assert check.authorization is not None
    assert (str(check.origin), check.target.reveal()) == ("https://judge.test:443", "/v1")
    assert check.authorization.reveal() == "Bearer sk-0123456789abcdef9f2c"
    assert (check.timeout, check.opens) == (1.0, False)
    open_one = one("kind = 'http'\nurl = 'http://judge.test'\non_failure = 'pass'", tmp_path).check
    assert open_one is not None
    assert open_one.target is not None
    assert (open_one.target.reveal(), open_one.authorization, open_one.opens) == ("/", None, True)


def test_a_moderation_model_has_a_name_and_what_counts(tmp_path: Path) -> None:
    lines = "kind = 'moderation'\nmodel = 'echo'\ncategories = ['a']\nscores = { b = 0.5 }"
    check = one(lines, tmp_path).check
    assert check is not None
    assert (check.model, check.categories, check.limits) == ("echo", frozenset({"a"}), {"b": 0.5})
    assert check.origin is None
    assert not check.opens
    check = one("kind = 'moderation'\nmodel = 'echo'\non_failure = 'pass'", tmp_path).check
    assert check is not None
    assert check.opens
