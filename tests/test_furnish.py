"""What a house is made of."""

from gateway.furnish import lots, request_ids


def test_request_ids_are_sane_and_each_is_another() -> None:
    new_id = request_ids()
    ids = {new_id() for _ in range(1000)}
    assert len(ids) == 1000
    assert all(len(each) < 64 and each.startswith("req_") and each.isascii() for each in ids)


def test_no_two_sources_of_chance_are_alike() -> None:
    assert len({lots().random() for _ in range(100)}) == 100
