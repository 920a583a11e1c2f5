"""What can be set of limits: of a key, of a team, of a model."""

from typing import Annotated

import msgspec
from msgspec import Meta

from gateway.words.caller import Limits

Number = Annotated[int, Meta(ge=1, le=1_000_000_000_000)]


class LimitOptions(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True
):
    """How much may be asked. What is not set is without a limit."""

    requests_per_minute: Annotated[Number | None, Meta(description="Calls within a minute.")] = None
    tokens_per_minute: Annotated[
        Number | None, Meta(description="Tokens within a minute, of prompts and of answers.")
    ] = None
    concurrency: Annotated[Number | None, Meta(description="Calls that are open at one time.")] = (
        None
    )


def limits_of(options: LimitOptions) -> Limits:
    """Return limits in the words of a caller."""
    return Limits(**msgspec.structs.asdict(options))
