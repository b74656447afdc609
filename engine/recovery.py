"""What the engine does for roles with fallbacks: moves are logged, and backends that have rested are tried again."""

import logging
from collections.abc import Callable, Sequence
from typing import Any, Final

import anyio

from engine.workers import Workers
from modules.models.fallback import Fallback
from modules.models.fallback_order import FallbackEvent

PERIOD_S: Final = 1.0


_log = logging.getLogger(__name__)


def log_event(event: FallbackEvent) -> None:
    """A line in the log: who answers now, and why."""
    _log.warning("%s: %s answers in the place of %s: %s", event.role, event.backend, event.was, event.reason)


async def recover_backends(fallbacks: Callable[[], Sequence[Fallback[Any]]], workers: Workers) -> None:
    """Try the rested backends of the `fallbacks` there are then on a worker, where nobody waits, until cancelled.

    With `tries_in_calls` in their rules, a call that comes first tries them itself.
    """
    while True:
        await anyio.sleep(PERIOD_S)
        for fallback in fallbacks():
            if fallback.is_due():
                await workers.run(fallback.recover, cancel=fallback.stop)
