"""Somebody who reads a page and types what it shows, and what they are then told."""

import contextlib
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Final

from click.testing import CliRunner

from gateway.__main__ import cli
from tests.docs.pages import Block
from tests.docs.shell import PROMPT

SHELL: Final = f'gateway() {{ "{sys.executable}" -m gateway "$@"; }}\n'


def transcript(block: Block) -> list[tuple[str, str]]:
    """Return the commands of a block of `console`, each with what it is said to print."""
    found: list[tuple[str, str]] = []
    for line in block.text.splitlines():
        if line.startswith(PROMPT):
            found.append((line.removeprefix(PROMPT), ""))
        else:
            command, printed = found[-1]
            found[-1] = (command, f"{printed}{line}\n")
    return found


def is_told(printed: str, told: str) -> bool:
    """Say whether it is what a page tells. How wide a terminal is does not count."""
    pattern = ".*".join(re.escape(" ".join(part.split())) for part in told.split("…"))
    return re.fullmatch(pattern, " ".join(printed.split()), re.DOTALL) is not None


class Reader:
    """Somebody who types what the page says, in one folder.

    What is a command of ours and nothing else runs in this process: starting one costs most of it.
    """

    def __init__(self, folder: Path, environ: dict[str, str], port: int = 4000) -> None:
        self.folder = folder
        kept = {name: value for name, value in os.environ.items() if name != "GATEWAY_CONFIG"}
        self.environ = {**kept, "COLUMNS": "200", **environ}
        self.port = port

    def types(self, lines: str) -> str:
        """Run lines in a shell; return all that was printed."""
        program, *words = lines.split()
        if program == "gateway" and ">" not in words:
            with contextlib.chdir(self.folder):
                said = CliRunner(env={**self.environ, "GATEWAY_CONFIG": None}).invoke(cli, words)
            assert said.exit_code == 0, said.output
            return said.output
        lines = lines.replace("127.0.0.1:4000", f"127.0.0.1:{self.port}")
        ran = subprocess.run(
            ["bash", "-ec", SHELL + lines], cwd=self.folder, env=self.environ, check=False,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60,
        )  # fmt: skip
        assert ran.returncode == 0, ran.stdout
        return ran.stdout
