"""A training step as CUDA graphs, one for each static key; elsewhere a plain call."""

from collections import Counter
from collections.abc import Callable, Hashable

import torch

WARM_UP = 3  # plain calls on a side stream before recording, as torch.cuda.graph requires
# Later versions find out themselves which generators a step draws from.
REGISTER_GENERATOR = torch.__version__ < (2, 14)  # type: ignore[operator]


class Captured:
    """Call `step(key)`. On CUDA, the fourth call with the same key records it, and replays do from
    then on: one launch instead of hundreds.

    A replay repeats device work and nothing else. So the step must take its inputs from tensors
    that stay in place, leave its results in such tensors, and use no value on the host. `key`
    stands for what is fixed in a recording (say, whether a regulariser is part of it). Every call
    is one step, whether it runs plainly, is recorded or replayed. If the step draws from a
    generator other than the device's default one, it is passed as `rng`: without it, every replay
    would repeat the same random numbers.
    """

    def __init__(
        self,
        step: Callable[[Hashable], None],
        device: torch.device,
        enabled: bool = True,
        rng: torch.Generator | None = None,
    ) -> None:
        self._step, self._rng = step, rng
        self._enabled = enabled and device.type == "cuda"
        self._stream = torch.cuda.Stream(device) if self._enabled else None  # type: ignore[no-untyped-call]
        self._warm_ups: Counter[Hashable] = Counter()  # by key
        self._graphs: dict[Hashable, torch.cuda.CUDAGraph] = {}

    def __call__(self, key: Hashable = None) -> None:
        """Run one step."""
        if not self._enabled:
            self._step(key)
        elif self._warm_ups[key] < WARM_UP:
            self._warm_ups[key] += 1
            self._warm_up(key)
        else:
            if key not in self._graphs:
                self._graphs[key] = self._record(key)  # which executes nothing yet
            self._graphs[key].replay()

    def forget(self) -> None:
        """Drop all recordings, and warm up again: for when the step's tensors were replaced."""
        self._warm_ups.clear()
        self._graphs.clear()

    def _warm_up(self, key: Hashable) -> None:
        """Run the step on the stream that it will be recorded on."""
        assert self._stream is not None
        self._stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(self._stream):
            self._step(key)
        torch.cuda.current_stream().wait_stream(self._stream)

    def _record(self, key: Hashable) -> torch.cuda.CUDAGraph:
        graph = torch.cuda.CUDAGraph()
        if self._rng is not None and REGISTER_GENERATOR:
            graph.register_generator_state(self._rng)
        # All graphs share one memory pool: a step leaves nothing in it, and no two run at once.
        pool = next((other.pool() for other in self._graphs.values()), None)
        # In the default mode, global, any other thread that calls CUDA breaks the recording, and
        # NCCL's watchdog is such a thread.
        mode = "thread_local"
        with torch.cuda.graph(graph, pool=pool, stream=self._stream, capture_error_mode=mode):
            self._step(key)
        return graph
