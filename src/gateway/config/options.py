"""What the operator can set about models: it spans the rooms of providers and of policy."""

from typing import Annotated

import msgspec
from msgspec import Meta

from gateway.providers import TimeoutSettings


class DefaultOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What holds where neither a model nor its provider says otherwise."""

    timeouts: Annotated[TimeoutSettings, Meta(description="The clocks towards providers.")] = (
        TimeoutSettings()
    )


class ModelOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is to be said of one public name; most names need nothing."""

    targets: Annotated[
        list[str],
        Meta(
            description="The provider's model that this name stands for; one, or none where the"
            " name is itself a provider's."
        ),
    ] = []
    timeouts: Annotated[
        TimeoutSettings, Meta(description="Its own clocks; they precede those of its provider.")
    ] = TimeoutSettings()
