"""What lies in `deploy/`, read so that its facts can be held against those of the code."""

import re
import tempfile
from pathlib import Path
from typing import Any, Final

import msgspec

from gateway.config.compose import Config
from gateway.config.load import load_config
from gateway.drain import longest_drain
from tests.house.source import ROOT

DEPLOY: Final = ROOT / "deploy"
CHART: Final = DEPLOY / "helm/nursery-gateway"

GRACE: Final = 5.0
"""Seconds that a supervisor waits beyond the longest drain before it kills a worker."""

SECRETS: Final = {
    "GATEWAY_ADMIN_KEY": "an-admins-key-for-the-tests-alone",
    "GATEWAY_DATABASE": "postgresql://gateway:word@postgres:5432/gateway",
    "GATEWAY_PEPPER": "a-pepper-for-the-tests-alone",
    "GATEWAY_SHARED": "redis://valkey:6379/0",
    "OPENAI_API_KEY": "sk-for-the-tests-alone",
}

UNITS: Final = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86_400}


def text(path: str) -> str:
    """Return a file of `deploy/`."""
    return (DEPLOY / path).read_text(encoding="utf-8")


def yaml(path: str) -> Any:
    """Return what a file of YAML below `deploy/` holds."""
    return msgspec.yaml.decode(text(path))


def config(path: str) -> Config:
    """Read a configuration of `deploy/` as a gateway would, where its folder of state is."""
    return read(text(path))


def read(toml: str) -> Config:
    """Read a configuration. Raises `ConfigMistake`."""
    with tempfile.TemporaryDirectory() as name:
        path = Path(name, "gateway.toml")
        path.write_text(toml.replace("/var/lib/gateway/", f"{name}/"), encoding="utf-8")
        return load_config(path, SECRETS, path.parent)


def longest_end(read: Config) -> float:
    """Return the seconds after SIGTERM in which a gateway with its workers has ended."""
    return longest_drain(read) + GRACE


def nginx(name: str, within: str = "") -> str:
    """Return what a directive of nginx's says, the only one of its name, or of its block."""
    shipped = re.sub(r"#.*", "", text("nginx/gateway.conf"))
    if within:
        shipped = shipped.partition(within + " {")[2].partition("\n}")[0]
    (value,) = re.findall(rf"^\s*{name}\s+([^;]+);", shipped, re.MULTILINE)
    return " ".join(value.split())


def seconds(value: str) -> float:
    """Return the seconds that a duration such as `10s` stands for."""
    number, unit = re.fullmatch(r"(\d+)(ms|[smhd])", value).groups()  # type: ignore[union-attr]
    return int(number) * UNITS[unit]
