"""The Containerfile, held against ports, paths and endpoints of the code."""

import fnmatch
import json
import re
import subprocess
from collections.abc import Callable

from gateway.admin.options import AdminOptions
from gateway.downstream.options import ListenOptions
from gateway.endpoints import find_plain
from tests.house.source import ROOT
from tests.shipped import DEPLOY, text

FILE = DEPLOY / "container/Containerfile"


def lines() -> list[tuple[str, str]]:
    """Return its instructions, each with what it says in one line."""
    whole = re.sub(r"^#.*\n", "", text("container/Containerfile"), flags=re.MULTILINE)
    joined = re.sub(r"\\\n\s*", "", whole)
    return [(name, rest) for name, _, rest in (each.partition(" ") for each in joined.splitlines())]


def said(instruction: str) -> list[str]:
    return [rest for name, rest in lines() if name == instruction]


def test_it_runs_as_nobody_in_particular() -> None:
    """By number, so that Kubernetes can see that it is not root."""
    assert said("USER") == ["10001:10001"]


def test_it_says_the_ports_of_the_code() -> None:
    assert said("EXPOSE") == [f"{ListenOptions().port} {AdminOptions().port}"]


def test_its_health_is_an_endpoint_that_stays_green_while_it_drains() -> None:
    (check,) = said("HEALTHCHECK")
    (path,) = re.findall(rf"127\.0\.0\.1:{ListenOptions().port}(/\w+)", check)
    found = find_plain("GET", path)
    assert found is not None
    assert found.endpoint.operation == "healthz"


def test_it_says_where_the_gateway_finds_its_own() -> None:
    """The same folders that are made for its user, and that all who run it give it."""
    told = dict(each.split("=", 1) for rest in said("ENV") for each in rest.split())
    assert told["GATEWAY_CONFIG"] == "/etc/gateway/gateway.toml"
    assert told["STATE_DIRECTORY"] == "/var/lib/gateway"
    assert told["RUNTIME_DIRECTORY"] == "/run/gateway/sockets"
    assert told["PATH"].startswith("/opt/gateway/bin:")
    (made,) = [rest for rest in said("RUN") if "useradd" in rest]
    assert "install -d -m 0700 -o gateway -g gateway /var/lib/gateway /run/gateway" in made
    assert said("COPY")[-1] == "--from=build /opt/gateway /opt/gateway"


def test_it_copies_what_there_is_and_is_given() -> None:
    """What its ignore file keeps from the builder could not be copied."""
    given = [
        line[1:]
        for line in text("container/Containerfile.dockerignore").splitlines()
        if line.startswith("!")
    ]
    copied = {
        source
        for rest in said("COPY")
        if not rest.startswith("--from")
        for source in rest.split()[:-1]
    }
    for source in copied:
        name = source.removeprefix("./")
        assert (ROOT / name).exists(), name
        assert any(fnmatch.fnmatch(name, each) for each in given), name
    assert set(given) == copied


def test_all_that_others_made_is_held_by_its_hashes() -> None:
    for rest in said("RUN"):
        for install in re.findall(r"pip install ([^&]*)", rest):
            assert "--require-hashes" in install or "--no-index" in install, install
            assert "--no-deps" in install or "--only-binary=:all:" in install, install


def test_it_starts_the_main_job_for_all_who_reach_it() -> None:
    assert [json.loads(each) for each in said("ENTRYPOINT")] == [["gateway"]]
    assert [json.loads(each) for each in said("CMD")] == [["serve", "--host", "0.0.0.0"]]
    assert said("STOPSIGNAL") == ["SIGTERM"]


def test_hadolint_finds_nothing(require: Callable[[str], str]) -> None:
    done = subprocess.run(
        [require("hadolint"), str(FILE)], capture_output=True, text=True, timeout=30, check=False
    )
    assert (done.returncode, done.stdout) == (0, "")
