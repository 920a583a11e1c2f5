"""Files of configuration: a whole configuration, or mistakes that name the file and the line."""

import json
import tempfile
from pathlib import Path

from gateway.config.compose import Config
from gateway.config.homes import homes_of
from gateway.config.load import load_config
from gateway.config.mistakes import ConfigMistake
from gateway.config.show import merged_tables, sections
from gateway.policy.routes import Routes

FILE = Path("gateway.toml")
SECRET = "sk-0123456789-canary-9f2c"
ENVIRON = {"KEY": SECRET, "EMPTY": "", "ODD": "caf\xe9 \x00"}


def configurations(data: bytes) -> None:
    """Oracle: what is taken can be shown and served, what is not is told line by line."""
    with tempfile.TemporaryDirectory(prefix="gateway-fuzz-") as name:
        folder = Path(name)
        (folder / FILE).write_bytes(data)
        try:
            config = load_config(FILE, ENVIRON, folder)
        except ConfigMistake as mistake:
            check_mistake(mistake, data)
            return
    _check_config(config)


def check_mistake(mistake: ConfigMistake, data: bytes) -> None:
    """Check that each mistake is a line for people, with its place."""
    assert mistake.findings
    lines = data.count(b"\n") + 1
    for finding in mistake.findings:
        assert finding.file == str(FILE)
        assert finding.line is None or 1 <= finding.line <= lines
        assert finding.line is not None or finding.key is not None or not data, str(finding)
        said = str(finding)
        assert said.isprintable(), ascii(said)
        assert SECRET not in said
        assert "Error" not in said


def _check_config(config: Config) -> None:
    homes = homes_of(config)
    assert "echo" in Routes(homes.offers, homes.aliases, {}).names or homes.offers
    shown = json.dumps(merged_tables(config)) + repr(config)
    shown += "\n".join(
        f"{table} {row} {row.origin}" for table in sections(config) for row in table.rows
    )
    assert SECRET not in shown
    assert all(warning.isprintable() for warning in config.warnings)
