"""An office of a configuration: each part is there where something says so."""

from pathlib import Path

from gateway.config.compose import Config
from gateway.office.whole import office_of
from tests.config.texts import load
from tests.office.test_sign_in import SIGN_IN, Deaf

WHOLE = f"""\
[server]
trusted_proxies = ["10.0.0.7"]
{SIGN_IN}
[store]
database = "sqlite:///calls.db"
"""


def test_nothing_configured_is_an_office_without_database_and_issuer() -> None:
    office = office_of(Config(), Deaf())
    assert office.archive is None
    assert office.sign_in is None
    assert office.services == ()
    assert office.trusted_proxies == frozenset(Config().http.trusted_proxies)
    for part in (office.catalogue, office.settings, office.playground, office.keys):
        assert part is not None


def test_what_is_configured_is_there_and_nothing_is_opened(tmp_path: Path) -> None:
    office = office_of(load(WHOLE, tmp_path), Deaf())
    assert office.sign_in is not None
    assert len(office.services) == 2
    assert office.trusted_proxies == {"10.0.0.7"}
    assert office.archive is not None
    office.archive.close()
    assert not list(tmp_path.glob("calls.db*"))
