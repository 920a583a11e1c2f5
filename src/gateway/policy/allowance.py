"""How often a thing may be done that must stay rare: a share of how often it could be. Pure."""


class Allowance:
    """Each occasion earns a share of one deed, and each deed spends one; at first some are free."""

    __slots__ = ("_balance", "_most", "_share")

    def __init__(self, share: float, most: float) -> None:
        """`share` is deeds per occasion; no more than `most` are ever saved up."""
        self._share = share
        self._most = self._balance = most

    def earn(self) -> None:
        """Count an occasion."""
        self._balance = min(self._most, self._balance + self._share)

    @property
    def any_left(self) -> bool:
        """Say whether it may be done now."""
        return self._balance >= 1.0

    def spend(self) -> None:
        """Count a deed, which there must have been room for."""
        self._balance -= 1.0
