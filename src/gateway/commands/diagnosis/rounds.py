"""Puts the checks together that a configuration asks for, and has them made."""

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Final

import trio

from gateway.admin.workers import supervisors
from gateway.commands.asking import Asked
from gateway.commands.diagnosis import (
    configuration,
    database,
    extras,
    issuers,
    machine,
    outlets,
    packages,
    processes,
    shared_store,
)
from gateway.commands.diagnosis.clock import clock
from gateway.commands.diagnosis.examine import (
    MOST_THREADS,
    Ask,
    Check,
    Watch,
    examine,
    in_thread,
    told,
)
from gateway.commands.diagnosis.provider import Tools, look_at
from gateway.commands.diagnosis.proxy import judge_clocks
from gateway.commands.diagnosis.reach import reach
from gateway.commands.diagnosis.through import Proxy, Visitor
from gateway.commands.diagnosis.verdict import Examined, Verdict
from gateway.commands.diagnosis.witness import Witness
from gateway.config.compose import Config
from gateway.config.homes import homes_of, known_secrets
from gateway.furnish import database_of, lots
from gateway.policy.scrub import Scrubber
from gateway.store.sink_address import parse_sink
from gateway.upstream.dial import Dialer, tls_context
from gateway.upstream.dns import Resolver
from gateway.upstream.grants import Seams
from gateway.upstream.probe import client_on
from gateway.upstream.transport import Transport
from gateway.words.secret import Secret

PATIENCE: Final = 3.3
"""Seconds for any check."""

LOOKUPS: Final = 32
"""Names that are looked up at one time."""

LOOKUP_TIMEOUT: Final = 1.5


@dataclass(frozen=True, slots=True)
class Patient:
    """What is examined. `config` is None where `mistakes` tell that it cannot be read.

    `folders` hold control sockets, `asked` are the gateways behind `proxy`, where one is named.
    """

    config: Config | None
    mistakes: Sequence[Verdict]
    notes: tuple[str, ...]
    folders: Sequence[Path]
    proxy: Proxy | None = None
    asked: Asked | None = None


async def examined(patient: Patient, watch: Watch) -> list[Examined]:
    """Have all checks made at once; what is held against their findings comes last."""
    scrubber = Scrubber(_secrets(patient))
    resolver = Resolver(lookup_timeout=LOOKUP_TIMEOUT)
    resolver.install()
    try:
        async with trio.open_nursery() as services:
            for _ in range(LOOKUPS):
                await services.start(resolver.serve)
            found = await _made(patient, watch, scrubber)
            services.cancel_scope.cancel()
    finally:
        trio.socket.set_custom_hostname_resolver(None)
    return found


async def _made(patient: Patient, watch: Watch, scrubber: Scrubber) -> list[Examined]:
    config = patient.config or Config()
    transport = Transport(Dialer(config.upstream.upstream_ca).connect)
    witness = Witness(transport, _today)
    tools = _tools(config, witness, scrubber)
    checks = [*_here(patient, config), *_out_there(config, tools)]
    if patient.proxy is not None and patient.asked is not None:
        checks.append(_before(patient.proxy, patient.asked, config))
    found = await examine(checks, watch, scrubber.scrub)
    transport.pool.close_unused()
    if patient.config is not None:
        last = told("clock", [clock(witness.ahead)], scrubber.scrub)
        watch.found(last)
        found.append(last)
    return found


def _secrets(patient: Patient) -> Iterator[Secret]:
    if patient.config is not None:
        yield from known_secrets(patient.config)
    if patient.proxy is not None and patient.proxy.key is not None:
        yield patient.proxy.key


def _tools(config: Config, witness: Witness, scrubber: Scrubber) -> Tools:
    return Tools(
        client=client_on(witness),
        witness=witness,
        trust=cache(partial(tls_context, config.upstream.upstream_ca)),
        today=_today,
        grants=homes_of(config).grants,
        seams=Seams(_today, lots().random, scrubber.learn, configuration.folder_of(config)),
    )


def _today() -> float:
    return time.time_ns() / 1e9


def _now(verdicts: Sequence[Verdict]) -> Ask:
    """Return a check that has been made already."""

    async def ask() -> Sequence[Verdict]:
        return verdicts

    return ask


def _here(patient: Patient, config: Config) -> Iterator[Check]:
    """Yield what concerns this machine."""
    limiter = trio.CapacityLimiter(MOST_THREADS)

    def check(subject: str, look: Callable[[], Sequence[Verdict]]) -> Check:
        return Check(subject, in_thread(look, limiter), PATIENCE)

    if patient.config is None:
        yield Check("configuration", _now(patient.mistakes), PATIENCE)
    else:
        read = configuration.reading_of(config, patient.notes)
        yield Check("configuration", _now(read), PATIENCE)
        folder = configuration.folder_of(config)
        yield check("secrets", partial(configuration.secrets_of, config, folder))
    yield check("packages", partial(_packages, config))
    yield check("machine", partial(_machine, config, patient.folders))
    if (place := database_of(config)) is not None:
        yield check("database", partial(database.database, place, time.monotonic))
    if (said := config.log.receipts) is not None and (path := parse_sink(said.reveal()).path):
        yield check("receipts", partial(outlets.receipts_file, Path(path)))
    yield Check("gateways here", partial(processes.processes, patient.folders), PATIENCE)


def _packages(config: Config) -> Sequence[Verdict]:
    wanted = extras.extras_for(config, homes_of(config))
    return [
        packages.python(sys.version_info[:3]),
        *packages.packages(extras.told(), extras.installed, wanted),
    ]


def _machine(config: Config, folders: Sequence[Path]) -> Sequence[Verdict]:
    runs = any(supervisors(folder) for folder in folders)
    return [
        *machine.machine(config.listen, config.calls, machine.this_machine()),
        *machine.temporary_folder(),
        *machine.address(config.listen, runs=runs),
    ]


def _out_there(config: Config, tools: Tools) -> Iterator[Check]:
    """Yield what concerns others that the configuration names."""
    if config.store.shared is not None:
        ask = partial(shared_store.shared_store, config.store.shared, config.upstream.upstream_ca)
        yield Check("shared store", ask, PATIENCE)
    if config.log.receipts is not None:
        place = parse_sink(config.log.receipts.reveal())
        if place.origin is not None:
            yield Check("receipts", partial(outlets.receipts_server, place, tools), PATIENCE)
    if config.log.otlp_endpoint is not None:
        yield Check("traces", partial(outlets.collector, config.log, tools), PATIENCE)
    for name, url in issuers.issuers_in(config).items():
        ask = partial(issuers.keys_of_issuer, name, url, tools.client)
        yield Check(f"issuer {name}", ask, PATIENCE)
    for offer in homes_of(config).offers:
        yield Check(f"provider {offer.provider}", partial(look_at, offer, tools), PATIENCE)


def _before(proxy: Proxy, asked: Asked, config: Config) -> Check:
    """Return the check of what stands in front. It is trusted as a client of this machine does."""

    async def ask() -> Sequence[Verdict]:
        dialer, trust = Dialer(), cache(tls_context)
        outcome = await reach(proxy.origin, trust, _today)
        if not outcome.arrived:
            return outcome.verdicts
        transport = Transport(dialer.connect)
        try:
            found = await Visitor(proxy, client_on(transport), asked).visit()
        finally:
            transport.pool.close_unused()
        return [*outcome.verdicts, *found, judge_clocks(config.clocks)]

    return Check(f"proxy {proxy.origin}", ask, PATIENCE + proxy.silent)
