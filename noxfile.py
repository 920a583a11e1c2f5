"""What must hold before a change is taken: `python -m pip install nox && python -m nox`."""

import os
import shutil
from pathlib import Path

import nox

nox.needs_version = ">=2025.5.1"
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.error_on_missing_interpreters = True

PROJECT = nox.project.load_toml("pyproject.toml")

AT_ONCE = 2
"""Processes that share the files of tests: most of them wait for other processes."""

SHARED = ("--numprocesses", str(AT_ONCE), "--dist", "loadfile", "--no-loadscope-reorder")
"""In the order of their names: by the number of its tests the longest file would come last, and
one of the processes wait for it."""

FLOOR = 95
"""Per cent of lines and branches, for the whole."""

PURE_ROOMS = ("words", "forms", "providers", "policy")
"""Nothing in them needs a socket, so nothing in them goes untested: 100 %."""


def groups(*names: str) -> list[str]:
    """Return the requirements of these groups in `pyproject.toml`."""
    return list(nox.project.dependency_groups(PROJECT, *names))


def run_tool(session: nox.Session, name: str, *args: str) -> None:
    """Run a program from the one environment that all that runs by default shares."""
    # nox keeps its cache beside the environments, wherever it was told to put them.
    programs = session.cache_dir.parent / "tools/bin"
    path = os.pathsep.join([str(programs), os.environ.get("PATH", os.defpath)])
    session.run(str(programs / name), *args, external=True, env={"PATH": path})


@nox.session(default=False)
def tools(session: nox.Session) -> None:
    """Prepare the environment of lint, types, imports, tests and simulation."""
    session.install("-e", ".", *groups("lint", "test"))
    # Tests start some hundred processes; where Python may write no bytecode, each would compile
    # the house for itself.
    session.run("python", "-m", "compileall", "-q", "src")


@nox.session(requires=["tools"], venv_backend="none")
def lint(session: nox.Session) -> None:
    """Read the code: rules, bans, layout."""
    run_tool(session, "ruff", "check", *session.posargs)
    run_tool(session, "ruff", "format", "--check", *session.posargs)


@nox.session(requires=["tools"], venv_backend="none")
def types(session: nox.Session) -> None:
    """Check all types, strictly."""
    run_tool(session, "mypy", *session.posargs)


@nox.session(requires=["tools"], venv_backend="none")
def imports(session: nox.Session) -> None:
    """Check which room imports which."""
    run_tool(session, "lint-imports", *session.posargs)


@nox.session(requires=["tools"], venv_backend="none")
def tests(session: nox.Session) -> None:
    """Run the tests and hold the coverage to its floors; arguments go to pytest.

    The floors hold for the whole of the tests alone: with arguments, coverage is only shown.
    """
    run_tool(session, "coverage", "erase")
    chosen = session.posargs or SHARED
    run_tool(session, "coverage", "run", "-m", "pytest", *chosen)
    run_tool(session, "coverage", "combine", "--quiet")
    if session.posargs:
        run_tool(session, "coverage", "report")
        return
    run_tool(session, "coverage", "report", f"--fail-under={FLOOR}")
    pure = ",".join(f"src/gateway/{room}/*" for room in PURE_ROOMS)
    run_tool(session, "coverage", "report", f"--include={pure}", "--fail-under=100")


@nox.session(requires=["tools"], venv_backend="none")
def simulate(session: nox.Session) -> None:
    """Run the corridor in simulated worlds, each from a seed; `-- --seeds 20000` runs more."""
    run = ("python", "-m", "tests.simulation")
    if session.posargs:
        run_tool(session, *run, *session.posargs)
        return
    run_tool(session, *run, "--seeds", "300", "--jobs", "2")
    run_tool(session, *run, "--forms", "--seeds", "150", "--jobs", "2")


@nox.session(default=False, requires=["tools"], venv_backend="none")
def screenshots(session: nox.Session) -> None:
    """Take the pictures of the operator's page anew, into docs/img; it needs chromium."""
    run_tool(session, "python", "-m", "tests.browser", *(session.posargs or ["docs/img"]))


@nox.session(default=False)
def fuzz(session: nox.Session) -> None:
    """Fuzz each target under atheris, then compare with h11; `-- --seconds 60` is for each."""
    session.install("-e", ".", *groups("fuzz"))
    chosen = session.posargs or ["--seconds", "60"]
    targets = sorted(path.name for path in Path("tests/fuzz/corpus").iterdir())
    for name in [*targets, "differential"]:
        session.run("python", "-m", "tests.fuzz", name, *chosen)


@nox.session(default=False)
def news(session: nox.Session) -> None:
    """Show what the fragments will say in the change log."""
    session.install(*groups("release"))
    session.run("towncrier", "build", "--draft", "--version", "next", *session.posargs)


@nox.session(default=False)
def overload(session: nox.Session) -> None:
    """Hold 9,000 idle streams through one process, and let them leave at once."""
    session.install("-e", ".", *groups("bench"))
    kept = session.cache_dir / "benchmarks"
    session.run("python", "-m", "benchmarks.overload", "--cache", str(kept), *session.posargs)


@nox.session(default=False)
def soak(session: nox.Session) -> None:
    """Put load and faults on the gateway at once, and explain every call; `-- --minutes 30`."""
    session.install("-e", ".", *groups("bench"))
    kept = session.cache_dir / "benchmarks"
    session.run("python", "-m", "benchmarks.soak", "--cache", str(kept), *session.posargs)


@nox.session(default=False)
def failover(session: nox.Session) -> None:
    """Show what a caller gets while a provider misbehaves; `-- --write` writes docs/failover.md."""
    session.install("-e", ".", *groups("bench"), "openai>=3")
    session.run("python", "-m", "benchmarks.failover", *session.posargs)


@nox.session(default=False)
def watched(session: nox.Session) -> None:
    """Measure what the operator's page costs the workers while it is open; it needs chromium."""
    session.install("-e", ".", *groups("bench"), "playwright>=1.50")
    kept = session.cache_dir / "benchmarks"
    session.run("python", "-m", "benchmarks.watched", "--cache", str(kept), *session.posargs)


@nox.session(default=False)
def bench(session: nox.Session) -> None:
    """Measure beside the peers and write docs/benchmarks.md; `-- --quick` sees that all works."""
    session.install(*groups("bench"))
    kept = session.cache_dir / "benchmarks"
    session.run("python", "-m", "benchmarks", "--cache", str(kept), *session.posargs)


@nox.session(default=False)
def prices(session: nox.Session) -> None:
    """Make the table of prices anew, of the latest genai-prices."""
    session.install("-e", ".", "genai-prices>=0.2.3")
    session.run("python", "tools/prices.py", *session.posargs)


@nox.session(default=False)
def accounts(session: nox.Session) -> None:
    """Measure the bars of keys, limits, budgets and the ledger; `-- --write` writes the page."""
    session.install("-e", ".", *groups("bench", "test"))
    session.run("python", "-m", "benchmarks.accounts", *session.posargs)


@nox.session(default=False)
def npm(session: nox.Session) -> None:
    """Run the official clients of Node.js against the gateway, a scripted provider behind it."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        session.skip("there is no Node.js here")
    session.install("-e", ".", *groups("test"))
    clients = Path(session.create_tmp())
    for name in ("package.json", "package-lock.json", "smoke.mjs"):
        shutil.copy(Path("tests/npm") / name, clients / name)
    quiet = ("--ignore-scripts", "--no-audit", "--no-fund")
    with session.chdir(clients):
        session.run("npm", "ci", *quiet, external=True)
    given = {"GATEWAY_NPM": str(clients.absolute())}
    session.run("pytest", "tests/npm", *session.posargs, env=given)


@nox.session(default=False)
def live(session: nox.Session) -> None:
    """Ask the real providers whose keys are in the environment; it costs a little money."""
    session.install("-e", ".", *groups("test"))
    session.run("pytest", "tests/live", *session.posargs, env={"GATEWAY_LIVE": "1"})
