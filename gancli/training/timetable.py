"""When to do something beside training: after a few given seconds, and then at an interval."""

import math
import time
from collections.abc import Callable, Sequence


class Timetable:
    """Tells what is due: once at each of the seconds `first`, then every `every` seconds; 0: never.

    `clock` returns seconds. Time counts from the creation of this object.
    """

    def __init__(
        self,
        every: float,
        first: Sequence[float] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._every, self._clock, self._began = every or math.inf, clock, clock()
        self._first = list(first) if every else []
        self._next = self._after(0.0)

    def due(self) -> bool:
        """Whether the next time has come. If so, wait for the one after it."""
        passed = self._clock() - self._began
        if passed < self._next:
            return False
        self._next = self._after(passed)
        return True

    def restart(self) -> None:
        """Do not become due before another `every` seconds have passed."""
        self._next = max(self._next, self._clock() - self._began + self._every)

    def _after(self, passed: float) -> float:
        return next((at for at in self._first if at > passed), passed + self._every)
