"""The office of an admin, whole."""

from gateway.admin.office import Office
from gateway.config.compose import Config
from gateway.furnish import database_of
from gateway.office.keys import key_desk_of
from gateway.office.models import catalogue_of
from gateway.office.playground import approach_of
from gateway.office.settings import settings_of
from gateway.office.sign_in import sign_in_of
from gateway.store.archive import Archive
from gateway.telemetry.log import Log


def office_of(config: Config, log: Log) -> Office:
    """Put it together. Opens nothing: whatever is asked for is opened then."""
    database = database_of(config)
    sign_in, services = sign_in_of(config, log)
    return Office(
        archive=None if database is None else Archive(database, log),
        trusted_proxies=frozenset(config.http.trusted_proxies),
        catalogue=catalogue_of(config),
        settings=settings_of(config),
        playground=approach_of(config),
        sign_in=sign_in,
        services=services,
        keys=key_desk_of(config),
    )
