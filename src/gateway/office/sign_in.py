"""Sign-in by OIDC, as it is configured, and what runs beside it."""

import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial

from gateway.admin.entry.reception import SignIn
from gateway.admin.options import SignInOptions
from gateway.config.compose import Config
from gateway.config.issuers import issuers_of
from gateway.policy.issuers import OIDC, Issuer, Members
from gateway.policy.sign_in import Reception
from gateway.providers.address import parse_base_url
from gateway.telemetry.log import Log
from gateway.upstream.code_flow import CodeFlow, Places, Registration
from gateway.upstream.dial import Dialer
from gateway.upstream.issuers import reader
from gateway.upstream.jwks import Jwks
from gateway.upstream.probe import client_on
from gateway.upstream.transport import Transport

Service = Callable[[], Awaitable[None]]


def sign_in_of(config: Config, log: Log) -> tuple[SignIn | None, tuple[Service, ...]]:
    """Return who signs people in, and the services that this needs; None and none where nobody."""
    options = config.admin.sign_in
    if options is None:
        return None, ()
    transport = Transport(Dialer(config.upstream.upstream_ca).connect)
    client = client_on(transport)
    issuer = issuer_of(options, config)
    keys = Jwks(issuer.name, issuer.jwks_url, reader(), log)
    places = Places(options.authorize_url, options.token_url)
    known = Registration(options.issuer, options.client_id, options.client_secret, places)
    sign_in = SignIn(
        name=options.name or host_of(options.issuer),
        scope=" ".join(dict.fromkeys(("openid", *options.scopes))),
        reception=Reception(
            issuer, _groups(options.admins), _groups(options.viewers), Members(config.teams)
        ),
        flow=CodeFlow(known, client),
        keys=keys,
        today=_unix_time,
        log=log,
    )
    return sign_in, (transport.serve, partial(keys.serve, client))


def issuer_of(options: SignInOptions, config: Config) -> Issuer:
    """Return the issuer as its tokens are judged here: they are for the gateway's own name."""
    known = {each.name: each for each in issuers_of(config.auth)}
    issuer = known.get(options.issuer) or Issuer(options.issuer, ())
    jwks_url = options.jwks_url or issuer.jwks_url
    return replace(issuer, audience=(options.client_id,), jwks_url=jwks_url)


def host_of(issuer: str) -> str:
    """Return how an issuer is called where nothing else is said."""
    try:
        return parse_base_url(issuer)[0].host
    except ValueError:
        return issuer


def _groups(said: tuple[str, ...]) -> frozenset[str]:
    return frozenset(each.removeprefix(OIDC) for each in said)


def _unix_time() -> float:
    return time.time_ns() / 1e9
