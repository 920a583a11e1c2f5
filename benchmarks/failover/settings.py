"""The gateway's configuration in the scorecard, and its clocks. Pure."""

from typing import Final

RETRIES: Final = 2
FIRST_TOKEN: Final = 10.0
IDLE: Final = 3.0

FAILURES: Final = 3
WINDOW: Final = 30.0
REST: Final = 3.0
"""How long a provider rests in the scenario of one that flaps; elsewhere as by default."""

MODEL: Final = "m"
FALLBACK: Final = "b"
CONTEXT_FALLBACK: Final = "long"

CONFIGURATION: Final = """\
[server]
host = "127.0.0.1"
port = 0

[admin]
port = 0

[defaults]
retries = {retries}
resume = "verified"
{cooldown}
[defaults.timeouts]
first_token = {first_token}
idle = {idle}

[providers.primary]
kind = "openai"
base_url = "http://127.0.0.1:{primary}/v1"
models = ["{model}"]

[providers.secondary]
kind = "openai"
base_url = "http://127.0.0.1:{secondary}/v1"
models = ["{fallback}", "{context_fallback}"]

[fallbacks]
"{model}" = "{fallback}"

[context_fallbacks]
"{model}" = "{context_fallback}"
"""

COOLDOWN: Final = f"cooldown = {{ failures = {FAILURES}, window = {WINDOW}, rest = {REST} }}\n"


def configuration(primary: int | str, secondary: int | str, *, rests: bool = False) -> str:
    """Return the file for a gateway between providers on these ports."""
    return CONFIGURATION.format(
        retries=RETRIES,
        cooldown=COOLDOWN if rests else "",
        first_token=FIRST_TOKEN,
        idle=IDLE,
        primary=primary,
        secondary=secondary,
        model=MODEL,
        fallback=FALLBACK,
        context_fallback=CONTEXT_FALLBACK,
    )
