"""The way to an origin, step by step: its name, a connection, TLS with its certificate.

What it opens it closes at once; nothing is asked on it.
"""

import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import trio

from gateway.commands.diagnosis.verdict import Verdict, counted, fail, ok, skipped, warn
from gateway.policy.callers import is_loopback
from gateway.upstream.dial import open_socket
from gateway.upstream.failures import Exhausted, NameFailed, Refused
from gateway.words.target import Origin

STEP_TIMEOUT: Final = 1.5
"""Seconds for one step."""

DAY: Final = 86_400.0
ENDS_SOON_DAYS: Final = 14

NO_NAME: Final = "Is the name in `base_url` right? Try `getent hosts {}`; look at /etc/resolv.conf."
NOT_RUNNING: Final = "Is the server running, on this host and port?"
NO_WAY: Final = (
    "Is the way out open (firewall, security group, NAT)? Try `curl -v {}`; the gateway itself uses"
    " no proxy of the environment."
)
UNTRUSTED: Final = (
    "Where a private authority has signed it, name its certificate in [server] upstream_ca; where"
    " the name is wrong, or the date and this machine's clock is right, that is for whoever runs"
    " the server."
)
BROKEN_TLS: Final = "Does this port speak TLS? Else write http:// in its address."

Trust = Callable[[], ssl.SSLContext]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How far one came on the way to an origin."""

    verdicts: tuple[Verdict, ...]
    arrived: bool


class _Stuck(Exception):
    """A step that failed, as its verdict says."""

    def __init__(self, verdict: Verdict) -> None:
        super().__init__(verdict.check)
        self.verdict = verdict


async def reach(origin: Origin, trust: Trust, today: Callable[[], float]) -> Outcome:
    """Go there; return a verdict for each step that there is. `today` is Unix time."""
    found: list[Verdict] = []
    steps = [each for each in ("dns", "tcp", "tls") if _is_needed(each, origin)]
    try:
        if "dns" in steps:
            found.append(await _find(origin))
        sock = await _connect(origin)
        try:
            found.append(ok("tcp", f"{origin.host}:{origin.port} takes connections"))
            if "tls" in steps:
                found.append(await _secure(sock, origin, trust, today))
        finally:
            sock.close()
    except _Stuck as stuck:
        found.append(stuck.verdict)
        found += [skipped(each, "not reached") for each in steps[len(found) :]]
        return Outcome(tuple(found), arrived=False)
    return Outcome(tuple(found), arrived=True)


def _is_needed(step: str, origin: Origin) -> bool:
    match step:
        case "dns":
            return not _is_address(origin.host)
        case "tls":
            return origin.scheme == "https"
        case _:
            return True


def _is_address(host: str) -> bool:
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            socket.inet_pton(family, host)
        except OSError:
            continue
        return True
    return False


async def _find(origin: Origin) -> Verdict:
    remedy = NO_NAME.format(origin.host)
    try:
        with trio.fail_after(STEP_TIMEOUT):
            found = await trio.socket.getaddrinfo(origin.host, origin.port, type=socket.SOCK_STREAM)
    except trio.TooSlowError:
        seen = f"no answer about {origin.host} within {STEP_TIMEOUT:g} seconds"
        raise _Stuck(fail("dns", seen, remedy)) from None
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no name of a host"
        raise _Stuck(fail("dns", f"{origin.host}: {reason}", remedy)) from None
    addresses = "1 address" if len(found) == 1 else f"{len(found)} addresses"
    return ok("dns", f"{origin.host} has {addresses}")


async def _connect(origin: Origin) -> trio.socket.SocketType:
    where = f"{origin.host}:{origin.port}"
    local = is_loopback(origin.host)
    try:
        with trio.fail_after(STEP_TIMEOUT):
            return trio.socket.from_stdlib_socket(await open_socket(origin))
    except trio.TooSlowError:
        seen = f"no connection to {where} within {STEP_TIMEOUT:g} seconds"
        raise _Stuck(fail("tcp", seen, NO_WAY.format(origin))) from None
    except NameFailed as error:
        raise _Stuck(fail("tcp", str(error), NO_NAME.format(origin.host))) from None
    except (Refused, Exhausted) as error:
        remedy = NOT_RUNNING if local else f"{NOT_RUNNING} {NO_WAY.format(origin)}"
        raise _Stuck(fail("tcp", f"{where}: {error}", remedy)) from None


async def _secure(
    sock: trio.socket.SocketType, origin: Origin, trust: Trust, today: Callable[[], float]
) -> Verdict:
    try:
        stream = trio.SSLStream(
            trio.SocketStream(sock), trust(), server_hostname=origin.host, https_compatible=True
        )
        with trio.fail_after(STEP_TIMEOUT):
            await stream.do_handshake()
    except trio.TooSlowError:
        seen = f"the TLS handshake did not end within {STEP_TIMEOUT:g} seconds"
        raise _Stuck(fail("tls", seen, BROKEN_TLS)) from None
    except (trio.BrokenResourceError, OSError, ValueError) as error:
        raise _Stuck(_untrusted(error)) from None
    certificate = stream.getpeercert() or {}
    return judge_certificate(str(stream.version()), certificate.get("notAfter"), today())


def _untrusted(error: Exception) -> Verdict:
    cause = error.__cause__ if isinstance(error.__cause__, ssl.SSLError) else error
    if isinstance(cause, ssl.SSLCertVerificationError):
        return fail("tls", f"its certificate is refused: {cause.verify_message}", UNTRUSTED)
    if isinstance(cause, ssl.SSLError):
        said = (cause.reason or str(cause)).lower().replace("_", " ")
        return fail("tls", f"the TLS handshake failed: {said}", BROKEN_TLS)
    return fail("tls", "the TLS handshake broke off", BROKEN_TLS)


def judge_certificate(protocol: str, ends: object, now: float) -> Verdict:
    """Judge a certificate that is trusted by when it ends; `ends` is as `ssl` tells it."""
    try:
        left = ssl.cert_time_to_seconds(str(ends)) - now
    except ValueError:
        return ok("tls", f"{protocol}, its certificate is trusted")
    days = int(left // DAY)
    seen = f"{protocol}, its certificate is trusted and ends in {counted(days, 'day')}"
    if days < ENDS_SOON_DAYS:
        remedy = "Whoever runs the server should renew it, or calls will fail from then on."
        return warn("tls", seen, remedy)
    return ok("tls", seen)
