"""The office of an admin, whole."""

import os

from gateway.admin.office import NotTaken, Office
from gateway.config.compose import Config
from gateway.config.diff import fingerprint
from gateway.config.homes import known_secrets
from gateway.config.mistakes import ConfigMistake
from gateway.furnish import database_of
from gateway.office.keys import key_desk_of
from gateway.office.models import catalogue_of
from gateway.office.playground import approach_of
from gateway.office.settings import settings_of
from gateway.office.sign_in import sign_in_of
from gateway.policy.scrub import Scrubber
from gateway.renewal import renew
from gateway.store.archive import Archive
from gateway.telemetry.log import Log


class Furnisher:
    """Puts the offices together: one at the start, another after each reload."""

    def __init__(self, config: Config, log: Log, scrubber: Scrubber) -> None:
        self._config = config
        self._log = log
        self._scrubber = scrubber
        self._archive = archive_of(config, log)

    def office(self) -> Office:
        """Put one together by the configuration that runs."""
        return office_of(self._config, self._log, self._archive)

    def furnish(self) -> Office:
        """Read the configuration anew, and put one together by that. Raises `NotTaken`."""
        try:
            self._config = renew(self._config, os.environ).config
            self._scrubber.know(known_secrets(self._config))
            return self.office()
        except (ConfigMistake, ValueError) as mistake:
            raise NotTaken(str(mistake)) from None


def archive_of(config: Config, log: Log) -> Archive | None:
    """Return who reads the database, which is not opened yet; None where there is none."""
    database = database_of(config)
    return None if database is None else Archive(database, log)


def office_of(config: Config, log: Log, archive: Archive | None) -> Office:
    """Put it together. Opens nothing: whatever is asked for is opened then."""
    sign_in, services = sign_in_of(config, log)
    return Office(
        fingerprint=fingerprint(config),
        archive=archive,
        trusted_proxies=frozenset(config.http.trusted_proxies),
        catalogue=catalogue_of(config),
        settings=settings_of(config),
        playground=approach_of(config),
        sign_in=sign_in,
        services=services,
        keys=key_desk_of(config),
    )
