"""All that the site is about, as a list that one can read; and who guards it."""

import trio

from gateway import __version__
from gateway.admin.audit import Audit
from gateway.admin.desk import Desk
from gateway.admin.entry.attempts import Attempts
from gateway.admin.entry.door import Door
from gateway.admin.entry.entrance import Entrance
from gateway.admin.entry.guard import Guard
from gateway.admin.entry.oidc import Oidc
from gateway.admin.entry.sessions import Sessions
from gateway.admin.entry.tickets import Tickets
from gateway.admin.entry.trips import Trips
from gateway.admin.figures.scrape import Scraping
from gateway.admin.health.page import Health
from gateway.admin.health.reload import Reload
from gateway.admin.keys.desk import KeyDesk
from gateway.admin.keys.locksmith import Locksmith
from gateway.admin.keys.mine import Mine
from gateway.admin.keys.page import Keys
from gateway.admin.keys.spending import Spending
from gateway.admin.ledger.calls import Calls
from gateway.admin.ledger.records import Records
from gateway.admin.ledger.spend import Spend
from gateway.admin.live.page import Live
from gateway.admin.models.page import Models
from gateway.admin.office import Office
from gateway.admin.openapi import OpenApi
from gateway.admin.opening import Admin
from gateway.admin.playground.page import Playground
from gateway.admin.renewing import Renewing
from gateway.admin.site import Site, Subject
from gateway.admin.workers import Workers
from gateway.policy.callers import is_loopback
from gateway.store.archive import Archive
from gateway.telemetry.log import Log


def site_of(admin: Admin, workers: Workers, office: Office, log: Log, renewing: Renewing) -> Site:
    """Put the site together that an admin shows; to be called once Trio runs."""
    options = admin.options
    is_public = options.key is not None or not is_loopback(options.host.lower())
    door = Door(admin.credentials(), loopback_only=not is_public, url=options.url, made=admin.token)
    sessions = Sessions(admin.session_key, secure=options.url.startswith("https:"))
    guard = Guard(door, sessions, Attempts(), office.trusted_proxies)
    audit = Audit(log, office.archive, whence=guard.address)
    desk = Desk(workers.ask)
    records = Records(office.archive)
    tickets = Tickets(admin.ticket, admin.used, trio.current_time)
    sign_in = office.sign_in
    subjects: list[Subject] = [
        Entrance(door, tickets, guard, audit, "" if sign_in is None else sign_in.name),
        Scraping(desk, range(1, admin.workers + 1), __version__),
        Live(desk, range(1, admin.workers + 1), audit),
        Calls(records),
        Spend(records, desk),
        audit,
    ]
    if office.catalogue is not None:
        subjects.append(Models(desk, office.catalogue))
    if office.settings is not None:
        numbers = range(1, admin.workers + 1)
        subjects += [
            Health(desk, office.settings, log, audit, numbers),
            Reload(desk, office.settings, audit, renewing, numbers),
        ]
    if sign_in is not None:
        trips = Trips(admin.session_key)
        subjects.append(Oidc(sign_in, trips, guard, audit, options.url or admin.url))
    if office.keys is not None:
        subjects += _of_keys(office.keys, office.archive, audit)
    if office.playground is not None:
        subjects.append(Playground(office.playground, ledger=office.archive is not None))
    subjects.append(OpenApi(subjects, __version__, sessions.name))
    return Site(subjects, guard, __version__)


def _of_keys(desk: KeyDesk, archive: Archive | None, audit: Audit) -> list[Subject]:
    locksmith, spending = Locksmith(desk, archive, audit), Spending(archive)
    return [Keys(desk, locksmith, spending), Mine(desk, locksmith, spending, archive)]
