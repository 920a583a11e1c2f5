"""Which extras a configuration needs, and what the installed metadata say."""

from collections.abc import Iterator
from importlib import metadata

from gateway.commands.diagnosis.packages import NAME
from gateway.config.compose import Config
from gateway.config.homes import Homes
from gateway.store.places import SERVER
from gateway.words.grants import AwsGrant, GoogleGrant


def extras_for(config: Config, homes: Homes) -> Iterator[str]:
    """Yield the extras without which what is configured cannot be done."""
    if config.store.shared is not None:
        yield "shared"
    if config.store.database is not None and config.store.database.reveal().startswith(SERVER):
        yield "postgres"
    if config.auth.issuers or config.admin.sign_in is not None:
        yield "oidc"
    if config.log.otlp_endpoint is not None:
        yield "otel"
    grants = homes.grants.values()
    if any(isinstance(grant, AwsGrant) for grant in grants):
        yield "aws"
    if any(isinstance(grant, GoogleGrant) for grant in grants):
        yield "oidc"


def told() -> list[str] | None:
    """Return what the gateway's own metadata ask for; None where it is not installed."""
    try:
        return metadata.requires(NAME) or []
    except metadata.PackageNotFoundError:
        return None


def installed(name: str) -> str | None:
    """Return the version of an installed package."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
