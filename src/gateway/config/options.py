"""What the operator can set about models: it spans the rooms of providers and of policy."""

from typing import Annotated

import msgspec
from msgspec import Meta

from gateway.config.limits import LimitOptions
from gateway.policy.offers import Strategy
from gateway.providers import ConductSettings

Order = Annotated[
    list[str] | None,
    Meta(
        description="Names of providers: where a name has several homes, those of these come"
        " first; then the others, as they stand in the file."
    ),
]

Choice = Annotated[
    Strategy | None,
    Meta(
        description="Which of several homes is asked first: `order`, the first in order; `spread`,"
        " the one with the fewest open calls; `fastest`, the one that lately began soonest."
    ),
]

Affinity = Annotated[
    bool | None,
    Meta(
        description="One conversation stays with one home and key, so that what the provider has"
        " kept of its prompt is of use."
    ),
]


Dollars = Annotated[float, Meta(ge=0.0, le=1_000_000.0)]
"""US dollars. Whoever pays a million for something does not pay it through a gateway."""


class PriceOptions(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True
):
    """US dollars for a million tokens."""

    input: Annotated[Dollars, Meta(description="For tokens that are read.")]
    output: Annotated[Dollars, Meta(description="For tokens that are written.")]
    cached_input: Annotated[
        Dollars | None,
        Meta(description="For tokens of the input that the provider had kept; else as `input`."),
    ] = None
    cache_write: Annotated[
        Dollars | None,
        Meta(description="For tokens of the input that it keeps from now on; else as `input`."),
    ] = None
    cache_write_1h: Annotated[
        Dollars | None,
        Meta(description="For those of them that it keeps for an hour; else as `cache_write`."),
    ] = None
    reasoning: Annotated[
        Dollars | None,
        Meta(description="For tokens of the output that nobody is shown; else as `output`."),
    ] = None
    audio_input: Annotated[
        Dollars | None, Meta(description="For audio that is read; else as `input`.")
    ] = None
    cached_audio: Annotated[
        Dollars | None, Meta(description="For audio that it had kept; else as `audio_input`.")
    ] = None
    audio_output: Annotated[
        Dollars | None, Meta(description="For audio that is written; else as `output`.")
    ] = None
    image_input: Annotated[
        Dollars | None, Meta(description="For images that are read; else as `input`.")
    ] = None
    cached_image: Annotated[
        Dollars | None, Meta(description="For images that it had kept; else as `image_input`.")
    ] = None
    image_output: Annotated[
        Dollars | None, Meta(description="For images that are written; else as `output`.")
    ] = None
    per_request: Annotated[
        Dollars, Meta(description="For each call besides; US dollars, not for a million.")
    ] = 0.0


GuardNames = Annotated[
    list[str],
    Meta(description="Names of `[guards]` that look at these calls, beside those set elsewhere."),
]


class DefaultOptions(ConductSettings, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What holds where neither a model nor its provider says otherwise."""

    order: Order = None
    strategy: Choice = None
    affinity: Affinity = None
    guards: GuardNames = msgspec.field(default_factory=list)


class ModelOptions(ConductSettings, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is to be said of one public name; most names need nothing."""

    targets: Annotated[
        list[str],
        Meta(
            description="The providers' models that this name stands for, the first first; none"
            " where the name is itself a provider's."
        ),
    ] = msgspec.field(default_factory=list)
    order: Order = None
    strategy: Choice = None
    affinity: Affinity = None
    prefill: Annotated[
        bool,
        Meta(
            description="The model goes on from the beginning of an answer that it is shown, so"
            " that an answer which broke off can be resumed."
        ),
    ] = False
    prices: Annotated[
        PriceOptions | None,
        Meta(
            description="What the provider's model costs, in US dollars for a million tokens, with"
            " `per_request` for each call; instead of the table that comes with the gateway."
        ),
    ] = None
    limits: Annotated[
        LimitOptions, Meta(description="How much all callers together may ask for by this name.")
    ] = LimitOptions()
    guards: GuardNames = msgspec.field(default_factory=list)
