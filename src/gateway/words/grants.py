"""Where credentials come from that end after a while: what whoever fetches them must know."""

from dataclasses import dataclass

from gateway.words.secret import Secret


@dataclass(frozen=True, slots=True)
class GoogleGrant:
    """A service account or a user of Google's, told in a file of JSON.

    An empty `file` is the one that `GOOGLE_APPLICATION_CREDENTIALS` names, else the one that
    `gcloud` keeps. With `metadata` no file is read: the machine's own account is asked for.
    """

    file: str = ""
    metadata: bool = False


@dataclass(frozen=True, slots=True)
class EntraGrant:
    """An application that Microsoft's directory knows. `authority` is the address of that."""

    tenant: str
    client_id: str
    client_secret: Secret
    authority: str = "https://login.microsoftonline.com"
    scope: str = "https://cognitiveservices.azure.com/.default"


@dataclass(frozen=True, slots=True)
class AwsGrant:
    """Keys of AWS's: a pair that is told here, else what its usual chain finds.

    `profile` is one of its files'; empty is the usual one.
    """

    profile: str = ""
    access_key_id: str = ""
    secret: Secret | None = None
    token: Secret | None = None


Grant = GoogleGrant | EntraGrant | AwsGrant
