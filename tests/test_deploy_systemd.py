"""The units for systemd, held against the command, its clocks and its folders."""

import difflib
import re
import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.commands.serve import command as serve
from gateway.downstream.options import ListenOptions
from gateway.endpoints import find_plain
from tests.shipped import config, longest_end, text

UNITS = ["gateway.service", "gateway@.service"]
OF_A_TEMPLATE = {"Description", "ExecStart", "ExecStartPost", "RuntimeDirectory"}

HARDENED = {
    "AmbientCapabilities": [""],
    "CapabilityBoundingSet": [""],
    "KeyringMode": ["private"],
    "ProcSubset": ["pid"],
    "ProtectProc": ["invisible"],
    "ProtectSystem": ["strict"],
    "RestrictAddressFamilies": ["AF_INET AF_INET6 AF_UNIX"],
    "RuntimeDirectoryMode": ["0700"],
    "StateDirectoryMode": ["0700"],
    "SystemCallArchitectures": ["native"],
    "SystemCallErrorNumber": ["EPERM"],
    "SystemCallFilter": ["@system-service", "~@privileged"],
    "UMask": ["0077"],
    "User": ["gateway"],
}

TAKEN_AWAY = {
    "LockPersonality", "MemoryDenyWriteExecute", "NoNewPrivileges", "PrivateDevices", "PrivateTmp",
    "PrivateUsers", "ProtectClock", "ProtectControlGroups", "ProtectHome", "ProtectHostname",
    "ProtectKernelLogs", "ProtectKernelModules", "ProtectKernelTunables", "RemoveIPC",
    "RestrictNamespaces", "RestrictRealtime", "RestrictSUIDSGID",
}  # fmt: skip
"""What a unit says no to by a yes."""


def settings(unit: str) -> dict[str, list[str]]:
    """Return each setting of a unit with all that it is set to."""
    told: dict[str, list[str]] = {}
    for line in text(f"systemd/{unit}").splitlines():
        name, sign, value = line.partition("=")
        if sign and re.fullmatch(r"[A-Z]\w+", name):
            told.setdefault(name, []).append(value)
    return told


@pytest.mark.parametrize("unit", UNITS)
def test_a_unit_waits_until_the_last_call_could_have_ended(unit: str) -> None:
    (patience,) = settings(unit)["TimeoutStopSec"]
    assert float(patience) > longest_end(config("systemd/gateway.toml"))


@pytest.mark.parametrize("unit", UNITS)
def test_a_unit_lets_the_supervisor_end_its_workers_itself(unit: str) -> None:
    told = settings(unit)
    assert told["KillMode"] == ["mixed"]
    assert "KillSignal" not in told
    assert told["OOMPolicy"] == ["continue"]
    assert told["Restart"] == ["on-failure"]


@pytest.mark.parametrize("unit", UNITS)
def test_a_mistake_in_the_configuration_starts_nothing_and_changes_nothing(unit: str) -> None:
    told = settings(unit)
    assert told["ExecStartPre"] == ["/opt/gateway/bin/gateway check"]
    assert told["ExecReload"] == ["/opt/gateway/bin/gateway check", "/bin/kill -HUP $MAINPID"]
    assert told["Environment"] == ["GATEWAY_CONFIG=/etc/gateway/gateway.toml"]
    assert told["EnvironmentFile"] == ["-/etc/gateway/keys.env"]


@pytest.mark.parametrize(("unit", "port"), [(UNITS[0], "4000"), (UNITS[1], "40%i0")])
def test_a_unit_is_up_when_its_own_gateway_answers_calls(unit: str, port: str) -> None:
    (asked,) = settings(unit)["ExecStartPost"]
    assert f"http://127.0.0.1:{port}/readyz" in asked
    assert find_plain("GET", "/readyz") is not None
    (start,) = settings(unit)["ExecStart"]
    assert (re.findall(r"--port (\S+)", start) or [str(ListenOptions().port)]) == [port]


@pytest.mark.parametrize("unit", UNITS)
def test_a_unit_starts_a_command_with_options_that_there_are(unit: str) -> None:
    (start,) = settings(unit)["ExecStart"]
    program, name, *options = shlex.split(start)
    known = {option for each in serve.params for option in each.opts}
    assert (Path(program).name, name) == ("gateway", "serve")
    assert {each for each in options if each.startswith("--")} <= known


@pytest.mark.parametrize("unit", UNITS)
def test_a_unit_may_write_where_its_database_is_and_nowhere_else(unit: str) -> None:
    told = settings(unit)
    (state,) = told["StateDirectory"]
    assert f'database = "sqlite:////var/lib/{state}/' in text("systemd/gateway.toml")
    assert told["RuntimeDirectory"] == [state if unit == UNITS[0] else f"{state}-%i"]
    assert "ReadWritePaths" not in told


@pytest.mark.parametrize("unit", UNITS)
def test_a_unit_may_do_no_more_than_it_must(unit: str) -> None:
    told = settings(unit)
    assert {name: told.get(name) for name in HARDENED} == HARDENED
    assert {name for name in TAKEN_AWAY if told.get(name) != ["yes"]} == set()


def test_the_template_is_the_unit_with_ports_and_a_folder_of_its_own() -> None:
    one, many = (text(f"systemd/{unit}").splitlines() for unit in UNITS)
    changed = {
        line[2:].partition("=")[0]
        for line in difflib.ndiff(one, many)
        if line[:2] in {"- ", "+ "} and not line[2:].startswith("#")
    }
    assert changed == OF_A_TEMPLATE


def test_each_instance_has_two_ports_that_no_other_has() -> None:
    (start,) = settings("gateway@.service")["ExecStart"]
    ports = [
        int(port.replace("%i", str(number)))
        for number in range(10)
        for port in re.findall(r"port (\S+)", start)
    ]
    assert ports[:2] == [4000, 4001]
    assert len(set(ports)) == 20


@pytest.mark.parametrize("unit", UNITS)
def test_systemds_own_tool_finds_nothing(
    require: Callable[[str], str], unit: str, tmp_path: Path
) -> None:
    """But for the programs, which are not there; so others stand in their place."""
    name = unit.replace("@.", "@0.")
    shipped = text(f"systemd/{unit}")
    (tmp_path / name).write_text(re.sub(r"/opt/gateway/bin/\w+", "/bin/true", shipped))
    done = subprocess.run(
        [require("systemd-analyze"), "verify", "--man=no", str(tmp_path / name)],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
