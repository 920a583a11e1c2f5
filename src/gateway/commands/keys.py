"""`gateway keys`: makes, shows, rotates and revokes the keys that callers hold."""

import json
import re
import secrets
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, Unpack

import click

from gateway.commands.key_draft import Wanted, budgets, draft, expiry, pairs, this_second
from gateway.commands.key_place import Place
from gateway.commands.key_views import View, lines_of, object_of, print_table, view_of
from gateway.commands.reading import config_option
from gateway.config.mistakes import quoted
from gateway.policy.keys import (
    LONGEST_BYTES,
    SECRET_BYTES,
    KeyRecord,
    digest_of,
    hint_of,
    new_secret,
    presented,
    sealed,
)
from gateway.store.keys import Kept, NameTaken

MOST: Final = 1_000_000_000_000
"""What a limit may be at most, as in the file."""

EASILY_GUESSED: Final = 20
"""Characters: a shorter key can be found by trying all."""

SHOWN_ONCE: Final = "It is shown this once: the gateway keeps its digest alone."
SOON: Final = "Gateways that run with this database know it within a second."

json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON object, for programs."
)


budget_option = click.option(
    "--budget",
    "budgets",
    callback=budgets,
    metavar="USD/PER[:MODELS]",
    multiple=True,
    help="What it may spend within an hour, day, week, month or year, for all models or for some,"
    " with commas between them; or a table as in the file. Again for more.",
)


passthrough_option = click.option(
    "--passthrough",
    metavar="PROVIDER",
    multiple=True,
    help="A provider whose own API it opens, all of it, under /passthrough. Again for more. None,"
    " if there is none.",
)


def digits(ctx: click.Context, param: click.Parameter, value: str | None) -> bytes | None:
    """Read the SHA-256 of a key, as other gateways keep it."""
    if value is None:
        return None
    if re.fullmatch(r"[0-9A-Fa-f]{64}", value) is None:
        raise click.BadParameter(f"{quoted(value)} is not 64 hexadecimal digits.", ctx, param)
    return bytes.fromhex(value)


def wanted_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options that say what a new key is to be."""
    most = click.IntRange(1, MOST)
    options = (
        click.option("--team", metavar="T", help="One of [teams]; what holds for it holds too."),
        click.option("--user", metavar="U", help="Whose key it is, for the ledger."),
        click.option(
            "--model",
            "models",
            multiple=True,
            metavar="PATTERN",
            help="What it may ask for: a name, a pattern with *, a @group. Again for more. All, if"
            " there is none.",
        ),
        click.option("--requests-per-minute", type=most, metavar="N", help="Calls in a minute."),
        click.option("--tokens-per-minute", type=most, metavar="N", help="Tokens in a minute."),
        click.option("--concurrency", type=most, metavar="N", help="Calls that are open at once."),
        budget_option,
        click.option(
            "--expires",
            callback=expiry,
            metavar="DATE|30d",
            help="When it ends: a date (its beginning in UTC), or days from now.",
        ),
        click.option(
            "--metadata",
            callback=pairs,
            metavar="K=V",
            multiple=True,
            help="What else is to be known of it. Again for more.",
        ),
        passthrough_option,
    )
    for option in reversed(options):
        function = option(function)
    return function


@click.group("keys")
def command() -> None:
    """Make, show and revoke the keys that callers hold.

    They are kept in the database that [store] names, as digests. Keys under version control stand
    in the file, under [[keys]]; `hash` makes what is written there. What is changed here holds in
    every gateway with this database within a second. Run it as the user that the gateway runs as.

    \b
    Examples:
      gateway keys create ci --team research --expires 90d
      gateway keys list
      gateway keys revoke ci
    """  # noqa: D301 (click's mark for lines that stay as they are)


@command.command("create")
@click.argument("name")
@wanted_options
@config_option
def create(name: str, path: Path | None, **wanted: Unpack[Wanted]) -> None:
    """Make a key, and print its secret: this once, and alone on stdout.

    All else is told on stderr. A name means one key for ever, also once it is revoked. In a budget
    a @group stands for what is in it now.

    \b
    Examples:
      gateway keys create ci --model gpt-5.2-mini --requests-per-minute 60 --expires 90d
      gateway keys create eva --budget 5/day --budget '100/month:claude-opus-*,gpt-5.2'
      gateway keys create max --budget '{ usd = 5, per = "day", alert = [0.8], then = "echo" }'
      (umask 077; gateway keys create ada --team research --metadata ticket=17 > ada.key)
    """  # noqa: D301 (click's mark for lines that stay as they are)
    place = Place(path)
    pepper = place.pepper
    record, warnings = draft(name, wanted, place.config)
    secret = new_secret(secrets.token_bytes(SECRET_BYTES))
    digest, hint = digest_of(secret.encode(), pepper), hint_of(secret)
    with place.opened() as store:
        try:
            store.create(replace(record, digest=digest, hint=hint))
        except NameTaken:
            raise click.ClickException(_taken(name, store.get(name))) from None
    for warning in warnings:
        click.echo(f"warning: {warning}", err=True)
    hand_over(secret, name)
    click.echo(f"The key {quoted(name)} is made. {SHOWN_ONCE} {SOON}", err=True)


@command.command("list")
@config_option
@json_option
def list_keys(path: Path | None, *, as_json: bool) -> None:
    """Show all keys, those of the file too, with what they are good for; never a secret.

    \b
    Examples:
      gateway keys list
      gateway keys list --json | jq -r '.keys[] | select(.expires) | [.name, .expires] | @tsv'
    """  # noqa: D301 (click's mark for lines that stay as they are)
    place = Place(path)
    kept = place.read()
    views = _views(place, kept)
    if as_json:
        found = {"keys": [object_of(view) for view in views], "damaged": kept.damaged}
        click.echo(json.dumps(found, indent=2))
    elif views:
        print_table(views)
    else:
        click.echo("There are no keys yet: `gateway keys create NAME` makes one.")
    for warning in place.doubles(kept):
        click.echo(f"warning: {warning}", err=True)
    for name in kept.damaged:
        said = f"warning: the key {quoted(name)} is damaged in the database, and opens nothing"
        click.echo(said, err=True)


@command.command("show")
@click.argument("name")
@config_option
@json_option
def show(name: str, path: Path | None, *, as_json: bool) -> None:
    """Show all that is known of one key; never its secret.

    \b
    Example:
      gateway keys show ci
    """  # noqa: D301 (click's mark for lines that stay as they are)
    place = Place(path)
    kept = place.read()
    for view in _views(place, kept):
        if view.record.name == name:
            text = json.dumps(object_of(view), indent=2) if as_json else "\n".join(lines_of(view))
            click.echo(text)
            return
    raise place.unknown(name, kept)


@command.command("revoke")
@click.argument("name")
@config_option
def revoke(name: str, path: Path | None) -> None:
    """Have a key open nothing any more, for ever. Calls that are open go on to their end.

    \b
    Example:
      gateway keys revoke ci
    """  # noqa: D301 (click's mark for lines that stay as they are)
    place = Place(path)
    place.check_kept(name)
    with place.opened() as store:
        revoked = store.revoke(name, this_second())
    done = "is revoked" if revoked else "was revoked already"
    click.echo(f"The key {quoted(name)} {done}. {SOON}")


@command.command("rotate")
@click.argument("name")
@config_option
def rotate(name: str, path: Path | None) -> None:
    """Give a key another secret, and print it: this once, and alone on stdout.

    The old secret stops at once. All else about the key stays.

    \b
    Example:
      (umask 077; gateway keys rotate ci > ci.key)
    """  # noqa: D301 (click's mark for lines that stay as they are)
    place = Place(path)
    place.check_kept(name)
    pepper = place.pepper
    secret = new_secret(secrets.token_bytes(SECRET_BYTES))
    with place.opened() as store:
        record = store.get(name)
        if record is None or not record.holds(this_second()):
            raise click.ClickException(
                f"The key {quoted(name)} {_why_shut(record)}: another secret would open nothing."
                " `gateway keys create` makes a key with another name."
            )
        store.rotate(name, digest_of(secret.encode(), pepper), hint_of(secret))
    hand_over(secret, name)
    click.echo(f"The key {quoted(name)} has another secret. {SHOWN_ONCE} {SOON}", err=True)


@command.command("hash")
@click.option(
    "--digest",
    "hashed",
    callback=digits,
    metavar="SHA256HEX",
    help="Take over a key of another gateway, of which only the SHA-256 is known.",
)
@config_option
def hash_key(hashed: bytes | None, path: Path | None) -> None:
    """Print what stands for a key in the file, as `hash` under [[keys]].

    The key itself is read from stdin, or asked for on a terminal and not shown there. The pepper is
    the configuration's, and the hash holds with this pepper alone.

    \b
    Examples:
      gateway keys hash < ci.key
      gateway keys hash --digest 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
    """  # noqa: D301 (click's mark for lines that stay as they are)
    pepper = Place(path).pepper
    click.echo(digest_of(_typed(), pepper) if hashed is None else sealed(hashed, pepper))


def hand_over(secret: str, name: str) -> None:
    """Write a secret to stdout, where nothing else is written."""
    try:
        click.echo(secret)
    except OSError as error:
        raise click.ClickException(
            f"The secret of {quoted(name)} could not be written ({error.strerror}), and nobody has"
            f" it now. `gateway keys rotate {name}` makes another."
        ) from None


def _typed() -> bytes:
    """Return the key that somebody types or pipes. It is no argument: all users see those."""
    if sys.stdin.isatty():
        shown = str(click.prompt("Key", hide_input=True, err=True)).encode()
    else:
        shown = sys.stdin.buffer.read(4 * LONGEST_BYTES)
    secret = shown.strip()
    if not secret or presented({b"x-api-key": secret}) != secret:
        raise click.ClickException(
            f"That is no key: a key is up to {LONGEST_BYTES} characters of ASCII without a space."
        )
    if len(secret) < EASILY_GUESSED:
        click.echo("warning: a key as short as this one can be guessed", err=True)
    return secret


def _views(place: Place, kept: Kept) -> list[View]:
    """Return the keys of the file, then those of the database."""
    teams, now = place.config.teams, this_second()
    return [
        *(view_of(record, place.file, teams, now) for record in place.config.keys),
        *(view_of(record, "database", teams, now) for record in kept.records),
    ]


def _taken(name: str, record: KeyRecord | None) -> str:
    what = "" if record is None or record.revoked is None else ", revoked: no name is used again"
    return f"There is a key {quoted(name)} already{what}."


def _why_shut(record: KeyRecord | None) -> str:
    if record is None:
        return "is damaged in the database"
    return "has expired" if record.revoked is None else "is revoked"
