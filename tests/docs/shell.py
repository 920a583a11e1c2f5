"""Lines for a shell, judged by what they name: commands, options, sessions, paths, endpoints."""

import ast
import io
import json
import re
import shlex
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from itertools import pairwise
from typing import Any, Final
from urllib.parse import urlsplit

import click

from gateway.__main__ import cli
from gateway.endpoints import find
from gateway.words.errors import GatewayError
from tests.docs.admin_api import routes
from tests.docs.pages import Block
from tests.house.source import ROOT

PROMPT: Final = "$ "

STRANGERS: Final = frozenset({
    "[", "apt-get", "awk", "buildah", "cat", "cd", "chmod", "chown", "claude", "codex", "cosign",
    "cp", "curl", "docker", "done", "echo", "export", "fi", "for", "gh", "git", "grep", "gunicorn",
    "head", "helm", "hypercorn", "install", "journalctl", "jq", "kill", "kubectl", "ln", "ls",
    "mkdir", "mv", "nginx", "openssl", "pg_dump", "pgrep", "pip", "pkill", "podman", "promtool",
    "psql", "rm", "sed", "sleep", "socat", "sqlite3", "ssh", "sudo", "systemctl",
    "systemd-analyze", "systemd-creds", "systemd-run", "systemd-sysusers", "systemd-tmpfiles",
    "tail", "tar", "tee", "test", "twine", "umask", "useradd", "uv", "valkey-cli", "watch",
    "xargs",
})  # fmt: skip
"""Programs of others, of whose options nothing is known here; most are everybody's."""

MODULES: Final = frozenset({"build", "pip", "venv", "nox", "gateway", "http.server"})
"""What `python -m` runs and no file of ours is."""

FRONT: Final = {"127.0.0.1:4000", "localhost:4000"}
ADMIN: Final = {"127.0.0.1:4001", "localhost:4001"}

_ENDS = re.compile(r"[;&|()<>\n]+")
_ASSIGNED = re.compile(r"[A-Za-z_]\w*=")
_WRAPPERS: Final = frozenset(
    {"!", "do", "else", "env", "exec", "if", "sudo", "then", "time", "while"}
)


def wrong_shell(block: Block) -> list[str]:
    """Say what is wrong with a block of lines for a shell, or with one of what it printed."""
    text = said(block.text) if block.language == "console" else block.text
    try:
        found = list(commands(text))
    except ValueError as error:
        return [f"{block.place}: {error}"]
    return [f"{block.place}: {problem}" for words in found for problem in judge(words)]


def said(text: str) -> str:
    """Return what a person typed, of what a terminal showed."""
    typed: list[str] = []
    for line in text.splitlines():
        if line.startswith(PROMPT) or (typed and typed[-1].endswith("\\")):
            typed.append(line.removeprefix(PROMPT))
    return "\n".join(typed)


class _Lines(io.StringIO):
    """Lines whose comments end before the line does: the reader would take the end with them."""

    # Readers of text return text, whatever their common ancestor says.
    def readline(self, size: int | None = -1, /) -> str:  # type: ignore[override]
        line = super().readline(-1 if size is None else size)
        if line.endswith("\n"):
            self.seek(self.tell() - 1)
        return line


def commands(text: str) -> Iterator[list[str]]:
    """Yield each simple command of some lines, without what is assigned or redirected."""
    whole = _Lines(text.replace("\\\n", " "))
    reader = shlex.shlex(whole, posix=True, punctuation_chars=";&|()<>\n")
    reader.whitespace = " \t\r"
    reader.whitespace_split = True
    words: list[str] = []
    redirected = False
    for token in reader:
        if _ENDS.fullmatch(token):
            if ">" in token or "<" in token:
                redirected = True
                continue
            yield from _command(words)
            words, redirected = [], False
        elif redirected:
            redirected = False
        else:
            words.append(token)
    yield from _command(words)


def _command(words: list[str]) -> Iterator[list[str]]:
    while words and (_ASSIGNED.match(words[0]) or words[0] in _WRAPPERS):
        words = words[1:]
    if words:
        yield words


def judge(words: Sequence[str]) -> list[str]:
    """Say what is wrong with one command."""
    program, *rest = words
    known: dict[str, Callable[[list[str]], list[str]]] = {
        "gateway": of_gateway,
        "nox": of_nox,
        "python": of_python,
        "pytest": of_paths,
        "curl": of_curl,
    }
    name = program.rpartition("/")[2].removesuffix("3")
    if name in known:
        return known[name](rest)
    return [] if name in STRANGERS else [f"{program} is no program that is known here"]


def of_gateway(words: list[str]) -> list[str]:
    """Look for a command of ours, its options and its arguments."""
    command: click.Command = cli
    context = click.Context(cli, info_name="gateway", **cli.context_settings)
    try:
        while isinstance(command, click.Group) and words and not words[0].startswith("-"):
            name, found, words = command.resolve_command(context, words)
            assert found is not None
            command, context = found, click.Context(found, context, info_name=name)
        given, rest, _ = command.make_parser(context).parse_args(words)
    except click.UsageError as error:
        return [error.format_message()]
    asked = [each for each in command.params if each.is_eager and each.name in given]
    return [] if asked else [*(f"{word} is one too many" for word in rest), *_odd(command, given)]


def _odd(command: click.Command, given: dict[str, Any]) -> Iterator[str]:
    for each in command.params:
        value = given.get(each.name or "")
        if (
            isinstance(each, click.Argument)
            and each.required
            and not isinstance(value, str | tuple)
        ):
            yield f"{each.name} is missing"
        choices = each.type.choices if isinstance(each.type, click.Choice) else ()
        if choices and isinstance(value, str) and value not in choices:
            yield f"{value} is none of {', '.join(map(str, choices))}"


def of_nox(words: list[str]) -> list[str]:
    """Look for the sessions that are named."""
    own = words[: words.index("--")] if "--" in words else words
    named = [after for word, after in pairwise(own) if word in {"-s", "-Rs"}]
    return [f"there is no session {name}" for name in named if name not in sessions()]


@cache
def sessions() -> frozenset[str]:
    """Return the names of nox's sessions."""
    tree = ast.parse((ROOT / "noxfile.py").read_text(encoding="utf-8"))
    return frozenset(
        node.name for node in tree.body if isinstance(node, ast.FunctionDef) and node.decorator_list
    )


def of_python(words: list[str]) -> list[str]:
    """Look for the module or the file that is run."""
    if words[:1] == ["-m"] and len(words) > 1:
        module, rest = words[1], words[2:]
        match module:
            case "gateway":
                return of_gateway(rest)
            case "nox":
                return of_nox(rest)
            case "pytest":
                return of_paths(rest)
        path = ROOT / module.replace(".", "/")
        there = (path / "__main__.py").exists() or path.with_suffix(".py").exists()
        return [] if there or module in MODULES else [f"there is no module {module}"]
    return of_paths(words[:1])


def of_paths(words: list[str]) -> list[str]:
    """Look for the files that are named."""
    paths = [word for word in words if "/" in word and not word.startswith(("-", "/"))]
    return [f"there is no {path}" for path in paths if not (ROOT / path).exists()]


def of_curl(words: list[str]) -> list[str]:
    """Look for the endpoint, and read the body."""
    method, body, url = "", "", ""
    for word, after in zip(words, [*words[1:], ""], strict=True):
        if word in {"-d", "--data", "--json"}:
            body = after
        elif word in {"-X", "--request"}:
            method = after
        elif word.startswith(("http://", "https://")):
            url = word
    problems = []
    try:
        json.loads(body.replace("[…]", "[]") or "null")
    except ValueError as error:
        problems.append(f"its body is no JSON: {error}")
    return problems + _endpoint(method or ("POST" if body else "GET"), url)


def _endpoint(method: str, url: str) -> list[str]:
    parts = urlsplit(url)
    if parts.netloc in ADMIN:
        there = any(fits(route.path, parts.path) for route in routes() if route.method == method)
        return [] if there else [f"the admin has no {method} {parts.path}"]
    if parts.netloc in FRONT:
        try:
            find(method, tuple(parts.path.strip("/").split("/")))
        except GatewayError as error:
            return [error.message]
    return []


def fits(route: str, path: str) -> bool:
    """Say whether a path is that of a route with `<parts>`."""
    pattern = re.sub(r"<\w+>", "[^/]+", re.sub(r"[.+*?]", r"\\\g<0>", route))
    return re.fullmatch(pattern, path) is not None
