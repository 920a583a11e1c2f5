"""The forms by name, each module checked against the contract of the half that it has."""

from collections.abc import Mapping
from typing import Final

from gateway.forms import DownstreamForm, UpstreamForm, chat, messages

UPSTREAM_FORMS: Final[Mapping[str, UpstreamForm]] = {"chat": chat, "messages": messages}
"""What providers speak."""

DOWNSTREAM_FORMS: Final[Mapping[str, DownstreamForm]] = {"chat": chat}
"""What clients speak."""
