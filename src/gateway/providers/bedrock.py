"""AWS Bedrock: models of many makers, asked by one API in a region of AWS's."""

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Annotated, Final

from msgspec import Meta

from gateway.providers import Settings
from gateway.words.client import Header
from gateway.words.grants import AwsGrant, Grant
from gateway.words.secret import Secret
from gateway.words.target import Origin, Target

FORM = "bedrock"

CLAUDE: Final = "anthropic."
"""Stands in the id of each model that also takes what Anthropic's own clients send."""

_REGION: Final = re.compile(r"[a-z]{2,4}(?:-[a-z]{2,16})+-[0-9]{1,2}")


class Options(Settings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """AWS Bedrock, its Converse API; Anthropic's models also by Anthropic's own."""

    region: Annotated[
        str, Meta(description="The region of AWS's that is asked, such as `eu-central-1`.")
    ]
    base_url: Annotated[
        str,
        Meta(
            description="Another address than the region's own,"
            " `https://bedrock-runtime.REGION.amazonaws.com`: an endpoint within a private network,"
            " say."
        ),
    ] = ""
    profile: Annotated[
        str, Meta(description="A profile of AWS's own files; empty is the usual one.")
    ] = ""
    access_key_id: Annotated[
        str, Meta(description="A pair of keys that is told here, in place of AWS's usual chain.")
    ] = ""
    secret_access_key: Annotated[Secret | None, Meta(description="The secret of that pair.")] = None
    session_token: Annotated[
        Secret | None, Meta(description="The token of a pair that is lent for a time.")
    ] = None

    def fitted(self, target: Target) -> Target:
        """Return a target with its address and what is signed."""
        if not self.base_url:
            host = f"bedrock-runtime.{self.region}.amazonaws.com"
            target = replace(target, origin=Origin("https", host, 443), path="")
        return replace(
            target, region=self.region, also=("messages",), also_of=CLAUDE, dialect="bedrock"
        )

    def grant(self) -> Grant | None:
        """Return where the keys are that requests are signed with, where no key is shown."""
        if self.api_key or self.api_keys:
            return None
        return AwsGrant(
            self.profile, self.access_key_id, self.secret_access_key, self.session_token
        )

    def mistakes(self) -> Iterator[tuple[str, str]]:
        """Yield what cannot be."""
        if _REGION.fullmatch(self.region) is None:
            yield "region", "is no region of AWS's, such as eu-central-1"
        if self.models == "*":
            yield "models", "Bedrock's runtime lists no models: name those"
        if bool(self.access_key_id) is not bool(self.secret_access_key):
            yield "access_key_id", "belongs together with secret_access_key"
        if self.session_token and not self.secret_access_key:
            yield "session_token", "is of a pair of keys, which is missing"
        if (self.api_key or self.api_keys) and (self.secret_access_key or self.profile):
            yield "api_key", "stands beside keys that sign: one of the two is enough"


def credentials(key: Secret | None) -> tuple[Header, ...]:
    """Return an API key of Bedrock's as it is shown; nothing where requests are signed."""
    return () if key is None else ((b"authorization", b"Bearer " + key.reveal().encode()),)
