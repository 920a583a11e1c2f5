"""What AWS knows a caller by. Beside the signing itself, so that nobody needs the extra for it."""

from dataclasses import dataclass

from gateway.words.secret import Secret


@dataclass(frozen=True, slots=True)
class AwsKeys:
    """A pair of keys; those that are lent for a time come with a token."""

    access_key_id: str
    secret: Secret
    token: Secret | None = None
