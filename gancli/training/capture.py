"""Runs a training step as CUDA graphs, one per key; on other devices as a plain call."""

from collections import Counter
from collections.abc import Callable, Hashable
from typing import Any

import torch

WARM_UP_CALLS = 3  # plain calls on a side stream before recording, as torch.cuda.graph requires
# From 2.14 on, torch finds out by itself which generators a captured step draws from.
REGISTER_GENERATOR = torch.__version__ < (2, 14)  # type: ignore[operator]


class CapturedStep:
    """A callable that runs `step(key)`, on CUDA by replaying a recorded graph.

    The first three calls with a key run plainly, the fourth records a graph, and every call from
    then on replays it: one launch instead of hundreds. Every call runs exactly one step, whether
    it is plain, recorded or replayed.

    A replay repeats the work of the device and nothing else. So the step must read its inputs from
    tensors that keep their memory, write its results to such tensors, and use no value on the host.
    `key` stands for the choices that are fixed in a recording (for example, whether a regulariser
    is part of it). If the step draws from another generator than the device's default one, pass it
    as `rng`: without it every replay would repeat the same random numbers.
    """

    def __init__(
        self,
        step: Callable[[Any], None],
        device: torch.device,
        enabled: bool = True,
        rng: torch.Generator | None = None,
    ) -> None:
        self._step, self._rng = step, rng
        self._enabled = enabled and device.type == "cuda"
        self._stream = torch.cuda.Stream(device) if self._enabled else None  # type: ignore[no-untyped-call]
        self._warm_ups: Counter[Hashable] = Counter()  # plain calls so far, by key
        self._graphs: dict[Hashable, torch.cuda.CUDAGraph] = {}

    def __call__(self, key: Hashable = None) -> None:
        """Run one step."""
        if not self._enabled:
            self._step(key)
        elif self._warm_ups[key] < WARM_UP_CALLS:
            self._warm_ups[key] += 1
            self._warm_up(key)
        else:
            if key not in self._graphs:
                self._graphs[key] = self._record(key)  # recording runs nothing on the device
            self._graphs[key].replay()

    def reset(self) -> None:
        """Drop all graphs and warm up again. Call it when the step's tensors were replaced."""
        self._warm_ups.clear()
        self._graphs.clear()

    def _warm_up(self, key: Hashable) -> None:
        """Run the step plainly, on the stream that will record it."""
        assert self._stream is not None
        self._stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(self._stream):
            self._step(key)
        torch.cuda.current_stream().wait_stream(self._stream)

    def _record(self, key: Hashable) -> torch.cuda.CUDAGraph:
        graph = torch.cuda.CUDAGraph()
        if self._rng is not None and REGISTER_GENERATOR:
            graph.register_generator_state(self._rng)
        # All graphs share one memory pool. That is safe: a step keeps no data in the pool after it
        # ends, and no two graphs run at once.
        pool = next((other.pool() for other in self._graphs.values()), None)
        # In the default mode (global), a CUDA call from any other thread breaks the recording, and
        # NCCL's watchdog is such a thread.
        mode = "thread_local"
        with torch.cuda.graph(graph, pool=pool, stream=self._stream, capture_error_mode=mode):
            self._step(key)
        return graph
