"""Hears what libraries tell the standard library's log, and passes it on to the house's.

Their own way would write to stderr on the loop, and stand still where that is blocked.
"""

import logging

from gateway.telemetry.log import Log


class Hearing(logging.Handler):
    """Passes records on."""

    def __init__(self, log: Log) -> None:
        super().__init__(logging.WARNING)
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        try:
            said = record.getMessage()
        except (TypeError, ValueError):  # a message whose arguments do not fit it
            said = str(record.msg)
        if error is not None:
            self._log.exception("bug in admin", error, by=record.name, said=said)
        elif record.levelno >= logging.ERROR:
            self._log.error("admin", by=record.name, said=said)
        else:
            self._log.warning("admin", by=record.name, said=said)


def hear(log: Log) -> logging.Logger:
    """Hear all loggers of the process; return one more, for whoever wants to be handed one."""
    handler = Hearing(log)
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    own = logging.Logger("hypercorn", logging.WARNING)
    own.addHandler(handler)
    return own
