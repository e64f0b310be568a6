"""A step as CUDA graphs, one for each static key; a plain call elsewhere."""

from collections.abc import Callable, Hashable

import torch

WARM_UP = 3  # plain calls on a side stream before capture, as torch.cuda.graph asks for
NEEDS_TELLING = torch.__version__ < (2, 14)  # type: ignore[operator]  # which dice a step rolls


class Captured:
    """Call `step(key)`; on CUDA, from the fourth call with the same key on, replay its recording.

    The step must take its inputs from tensors that stay in place, leave its results in such
    tensors, and touch no value on the host: all that a recording repeats is device work. Calls
    before the recording run plainly and count as steps like any other. `key` stands for what is
    fixed in a recording (say, whether a regulariser is in it). A generator other than the device's
    own that the step draws from is given as `dice`, else replays would repeat its numbers.
    """

    def __init__(
        self,
        step: Callable[[Hashable], None],
        device: torch.device,
        enabled: bool = True,
        dice: torch.Generator | None = None,
    ) -> None:
        self._step, self._dice = step, dice
        self._enabled = enabled and device.type == "cuda"
        self._calls: dict[Hashable, int] = {}
        self._graphs: dict[Hashable, torch.cuda.CUDAGraph] = {}
        self._stream = torch.cuda.Stream(device) if self._enabled else None  # type: ignore[no-untyped-call]

    def __call__(self, key: Hashable = None) -> None:
        """Run one step."""
        if not self._enabled:
            self._step(key)
        elif key in self._graphs:
            self._graphs[key].replay()
        elif self._calls.get(key, 0) < WARM_UP:
            self._calls[key] = self._calls.get(key, 0) + 1
            self._aside(key)
        else:
            self._record(key)
            self._graphs[key].replay()  # recording runs nothing

    def forget(self) -> None:
        """Drop what was recorded: the next calls run plainly, and the step is recorded anew.

        To be called when tensors that the step works on were put elsewhere.
        """
        self._calls.clear()
        self._graphs.clear()

    def _aside(self, key: Hashable) -> None:
        assert self._stream is not None
        self._stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(self._stream):
            self._step(key)
        torch.cuda.current_stream().wait_stream(self._stream)

    def _record(self, key: Hashable) -> None:
        graph = torch.cuda.CUDAGraph()
        if self._dice is not None and NEEDS_TELLING:
            graph.register_generator_state(self._dice)
        # One pool for all: a step leaves nothing in it, and two never run at once.
        pool = next((other.pool() for other in self._graphs.values()), None)
        # thread_local: NCCL's watchdog, a thread of its own, asks the device meanwhile
        mode = "thread_local"
        with torch.cuda.graph(graph, pool=pool, stream=self._stream, capture_error_mode=mode):
            self._step(key)
        self._graphs[key] = graph
