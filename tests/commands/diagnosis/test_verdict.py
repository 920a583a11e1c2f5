"""How well all is, out of how well each thing is."""

from gateway.commands.diagnosis.verdict import (
    Examined,
    Level,
    Verdict,
    counted,
    fail,
    ok,
    skipped,
    warn,
    worst,
)


def of(*verdicts: Verdict) -> list[Examined]:
    return [Examined("first", (ok("a", "well"),)), Examined("second", verdicts)]


def test_all_is_as_well_as_the_worst_of_it() -> None:
    assert worst([]) is Level.OK
    assert worst(of(skipped("b", "not looked at"))) is Level.OK
    assert worst(of(warn("b", "odd", "look"), ok("c", "well"))) is Level.WARN
    assert worst(of(warn("b", "odd", "look"), fail("c", "broken", "mend"))) is Level.FAIL


def test_one_thing_is_one_and_many_are_many() -> None:
    assert [counted(number, "key") for number in (0, 1, 2, 2_000)] == [
        *("0 keys", "1 key", "2 keys", "2,000 keys")
    ]
