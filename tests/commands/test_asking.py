"""How commands find the gateways that they ask."""

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
