"""LiteLLM's proxy, from PyPI."""

from pathlib import Path
from typing import Final

from benchmarks.peers.install import environment
from benchmarks.peers.peer import MODEL, Command, Missing, Peer, Place, Ready, Say

# 1.82.7 and 1.82.8 must never be installed, whatever becomes of the floor.
WANTED: Final = "litellm[proxy]>=1.84,!=1.82.7,!=1.82.8"

CONFIG: Final = """\
model_list:
  - model_name: {model}
    litellm_params:
      model: openai/{model}
      api_base: {upstream}
      api_key: none
litellm_settings:
  telemetry: false
general_settings:
  dangerously_permit_weak_or_unset_master_key: true
"""

OFFLINE: Final = {
    "LITELLM_LOCAL_ANTHROPIC_BETA_HEADERS": "True",
    "LITELLM_LOCAL_AUTOROUTER_PRESETS": "True",
    "LITELLM_LOCAL_BLOG_POSTS": "True",
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    "LITELLM_LOCAL_POLICY_TEMPLATES": "True",
}
"""It takes what it ships, and fetches nothing."""


def prepare(cache: Path, say: Say) -> Ready | Missing:
    return environment(cache / "litellm", "litellm", [WANTED], say)


def command(ready: Ready, place: Place) -> Command:
    path = place.folder / "config.yaml"
    path.write_text(CONFIG.format(model=MODEL, upstream=place.upstream))
    where = ("--host", "127.0.0.1", "--port", str(place.port), "--num_workers", "1")
    program = str(ready.folder / "bin/litellm")
    environ = {**OFFLINE, "LITELLM_MODE": "PRODUCTION"}
    return Command((program, "--config", str(path), *where), environ)


PEER: Final = Peer(
    name="litellm",
    title="LiteLLM",
    settings=(
        "`litellm --num_workers 1` with one model and no master key, so that it checks none, no"
        " database, `LITELLM_MODE=PRODUCTION`, and no fetching of price lists at start. uvicorn"
        " writes its access log to a file."
    ),
    prepare=prepare,
    command=command,
)
