"""What providers on Google's Vertex AI have in common: a project, a location, who asks. No kind.

https://cloud.google.com/vertex-ai/docs/general/locations
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Annotated, ClassVar, Final

from msgspec import Meta

from gateway.providers import Settings
from gateway.words.client import Header
from gateway.words.grants import GoogleGrant, Grant
from gateway.words.secret import Secret
from gateway.words.target import Origin, Target

DIALECT: Final = "vertex"

_PROJECT: Final = re.compile(r"(?:[a-z0-9.-]{1,100}:)?[a-z0-9-]{1,63}")
_LOCATION: Final = re.compile(r"[a-z]{2,20}(?:-[a-z]{2,20}[0-9]{1,2})?")
_MULTI: Final = frozenset({"eu", "us"})


class CloudSettings(Settings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What every provider on Vertex AI can be told."""

    PLACE: ClassVar[str]
    """What stands in the path behind the location."""

    project: Annotated[str, Meta(description="The project of Google's that pays for the calls.")]
    location: Annotated[
        str, Meta(description="Where the models are asked: `global`, `eu`, `us`, `europe-west1` …")
    ] = "global"
    base_url: Annotated[
        str,
        Meta(
            description="Another address than the location's own; the path of the API up to its"
            " version belongs to it."
        ),
    ] = ""
    credentials_file: Annotated[
        str,
        Meta(
            description="A file of JSON that tells a service account; empty is what"
            " `GOOGLE_APPLICATION_CREDENTIALS` names, else what `gcloud` keeps."
        ),
    ] = ""
    metadata: Annotated[
        bool, Meta(description="Asks the machine for its own service account, and reads no file.")
    ] = False

    def fitted(self, target: Target) -> Target:
        """Return a target with its address: the project and the location are in its path."""
        origin, path = target.origin, target.path
        if not self.base_url:
            origin, path = Origin("https", _host_of(self.location), 443), "/v1"
        path += f"/projects/{self.project}/locations/{self.location}{self.PLACE}"
        return replace(target, origin=origin, path=path, dialect=DIALECT)

    def grant(self) -> Grant | None:
        """Return who asks Google, where no token is shown."""
        if self.api_key or self.api_keys:
            return None
        return GoogleGrant(self.credentials_file, self.metadata)

    def mistakes(self) -> Iterator[tuple[str, str]]:
        """Yield what cannot be."""
        if _PROJECT.fullmatch(self.project) is None:
            yield "project", "is no id of a project"
        if _LOCATION.fullmatch(self.location) is None:
            yield "location", "is no location, such as global or europe-west1"
        if self.models == "*":
            yield "models", "Vertex AI lists no models at this address: name those"
        if self.credentials_file and self.metadata:
            yield "metadata", "stands beside credentials_file: one of the two is enough"


def credentials(key: Secret | None) -> tuple[Header, ...]:
    """Return a token as it is shown; nothing where it is fetched."""
    return () if key is None else ((b"authorization", b"Bearer " + key.reveal().encode()),)


def _host_of(location: str) -> str:
    """Return where a location is asked; those of several regions have hosts of another kind."""
    if location == "global":
        return "aiplatform.googleapis.com"
    if location in _MULTI:
        return f"aiplatform.{location}.rep.googleapis.com"
    return f"{location}-aiplatform.googleapis.com"
