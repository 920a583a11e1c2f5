"""How commands find the gateways that they ask."""

import os
from pathlib import Path

import pytest

from gateway.admin.token_file import Found, path_of, write
from gateway.commands.asking import SYSTEM_FOLDER, Unanswered, folders, seen, token_for

URL = "http://127.0.0.1:4001"


def test_a_services_folder_is_looked_in_too() -> None:
    assert folders({"XDG_RUNTIME_DIR": "/run/user/7"}) == [
        Path("/run/user/7/nursery-gateway"),
        SYSTEM_FOLDER,
    ]
    assert folders({"RUNTIME_DIRECTORY": str(SYSTEM_FOLDER)}) == [SYSTEM_FOLDER]


def test_a_token_is_given_or_found_by_its_address(tmp_path: Path) -> None:
    write(path_of(tmp_path, 70), Found("http://127.0.0.1:4009", "another"))
    write(path_of(tmp_path, 71), Found(URL, "ours"))
    assert token_for(URL + "/", {}, [tmp_path]) == "ours"
    assert token_for(URL, {"GATEWAY_ADMIN_KEY": "given"}, [tmp_path]) == "given"
    with pytest.raises(Unanswered, match="GATEWAY_ADMIN_KEY"):
        token_for("http://127.0.0.1:4002", {"GATEWAY_ADMIN_KEY": ""}, [tmp_path])


def test_a_file_that_others_could_have_written_opens_nothing(tmp_path: Path) -> None:
    path = path_of(tmp_path, 71)
    write(path, Found(URL, "ours"))
    path.chmod(0o644)
    with pytest.raises(Unanswered):
        token_for(URL, {}, [tmp_path])


def test_what_a_later_version_tells_beside_is_passed_over() -> None:
    (process,) = seen([{"worker": 3, "pid": 7, "news": [1], "connections": [{"peer": "x"}]}])
    assert (process.worker, process.connections[0].peer) == (3, "x")
    with pytest.raises(Unanswered, match="another version"):
        seen([{"worker": "three"}])


def test_what_another_user_could_have_put_there_is_not_asked(tmp_path: Path) -> None:
    ours = tmp_path / "ours"
    ours.mkdir(mode=0o700)
    assert folders({"RUNTIME_DIRECTORY": str(ours)}) == [ours, SYSTEM_FOLDER]
    ours.chmod(0o777)
    assert folders({"RUNTIME_DIRECTORY": str(ours)}) == [SYSTEM_FOLDER]
    (tmp_path / "link").symlink_to(ours)
    ours.chmod(0o700)
    assert folders({"RUNTIME_DIRECTORY": str(tmp_path / "link")}) == [SYSTEM_FOLDER]
    # In a user's own folder root looks only where it is told to.
    os.chown(ours, 65_534, -1)
    assert folders({"RUNTIME_DIRECTORY": str(ours)}) == [SYSTEM_FOLDER]


def test_a_key_that_no_header_can_carry_is_told() -> None:
    with pytest.raises(Unanswered, match="printable ASCII"):
        token_for(URL, {"GATEWAY_ADMIN_KEY": "schlüssel"}, [])
