"""Takes what a client says in Ollama's own words of how a server is to run a model. Pure.

A server runs one model for all its callers. What steers the words of an answer passes; what sets
the machine (how large a context, on which cards, how long a model stays in memory) is the
operator's to say: a client could take the memory from all others with it, or have the model loaded
anew for each call. What is not known here may be either, and does not pass.

https://docs.ollama.com/modelfile#valid-parameters-and-values
"""

from typing import Final

from msgspec import Raw

from gateway.forms.asked import Asked, is_any, is_object

OPTIONS: Final = "options"
KEEP_ALIVE: Final = "keep_alive"

STEERING: Final = frozenset(
    {
        *("temperature", "top_k", "top_p", "min_p", "typical_p", "tfs_z", "seed", "stop"),
        *("repeat_penalty", "presence_penalty", "frequency_penalty", "penalize_newline"),
        *("mirostat", "mirostat_tau", "mirostat_eta", "num_predict", "num_keep"),
    }
)
"""Options that are about the words of one answer and nothing else."""

_MOST = 100
"""Characters of an option's name that are told."""


def options_in(asked: Asked) -> dict[str, Raw]:
    """Take the options that steer words. Raises `BadRequest`; `Unsupported` for all others."""
    given = asked.take(OPTIONS, is_object) or {}
    steering = {name: value for name, value in given.items() if name in STEERING}
    for name in given:
        if name not in STEERING:
            said = name[:_MOST]
            asked.cannot(f"{OPTIONS}.{said}", f"{said!r} in 'options' is the operator's to set.")
    if asked.take(KEEP_ALIVE, is_any) is not None:
        asked.cannot(KEEP_ALIVE, f"{KEEP_ALIVE!r} is the operator's to set.")
    return steering
