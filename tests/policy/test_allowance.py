"""What may be done now and then."""

from gateway.policy.allowance import Allowance


def test_a_share_of_the_occasions_is_allowed_and_no_more_is_saved_up() -> None:
    allowance = Allowance(0.5, 2.0)
    done = 0
    for _ in range(100):
        allowance.earn()
        if allowance.any_left:
            allowance.spend()
            done += 1
    assert 50 <= done <= 52
    for _ in range(100):
        allowance.earn()
    for left in (True, True, False):
        assert allowance.any_left is left
        if left:
            allowance.spend()
