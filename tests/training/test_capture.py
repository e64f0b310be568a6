"""When a step runs plainly, is recorded and is replayed, with a fake torch.cuda.

Whether replays compute the right values is tested on a GPU, in test_gpu.py.
"""

from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from gancli.training import capture
from gancli.training.capture import WARM_UP_CALLS, CapturedStep

CUDA = torch.device("cuda")


class FakeCuda:
    """Replaces torch.cuda, and logs what the device does, in order, with the stream."""

    def __init__(self) -> None:
        self.stream: Any = "main"
        self.recording: FakeGraph | None = None
        self.graphs: list[FakeGraph] = []
        self.log: list[str] = []  # what the device does

    def step(self, key: Hashable) -> None:
        """The step: it runs at once, or, while a graph records, at every replay of the graph."""
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
    def graph(self, graph: "FakeGraph", **options: Any) -> Iterator[None]:
        graph.options, self.recording = options, graph
        yield
        self.recording = None


class FakeStream:
    def __init__(self, cuda: FakeCuda, name: str) -> None:
        self.cuda, self.name = cuda, name

    def __str__(self) -> str:
        return self.name

    def wait_stream(self, other: object) -> None:
        self.cuda.log.append(f"{self} waits for {other}")


class FakeGraph:
    def __init__(self, cuda: FakeCuda) -> None:
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
def cuda(monkeypatch: pytest.MonkeyPatch) -> FakeCuda:
    cuda = FakeCuda()
    main = cuda.stream = FakeStream(cuda, "main")
    fake = SimpleNamespace(
        Stream=lambda device: FakeStream(cuda, "side"),
        current_stream=lambda: main,
        stream=cuda.use,
        graph=cuda.graph,
        CUDAGraph=lambda: FakeGraph(cuda),
    )
    monkeypatch.setattr(capture.torch, "cuda", fake)
    return cuda


def calls(step: CapturedStep, cuda: FakeCuda, *keys: Hashable) -> list[str]:
    """The log of these calls, without the lines about waiting."""
    cuda.log.clear()
    for key in keys:
        step(key)
    return [line for line in cuda.log if "waits" not in line]


def test_step_warms_up_on_a_side_stream_and_is_then_replayed(cuda: FakeCuda) -> None:
    step = CapturedStep(cuda.step, CUDA)
    assert calls(step, cuda, *["a"] * WARM_UP_CALLS) == ["a on side"] * WARM_UP_CALLS
    assert cuda.graphs == []
    assert calls(step, cuda, "a", "a") == ["replay a"] * 2  # each call is one step
    assert len(cuda.graphs) == 1
    assert cuda.graphs[0].recorded == ["a"]


def test_streams_wait_for_each_other_around_a_warm_up_call(cuda: FakeCuda) -> None:
    CapturedStep(cuda.step, CUDA)("a")
    assert cuda.log == ["side waits for main", "a on side", "main waits for side"]


def test_each_key_has_its_own_warm_up_and_graph_in_one_memory_pool(cuda: FakeCuda) -> None:
    step = CapturedStep(cuda.step, CUDA)
    calls(step, cuda, *["a"] * 4)
    assert calls(step, cuda, "b", "a", "b", "b") == ["b on side", "replay a", *["b on side"] * 2]
    assert calls(step, cuda, "b", "a", "b") == ["replay b", "replay a", "replay b"]
    first, second = cuda.graphs
    assert (first.recorded, second.recorded) == (["a"], ["b"])
    assert (first.options["pool"], second.options["pool"]) == (None, first.pool())
    assert {str(graph.options["stream"]) for graph in cuda.graphs} == {"side"}


def test_reset_drops_graphs_and_warms_up_again(cuda: FakeCuda) -> None:
    step = CapturedStep(cuda.step, CUDA)
    calls(step, cuda, *["a"] * 5)
    step.reset()
    assert calls(step, cuda, *["a"] * 4) == [*["a on side"] * WARM_UP_CALLS, "replay a"]
    assert len(cuda.graphs) == 2


@pytest.mark.parametrize("needed", [True, False])
def test_rng_is_registered_with_the_graph_if_torch_requires_it(
    cuda: FakeCuda, monkeypatch: pytest.MonkeyPatch, needed: bool
) -> None:
    monkeypatch.setattr(capture, "REGISTER_GENERATOR", needed)
    rng = torch.Generator()
    for given, expected in ((rng, [rng] if needed else []), (None, [])):
        calls(CapturedStep(cuda.step, CUDA, rng=given), cuda, *["a"] * 4)
        assert cuda.graphs[-1].generators == expected


@pytest.mark.parametrize(("device", "enabled"), [(torch.device("cpu"), True), (CUDA, False)])
def test_every_call_is_plain_on_a_cpu_and_when_capture_is_disabled(
    cuda: FakeCuda, device: torch.device, enabled: bool
) -> None:
    step = CapturedStep(cuda.step, device, enabled=enabled)
    assert calls(step, cuda, *["a"] * 5, "b") == [*["a on main"] * 5, "b on main"]
    assert cuda.graphs == []


def test_the_default_key_is_none() -> None:
    seen: list[Hashable] = []
    CapturedStep(seen.append, torch.device("cpu"))()
    assert seen == [None]
