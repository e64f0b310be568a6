"""When a step runs plainly, is recorded and is replayed, with a stand-in for CUDA.

What a replay computes only a GPU can show: see test_gpu.py.
"""

from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from gancli.training import capture
from gancli.training.capture import WARM_UP, Captured

CUDA = torch.device("cuda")


class Cuda:
    """Stands in for torch.cuda: notes what happens, in order, and on which stream."""

    def __init__(self) -> None:
        self.stream: Any = "main"
        self.recording: Graph | None = None
        self.graphs: list[Graph] = []
        self.log: list[str] = []  # what the device does

    def step(self, key: Hashable) -> None:
        """What is captured: runs at once, or, while a graph records, when that is replayed."""
        if self.recording is None:
            self.log.append(f"{key} on {self.stream}")
        else:
            self.recording.recorded.append(key)

    @contextmanager
    def use(self, stream: Any) -> Iterator[None]:
        before, self.stream = self.stream, stream
        yield
        self.stream = before

    @contextmanager
    def graph(self, graph: "Graph", **options: Any) -> Iterator[None]:
        graph.options, self.recording = options, graph
        yield
        self.recording = None


class Stream:
    def __init__(self, cuda: Cuda, name: str) -> None:
        self.cuda, self.name = cuda, name

    def __str__(self) -> str:
        return self.name

    def wait_stream(self, other: object) -> None:
        self.cuda.log.append(f"{self} waits for {other}")


class Graph:
    def __init__(self, cuda: Cuda) -> None:
        self.cuda = cuda
        self.recorded: list[Hashable] = []
        self.generators: list[object] = []
        self.options: dict[str, Any] = {}
        cuda.graphs.append(self)

    def register_generator_state(self, generator: object) -> None:
        assert not self.recorded, "a generator is registered before recording"
        self.generators.append(generator)

    def pool(self) -> str:
        return f"pool of {self.recorded}"

    def replay(self) -> None:
        self.cuda.log += [f"replay {key}" for key in self.recorded]


@pytest.fixture
def cuda(monkeypatch: pytest.MonkeyPatch) -> Cuda:
    cuda = Cuda()
    main = cuda.stream = Stream(cuda, "main")
    found = SimpleNamespace(
        Stream=lambda device: Stream(cuda, "side"),
        current_stream=lambda: main,
        stream=cuda.use,
        graph=cuda.graph,
        CUDAGraph=lambda: Graph(cuda),
    )
    monkeypatch.setattr(capture.torch, "cuda", found)
    return cuda


def calls(step: Captured, cuda: Cuda, *keys: Hashable) -> list[str]:
    """What the device does in these calls, but for waiting."""
    cuda.log.clear()
    for key in keys:
        step(key)
    return [line for line in cuda.log if "waits" not in line]


def test_steps_warm_up_on_a_side_stream_then_are_replayed(cuda: Cuda) -> None:
    step = Captured(cuda.step, CUDA)
    assert calls(step, cuda, *["a"] * WARM_UP) == ["a on side"] * WARM_UP
    assert cuda.graphs == []
    assert calls(step, cuda, "a", "a") == ["replay a"] * 2  # each call is one step
    assert len(cuda.graphs) == 1
    assert cuda.graphs[0].recorded == ["a"]


def test_streams_wait_for_each_other_around_a_warm_up(cuda: Cuda) -> None:
    Captured(cuda.step, CUDA)("a")
    assert cuda.log == ["side waits for main", "a on side", "main waits for side"]


def test_each_key_warms_up_and_is_recorded_by_itself(cuda: Cuda) -> None:
    step = Captured(cuda.step, CUDA)
    calls(step, cuda, *["a"] * 4)
    assert calls(step, cuda, "b", "a", "b", "b") == ["b on side", "replay a", *["b on side"] * 2]
    assert calls(step, cuda, "b", "a", "b") == ["replay b", "replay a", "replay b"]
    first, second = cuda.graphs
    assert (first.recorded, second.recorded) == (["a"], ["b"])
    assert (first.options["pool"], second.options["pool"]) == (None, first.pool())
    assert {str(graph.options["stream"]) for graph in cuda.graphs} == {"side"}


def test_after_forgetting_all_starts_again(cuda: Cuda) -> None:
    step = Captured(cuda.step, CUDA)
    calls(step, cuda, *["a"] * 5)
    step.forget()
    assert calls(step, cuda, *["a"] * 4) == [*["a on side"] * WARM_UP, "replay a"]
    assert len(cuda.graphs) == 2


@pytest.mark.parametrize("needed", [True, False])
def test_a_generator_of_its_own_is_registered_where_torch_needs_it(
    cuda: Cuda, monkeypatch: pytest.MonkeyPatch, needed: bool
) -> None:
    monkeypatch.setattr(capture, "REGISTER_GENERATOR", needed)
    rng = torch.Generator()
    for given, expected in ((rng, [rng] if needed else []), (None, [])):
        calls(Captured(cuda.step, CUDA, rng=given), cuda, *["a"] * 4)
        assert cuda.graphs[-1].generators == expected


@pytest.mark.parametrize(("device", "enabled"), [(torch.device("cpu"), True), (CUDA, False)])
def test_elsewhere_and_where_it_is_not_wanted_every_call_is_plain(
    cuda: Cuda, device: torch.device, enabled: bool
) -> None:
    step = Captured(cuda.step, device, enabled=enabled)
    assert calls(step, cuda, *["a"] * 5, "b") == [*["a on main"] * 5, "b on main"]
    assert cuda.graphs == []


def test_a_call_without_a_key_has_the_key_none() -> None:
    seen: list[Hashable] = []
    Captured(seen.append, torch.device("cpu"))()
    assert seen == [None]
