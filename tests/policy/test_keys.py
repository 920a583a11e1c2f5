"""Virtual keys: who shows one, whose it is, and what may be asked for with it."""

import hashlib
import hmac
import re
from typing import Any

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gateway.policy.keys import (
    INNER,
    LONGEST_BYTES,
    SECRET_BYTES,
    WRONG,
    KeyRecord,
    Keyring,
    Team,
    accounts_of,
    digest_of,
    hint_of,
    new_secret,
    presented,
    sealed,
)
from gateway.words.budget import Budget
from gateway.words.caller import ANYONE, Caller, Limits
from tests.steps import steps

PEPPER = b"0123456789abcdef"
SECRET = b"ngw-" + b"s" * 43
NOW = 1_000_000.0


def record(secret: bytes = SECRET, name: str = "ci", **more: Any) -> KeyRecord:
    return KeyRecord(name, digest_of(secret, PEPPER), **more)


def ring(
    *records: KeyRecord,
    teams: dict[str, Team] | None = None,
    groups: dict[str, tuple[str, ...]] | None = None,
) -> Keyring:
    return Keyring(records, teams or {}, groups or {}, PEPPER)


def bearer(value: bytes) -> dict[bytes, bytes]:
    return {b"authorization": value}


@pytest.mark.parametrize(
    ("headers", "shown"),
    [
        ({}, None),
        ({b"x-other": b"k"}, None),
        (bearer(b"Bearer k"), b"k"),
        (bearer(b"bearer k"), b"k"),
        (bearer(b"BEARER   k "), b"k"),
        (bearer(b"Basic k"), None),
        (bearer(b"k"), None),
        (bearer(b""), None),
        (bearer(b"Bearerk"), None),
        (bearer(b"Bearer"), WRONG),
        (bearer(b"Bearer "), WRONG),
        (bearer(b"Bearer a b"), WRONG),
        (bearer(b"Bearer a\tb"), WRONG),
        (bearer(b"Bearer caf\xc3\xa9"), WRONG),
        (bearer(b"Bearer a\x00"), WRONG),
        (bearer(b"Bearer a\x7f"), WRONG),
        (bearer(b"Bearer " + b"k" * LONGEST_BYTES), b"k" * LONGEST_BYTES),
        (bearer(b"Bearer k" + b"k" * LONGEST_BYTES), WRONG),
        ({b"x-api-key": b"k"}, b"k"),
        ({b"x-api-key": b" k "}, b"k"),
        ({b"x-api-key": b""}, WRONG),
        ({b"x-gateway-key": b" k "}, b"k"),
        ({b"x-gateway-key": b"k", b"authorization": b"Bearer own", b"x-api-key": b"own"}, b"k"),
        ({b"x-gateway-key": b"", b"authorization": b"Bearer own"}, WRONG),
        ({b"x-api-key": b"a, b"}, WRONG),
        ({b"api-key": b"k"}, b"k"),
        ({b"api-key": b"k" * (LONGEST_BYTES + 1)}, WRONG),
        ({b"authorization": b"Bearer a", b"x-api-key": b"b", b"api-key": b"c"}, b"a"),
        ({b"authorization": b"Basic a", b"x-api-key": b"b", b"api-key": b"c"}, b"b"),
        ({b"authorization": b"Bearer", b"x-api-key": b"b"}, WRONG),
        ({b"x-api-key": b"", b"api-key": b"c"}, WRONG),
    ],
)
def test_a_key_is_shown_in_one_of_four_fields(
    headers: dict[bytes, bytes], shown: bytes | None
) -> None:
    assert presented(headers) == shown


@given(
    st.dictionaries(
        st.sampled_from([b"authorization", b"x-api-key", b"api-key"]),
        st.binary(max_size=300) | st.binary(max_size=300).map(lambda value: b"Bearer " + value),
    )
)
def test_what_is_shown_is_visible_and_short_or_nothing(headers: dict[bytes, bytes]) -> None:
    shown = presented(headers)
    if shown:
        assert re.fullmatch(rb"[!-~]{1,256}", shown)
        assert any(shown in value for value in headers.values())


def test_r13_what_rests_is_a_hash_with_a_pepper_of_a_hash() -> None:
    hashed = hashlib.sha256(SECRET).digest()
    expected = hmac.new(PEPPER, hashed, "sha256").hexdigest()
    assert digest_of(SECRET, PEPPER) == sealed(hashed, PEPPER) == expected
    assert digest_of(SECRET, b"another pepper") != expected
    assert re.fullmatch(r"[0-9a-f]{64}", expected)


@given(st.binary(min_size=SECRET_BYTES, max_size=SECRET_BYTES))
def test_a_new_secret_can_be_shown_and_opens_what_was_made_for_it(random: bytes) -> None:
    secret = new_secret(random)
    assert re.fullmatch(r"ngw-[A-Za-z0-9_-]{43}", secret)
    shown = presented(bearer(b"Bearer " + secret.encode()))
    assert shown == secret.encode()
    assert ring(record(shown)).identify(shown, NOW) is not None


@pytest.mark.parametrize("size", [0, 16, 31, 33])
def test_a_secret_is_made_of_as_much_chance_as_it_needs(size: int) -> None:
    with pytest.raises(ValueError, match="32 random bytes"):
        new_secret(bytes(size))


@pytest.mark.parametrize(
    ("secret", "hint"),
    [
        ("ngw-" + "a" * 39 + "9f2c", "ngw-…9f2c"),
        ("sk-" + "a" * 39 + "9f2c", "…9f2c"),
        ("ngw-12345678901", "…"),
        ("", "…"),
    ],
)
def test_s17_a_hint_shows_four_characters_of_a_long_secret_alone(secret: str, hint: str) -> None:
    assert hint_of(secret) == hint


def test_a_key_is_its_holders_with_all_that_the_team_says() -> None:
    key = record(team="research", user="u", models=("gpt-*",), limits=Limits(requests_per_minute=1))
    team = Team(models=("@all",), limits=Limits(concurrency=2))
    assert ring(key, teams={"research": team}).identify(SECRET, NOW) == Caller(
        key="ci",
        key_id=key.digest[:12],
        team="research",
        user="u",
        models=("gpt-*",),
        team_models=("@all",),
        limits=Limits(requests_per_minute=1),
        team_limits=Limits(concurrency=2),
    )


def test_a_providers_own_api_is_open_to_a_key_by_its_own_right_or_its_teams() -> None:
    key = record(team="t", passthrough=("a", "b"))
    caller = ring(key, teams={"t": Team(passthrough=("b", "c"))}).identify(SECRET, NOW)
    assert caller is not None
    assert caller.passthrough == ("a", "b", "c")
    assert Caller("", "").passthrough == ()


@pytest.mark.parametrize(
    ("more", "opens"),
    [
        ({}, True),
        ({"expires": NOW + 1}, True),
        ({"expires": NOW}, False),
        ({"expires": 0}, False),
        ({"revoked": 0}, False),
        ({"revoked": NOW + 60}, False),
        ({"revoked": NOW - 60, "expires": NOW + 60}, False),
    ],
)
def test_what_has_expired_or_is_revoked_opens_nothing(more: dict[str, Any], *, opens: bool) -> None:
    """It is ours all the same, and nobody else's to be shown."""
    keyring = ring(record(**more))
    assert (keyring.identify(SECRET, NOW) is not None) is opens
    assert keyring.knows(SECRET)
    assert not keyring.knows(b"another")
    assert (len(keyring), keyring.names) == (1, ("ci",))


def test_s10_keys_that_share_sixty_characters_are_two_keys() -> None:
    shared = b"x" * 60
    keyring = ring(record(shared + b"one", "one"), record(shared + b"two", "two"))
    named = [keyring.identify(shared + end, NOW) for end in (b"one", b"two")]
    assert [caller and caller.key for caller in named] == ["one", "two"]
    assert len({caller.key_id for caller in named if caller}) == 2
    for other in (shared, shared + b"on", shared + b"onee", shared + b"thr"):
        assert keyring.identify(other, NOW) is None


@given(st.binary(max_size=80), st.binary(max_size=80))
def test_only_the_secret_itself_is_its_key(secret: bytes, shown: bytes) -> None:
    found = ring(record(secret)).identify(shown, NOW)
    assert (found is not None) is (shown == secret != WRONG)


def test_s5_nobody_is_identified_by_what_can_be_no_key() -> None:
    assert ring(record(WRONG)).identify(WRONG, NOW) is None


def test_s5_r12_a_wrong_key_costs_one_digest_as_a_right_one_does() -> None:
    """S5, R12: no step before the digest depends on what is shown, and none looks at a part."""
    made: list[bytes] = []

    def counted(secret: bytes, pepper: bytes) -> str:
        made.append(secret)
        return digest_of(secret, pepper)

    revoked = record(b"old", "old", revoked=1)
    keyring = Keyring([record(), revoked], {}, {}, PEPPER, digest=counted)
    asked = [SECRET, SECRET[:-1] + b"t", WRONG, b"old", b"k" * 10_000, b"\xff"]
    assert [keyring.identify(secret, NOW) is not None for secret in asked] == [True, *[False] * 5]
    assert made == asked


FIRST_WRONG, LAST_WRONG = b"x" + SECRET[1:], SECRET[:-1] + b"t"
FAR = {
    "random": b"z" * 47,
    "a prefix alone": b"ngw-",
    "longer": SECRET + b"s",
    "longest": b"k" * 256,
}


@pytest.mark.parametrize("far", FAR.values(), ids=list(FAR))
def test_r12_near_and_far_misses_take_the_same_steps(far: bytes) -> None:
    """R12: from the field to the refusal, a key that is almost right costs what any other does."""
    keyring = ring(record(), record(LAST_WRONG + b"more", "longer"))

    def way(secret: bytes) -> list[str]:
        with steps() as taken:
            shown = presented(bearer(b"Bearer " + secret))
            assert shown is not None
            assert keyring.identify(shown, NOW) is None
        return taken

    assert way(FIRST_WRONG) == way(LAST_WRONG) == way(far)
    assert "hmac_digest" in way(far)


def test_the_digest_is_looked_up_whole() -> None:
    key = record()
    for part in (key.digest[:63], key.digest[1:], key.digest.upper()):
        cut = Keyring([key], {}, {}, PEPPER, digest=lambda _, __, part=part: part)  # type: ignore[misc]
        assert cut.identify(SECRET, NOW) is None


def test_s18_there_is_no_key_without_a_pepper() -> None:
    with pytest.raises(ValueError, match="pepper"):
        Keyring([record()], {}, {}, b"")
    assert len(Keyring([], {}, {}, b"")) == 0


def test_of_two_with_one_digest_the_first_counts_unless_one_is_revoked() -> None:
    first, second, revoked = record(name="a"), record(name="b"), record(name="c", revoked=1)
    held = ring(first, second).identify(SECRET, NOW)
    assert held is not None
    assert held.key == "a"
    assert ring(first, second).names == ("a",)
    for records in ((first, revoked), (revoked, first)):
        assert ring(*records).identify(SECRET, NOW) is None


def test_the_inner_key_opens_everything_and_is_no_record() -> None:
    """Nobody has to show a key because of it, and it needs no pepper."""
    keyring = Keyring((), {}, {}, b"", inner=SECRET)
    assert (len(keyring), keyring.names) == (0, ())
    caller = keyring.identify(SECRET, NOW)
    assert caller is not None
    assert (caller.key, caller.team, caller.accounts) == (INNER, None, ())
    assert keyring.may(caller, "anything")
    assert keyring.knows(SECRET)
    assert SECRET.decode() not in repr(caller)


@pytest.mark.parametrize("shown", [SECRET[:-1], SECRET + b"s", b"", WRONG])
def test_nothing_that_is_like_the_inner_key_opens_anything(shown: bytes) -> None:
    keyring = Keyring((), {}, {}, PEPPER, inner=SECRET)
    assert keyring.identify(shown, NOW) is None
    assert not keyring.knows(shown)
    assert ring().identify(shown, NOW) is None


def test_a_key_whose_team_nobody_knows_opens_nothing() -> None:
    keyring = ring(record(team="gone"), record(b"other", "other"), teams={"here": Team()})
    assert keyring.identify(SECRET, NOW) is None
    assert keyring.identify(b"other", NOW) is not None
    assert keyring.astray == ("ci",)
    assert keyring.names == ("ci", "other")


GROUPS = {"frontier": ("gpt-5.2", "claude-opus-*"), "none": (), "nested": ("@frontier",)}


@pytest.mark.parametrize(
    ("models", "team", "model", "may"),
    [
        ((), (), "anything", True),
        (("gpt-5.2",), (), "gpt-5.2", True),
        (("gpt-5.2",), (), "gpt-5.2-mini", False),
        (("gpt-5.2",), (), "gpt-5", False),
        (("gpt-5.2",), (), "GPT-5.2", False),
        (("gpt-*",), (), "gpt-5.2", True),
        (("*-mini", "local/*"), (), "local/a/b", True),
        (("*-mini", "local/*"), (), "gpt-5.2", False),
        (("*",), (), "", True),
        (("a.c",), (), "abc", False),
        (("@frontier",), (), "gpt-5.2", True),
        (("@frontier",), (), "claude-opus-4-5", True),
        (("@frontier",), (), "claude-sonnet", False),
        (("@frontier", "echo"), (), "echo", True),
        (("@none",), (), "gpt-5.2", False),
        (("@nested",), (), "gpt-5.2", False),
        (("@gone",), (), "gpt-5.2", False),
        (("@gone",), (), "gone", False),
        (("@cf/*",), (), "@cf/llama", True),
        (("@cf/llama",), (), "@cf/llama", True),
        ((), ("@frontier",), "gpt-5.2", True),
        ((), ("@frontier",), "echo", False),
        (("echo",), ("@frontier",), "echo", False),
        (("gpt-*",), ("@frontier",), "gpt-5.2", True),
        (("gpt-*",), ("@frontier",), "gpt-4", False),
        (("gpt-*",), ("@frontier",), "claude-opus-4-5", False),
    ],
)
def test_key_and_team_must_both_allow_a_name(
    models: tuple[str, ...], team: tuple[str, ...], model: str, *, may: bool
) -> None:
    caller = Caller("ci", "0", models=models, team_models=team)
    assert ring(groups=GROUPS).may(caller, model) is may


@given(st.text("ab*@", max_size=6), st.text("ab@", max_size=6))
def test_a_pattern_alone_means_what_it_means_to_everybody(pattern: str, model: str) -> None:
    expected = re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), model)
    caller = Caller("ci", "0", models=(pattern,))
    assert ring(groups={"g": ("a",)}).may(caller, model) is (expected is not None)


def test_anyone_may_ask_for_all_names() -> None:
    assert ring().may(ANYONE, "anything")


def test_r13_a_record_does_not_show_its_digest() -> None:
    key = record()
    assert key.digest not in repr(key)
    assert key.digest.startswith(key.key_id)
    assert len(key.key_id) == 12
    assert PEPPER.decode() not in repr(ring(key)) + str(ring(key))


DAY, OPUS = Budget(5, "day"), Budget(6, "month", ("claude-opus-*",))
EACH, HOUR = Budget(7, "day", each="user"), Budget(1, "hour")


def test_a_call_is_paid_from_the_keys_own_budgets_and_those_of_its_team() -> None:
    key = record(team="t", user="ada", budgets=(DAY,))
    caller = ring(key, teams={"t": Team(budgets=(OPUS, EACH), unpriced="free")}).identify(
        SECRET, NOW
    )
    assert caller is not None
    assert caller.unpriced == "free"
    assert [(each.of, each.budget, each.key, each.team, each.user) for each in caller.accounts] == [
        ("key", DAY, "ci", "", ""),
        ("team", OPUS, "", "t", ""),
        ("user", EACH, "", "t", "ada"),
    ]


def test_a_key_without_a_user_is_a_user_by_itself() -> None:
    one, two = accounts_of("ci", None, (), "t", (EACH,)), accounts_of("cd", None, (), "t", (EACH,))
    assert [(each.of, each.key, each.user) for each in (*one, *two)] == [
        ("user", "ci", ""),
        ("user", "cd", ""),
    ]
    assert one[0].name != two[0].name


def test_keys_of_one_user_and_of_one_team_share_what_is_theirs() -> None:
    one = accounts_of("ci", "ada", (DAY,), "t", (DAY, EACH))
    two = accounts_of("cd", "ada", (DAY,), "t", (DAY, EACH))
    assert [mine.name == other.name for mine, other in zip(one, two, strict=True)] == [
        False,
        True,
        True,
    ]
    assert len({each.name for each in one}) == 3


def test_an_account_keeps_its_name_when_the_amount_is_another() -> None:
    dearer = msgspec.structs.replace(DAY, nanos=9, reserve="worst", then="echo", alert=(0.5,))
    (before,), (after,) = (accounts_of("ci", None, (each,), "", ()) for each in (DAY, dearer))
    assert before.name == after.name
    assert before != after


def test_it_is_known_in_which_windows_money_is_counted() -> None:
    own = record(budgets=(OPUS,))
    other = record(b"other", "other", team="t")
    assert ring(own, other, teams={"t": Team(budgets=(DAY,))}).windows == {"month", "day"}
    assert ring(record()).windows == frozenset()


NAMES = st.sampled_from(["a", "b", "a day", "a/b", "b/a", "key:a", "hour", "a%20day"])
PERS = st.sampled_from(["day", "hour"])
MODELS = st.lists(NAMES, max_size=2, unique=True).map(tuple)
HELD = st.tuples(
    NAMES,
    st.none() | NAMES,
    st.lists(st.builds(Budget, st.just(1), PERS, MODELS), max_size=1).map(tuple),
    NAMES,
    st.lists(
        st.builds(Budget, st.just(1), PERS, MODELS, st.sampled_from(["", "user"])), max_size=1
    ).map(tuple),
)


@settings(max_examples=500)
@given(HELD, HELD)
@example(("a", None, (Budget(1, "day", ("hour",)),), "", ()), ("a day", None, (HOUR,), "", ()))
@example(("a", "b/a", (), "a", (EACH,)), ("a", "a", (), "a/b", (EACH,)))
@example(("a", None, (), "a", (EACH,)), ("b", "key:a", (), "a", (EACH,)))
def test_no_two_accounts_have_one_name_whatever_they_are_called(one: Any, other: Any) -> None:
    for mine in accounts_of(*one):
        for theirs in accounts_of(*other):
            assert (mine.name == theirs.name) is (mine == theirs)
