"""Where processes work: how long one that died is waited for, and what is said of its end."""

import socket

from gateway.places import Beside, Place, how_it_ended, pause


def test_the_pause_grows_and_has_an_end() -> None:
    assert [pause(deaths) for deaths in range(1, 9)] == [0, 1, 2, 4, 8, 16, 30, 30]
    assert pause(100_000) == 30


def test_how_a_process_ended_is_said_in_words() -> None:
    assert how_it_ended(3) == "exit code 3"
    assert how_it_ended(-9) == "SIGKILL"
    assert how_it_ended(-40) == "signal 40"


def test_workers_have_numbers_and_the_one_beside_them_has_none() -> None:
    with socket.socket() as sock:
        beside = Beside("admin", [sock], lambda *_: None)
        admin = Place(0, beside.name, beside.sockets, beside.work)
        worker = Place(2, "worker", (), lambda *_: None)
    assert (admin.serves, admin.said(7)) == (False, {"pid": 7})
    assert (worker.serves, worker.said(8)) == (True, {"worker": 2, "pid": 8})
