"""An office of a configuration: each part is there where something says so."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from gateway.admin.office import NotTaken, Office
from gateway.config.compose import Config
from gateway.office.whole import Furnisher
from gateway.policy.scrub import Scrubber
from gateway.words.secret import Secret
from tests.config.texts import load, write
from tests.office.test_sign_in import SIGN_IN, Deaf

WHOLE = f"""\
[server]
trusted_proxies = ["10.0.0.7"]
{SIGN_IN}
[store]
database = "sqlite:///calls.db"
"""
PEPPERED = '[auth]\npepper = "the-first-pepper-of-all"\n'


def test_nothing_configured_is_an_office_without_database_and_issuer() -> None:
    office = Furnisher(Config(), Deaf(), Scrubber()).office()
    assert office.archive is None
    assert office.sign_in is None
    assert office.services == ()
    assert office.trusted_proxies == frozenset(Config().http.trusted_proxies)
    for part in (office.catalogue, office.settings, office.playground, office.keys):
        assert part is not None


def test_what_is_configured_is_there_and_nothing_is_opened(tmp_path: Path) -> None:
    office = Furnisher(load(WHOLE, tmp_path), Deaf(), Scrubber()).office()
    assert office.sign_in is not None
    assert len(office.services) == 2
    assert office.trusted_proxies == {"10.0.0.7"}
    assert office.archive is not None
    office.archive.close()
    assert not list(tmp_path.glob("calls.db*"))


def test_it_is_put_together_anew_by_the_file_as_it_is_now(tmp_path: Path) -> None:
    runs = replace(load(PEPPERED, tmp_path), inner_key=Secret("of-this-start-alone"))
    scrubber = Scrubber()
    furnisher = Furnisher(runs, Deaf(), scrubber)
    write(PEPPERED.replace("first", "next"), tmp_path)
    assert furnisher.furnish().fingerprint not in {"", furnisher_of(runs).fingerprint}
    assert scrubber.scrub("the-next-pepper-of-all") == "***"


def furnisher_of(config: Config) -> Office:
    return Furnisher(config, Deaf(), Scrubber()).office()


def test_what_cannot_be_taken_is_told_and_the_office_stays_as_it_was(tmp_path: Path) -> None:
    runs = replace(load(PEPPERED, tmp_path), inner_key=Secret("of-this-start-alone"))
    furnisher = Furnisher(runs, Deaf(), Scrubber())
    write(f"{PEPPERED}[providers.echo]\nmodles = []\n", tmp_path)
    with pytest.raises(NotTaken, match="did you mean models"):
        furnisher.furnish()
    assert furnisher.office().fingerprint == furnisher_of(runs).fingerprint
