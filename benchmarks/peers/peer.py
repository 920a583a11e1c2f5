"""What a peer is: where it comes from, how it is started, what must be said about it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

MODEL: Final = "m"
"""The one model that the provider of the benchmark has."""

PATH: Final = "/v1/chat/completions"

Say = Callable[[str], None]
"""Tells the person who waits what goes on."""


@dataclass(frozen=True, slots=True)
class Installed:
    """What an installation put on the disk."""

    megabytes: float
    packages: int


@dataclass(frozen=True, slots=True)
class Ready:
    """A peer that can be started; `folder` holds what was installed."""

    version: str
    folder: Path
    installed: Installed | None = None


@dataclass(frozen=True, slots=True)
class Missing:
    """A peer that cannot be measured here, and why, in a clause without a path."""

    reason: str


@dataclass(frozen=True, slots=True)
class Place:
    """Where a peer is to listen, whom it is to ask, and a folder for its files and its log."""

    port: int
    upstream_port: int
    folder: Path

    @property
    def upstream(self) -> str:
        """The provider's base URL, as OpenAI's clients want it."""
        return f"http://127.0.0.1:{self.upstream_port}/v1"


@dataclass(frozen=True, slots=True)
class Command:
    """What starts a peer; its environment holds these variables, PATH and HOME, and no more."""

    arguments: tuple[str, ...]
    environ: Mapping[str, str] = field(default_factory=dict)


def no_headers(_: Place) -> dict[str, str]:
    return {}


def nothing_to_prepare(_: Path, __: Say) -> Ready | Missing:
    return Ready("", Path())


@dataclass(frozen=True, slots=True)
class Peer:
    """One way from a client to the provider.

    `prepare` installs it below a cache folder; `command` writes its configuration and says how it
    is started, and is None where there is nothing between client and provider. `settings` is for
    the report: what was set, and what is worth knowing about it. One that is there `only` for some
    scenarios takes part in no other, and one may `never` take part in some.
    """

    name: str
    title: str
    settings: str
    prepare: Callable[[Path, Say], Ready | Missing] = nothing_to_prepare
    command: Callable[[Ready, Place], Command] | None = None
    headers: Callable[[Place], dict[str, str]] = no_headers
    cores: int = 1
    only: frozenset[str] = frozenset()
    never: frozenset[str] = frozenset()
