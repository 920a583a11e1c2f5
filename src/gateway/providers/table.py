"""The kinds of providers by name, each module checked against the contract."""

from collections.abc import Mapping
from typing import Final

from gateway.providers import Provider, echo, openai

TABLE: Final[Mapping[str, Provider]] = {"openai": openai, "echo": echo}
