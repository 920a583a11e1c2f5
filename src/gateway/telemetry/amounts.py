"""How amounts and names are written where people and spreadsheets read them."""

from gateway.telemetry.lines import printable

NANOS = 1_000_000_000

FORMULA = frozenset("=+-@\uff1d\uff0b\uff0d\uff20")
"""What a formula begins with; some spreadsheets take the full-width signs for the same."""


def dollars(nanos: int) -> str:
    """Write an amount exactly, with two decimals at least."""
    whole, rest = divmod(abs(nanos), NANOS)
    decimals = f"{rest:09d}".rstrip("0").ljust(2, "0")
    return f"{'-' if nanos < 0 else ''}{whole}.{decimals}"


def cell_of(name: str | None) -> str:
    """Return a name that no spreadsheet takes for a formula, and no terminal for an order.

    Clients choose the names of models, and what a provider exports may hold anything.
    """
    said = printable(name or "")
    return f"'{said}" if said[:1] in FORMULA else said
