"""`gancli.load`: a trained generator, which makes pictures, films and measurements."""

from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from gancli.config import LAST_SEED, Device, check_choice
from gancli.evaluation.evaluate import Evaluation, evaluate
from gancli.formats import Recipe
from gancli.images import Array
from gancli.reporting import Progress, Say, silent
from gancli.sampling import choices, films, generator, recipes, samples, translate
from gancli.sampling.choices import Items, check_number, words
from gancli.sampling.films import Film
from gancli.sampling.find import find, find_translator
from gancli.sampling.grid import Grid
from gancli.shape import read_direction


def load(
    ref: str | Path,
    *,
    direction: str | None = None,
    model_file: str | Path | None = None,
    device: Device = "auto",
) -> "Generator":
    """Load the generator that `ref` names: its file, a run folder, or the name of a run, a model or
    a dataset. If several runs match, the newest is used; with `direction`, the newest that
    translates that way. `model_file` is the .py file of its model, if it was trained with one.

    Raises UsageError if there is none, or if it needs another file of a model; FileError if its
    file is damaged.
    """
    check_choice("device", device)
    turn = read_direction(direction)
    file = find_translator(str(ref), turn) if turn else find(str(ref))
    return with_methods(generator.load(file, device, str(model_file) if model_file else None))


def with_methods(loaded: generator.Generator, **changes: Any) -> "Generator":
    """Return the same generator, with `changes` of its fields, for use from Python."""
    found = Generator(**{f.name: getattr(loaded, f.name) for f in fields(loaded)} | changes)
    _ = found.digest  # computed now, because later training may replace the file
    return found


class Generator(generator.Generator):
    """A trained generator. Its methods take the same words as the commands of `gan`.

    Seeds and classes can be numbers, lists, ranges, or words such as "0-9". Each method raises
    UsageError for words that do not fit this generator. Pictures carry a recipe, with which
    `gan sample --like` makes them again, if the generator comes from a file.
    """

    def sample(
        self,
        count: int | None = None,
        *,
        seeds: Items | None = None,
        labels: Items | None = None,
        per_class: int | None = None,
        scale: int | None = None,
    ) -> Grid:
        """Make pictures: one for each of `count` or `seeds`, in a row for each class in `labels`.

        Points in the plane are drawn together, in one picture.

        Saved grids are enlarged `scale` times, by default to about 600 pixels.
        """
        choices.check_noise(self.header, self._name, self._name, points=True)
        for option, number in (("-n", count), ("--per-class", per_class)):
            check_number(number, option, 1, choices.MAX_COUNT)
        classes = words(labels)
        named, chosen = choices.seeds(count, per_class, words(seeds), labelled=classes is not None)
        grid = samples.grid(self, chosen, choices.sample_labels(self.header, classes, per_class))
        return self._grid(grid, "sample", {"--seeds": named, "--labels": classes}, scale)

    def sweep(
        self,
        *,
        seeds: Items = 0,
        labels: Items = "all",
        steps: int = choices.STEPS,
        grid: str | tuple[int, int] | None = None,
        fps: float = Film.fps,
        scale: int | None = Film.scale,
    ) -> Film:
        """Animate the label: keep the noise fixed, and take `steps` from each class to the next.

        A frame shows a picture for each of `seeds`. From a single one, they count up in a `grid`
        (rows, columns).
        """
        choices.check_noise(self.header, self._name, self._name)
        typed, classes = str(words(seeds)), str(words(labels))
        cells = None if grid is None else _cells(grid)
        chosen, columns = choices.sweep_seeds(typed, cells)
        stops = choices.sweep_classes(self.header, classes, self._name)
        options = {"--seeds": typed, "--labels": classes, "--steps": steps, "--grid": cells}
        film = films.sweep(self, chosen, stops, _checked(steps), columns)
        return self._film(film, "sweep", options, fps, scale)

    def interpolate(
        self,
        seeds: Items | None = None,
        *,
        steps: int = choices.STEPS,
        path: Literal["slerp", "lerp"] | None = None,
        loop: bool = False,
        labels: Items | None = None,
        fps: float = Film.fps,
        scale: int | None = Film.scale,
    ) -> Film:
        """Animate the noise: walk from seed to seed in `steps`, and with `loop` back to the first.

        The classes in `labels`, by default all, are side by side. The walk follows an arc (`path`
        "slerp") or a straight line ("lerp"); None fits the model's noise.
        """
        choices.check_noise(self.header, self._name, self._name)
        check_choice("path", path)
        classes = words(labels)
        walk = choices.walk(self.header, words(seeds), classes)
        options = {"--seeds": walk.seed_words, "--steps": steps, "--path": path, "--loop": loop}
        film = films.interpolate(self, walk.seeds, _checked(steps), path, loop, walk.labels)
        return self._film(film, "interpolate", options | {"--labels": classes}, fps, scale)

    def plane(
        self,
        seeds: Items | None = None,
        *,
        labels: Items | None = None,
        range: str | tuple[float, float] | None = None,
        grid: str | tuple[int, int] = "20x20",
        scale: int | None = None,
    ) -> Grid:
        """Draw a map of the latent space, as `gan interpolate --plane` does.

        It shows the plane through three seeds, or all of z if the model was trained with `z_dim=2`.
        `range` is the lowest and highest coordinate of both axes.
        """
        choices.check_noise(self.header, self._name, self._name)
        classes, cells = words(labels), _cells(grid)
        typed = range if isinstance(range, str) or range is None else f"{range[0]},{range[1]}"
        chosen = choices.plane(self.header, words(seeds), classes, typed, cells)
        options = {"--seeds": chosen.seed_words, "--labels": classes, "--plane": True}
        options |= {"--range": chosen.range, "--grid": cells}
        return self._grid(films.plane(self, chosen), "interpolate", options, scale)

    def translate(
        self,
        source: str | Path | Array,
        *,
        variations: int = 1,
        seed: int = 0,
        paired: bool = False,
    ) -> Grid:
        """Translate a picture of any size: a file, or uint8 (H, W) or (H, W, C). Needs a model
        that was trained on pairs.

        `variations` makes several results, side by side, with seeds from `seed`. With `paired`, the
        picture is a pair side by side, and the result shows input, output and ground truth. Raises
        DataError if it is not a picture.
        """
        choices.check_pairs(self.header, self._name)
        check_number(variations, "--variations", 1, choices.MAX_COUNT)
        check_number(seed, "--seed", 0, LAST_SEED)
        translate.check_variations(self, variations)
        name = source if isinstance(source, str | Path) else "INPUT"
        options, seeds = {"--seed": seed, "--paired": paired}, range(seed, seed + variations)
        return Grid(
            pictures=np.stack([*translate.pictures(self, source, seeds, paired)]),
            rows=1,
            recipe=self._recipe("translate", options, Path(name).name),
        )

    def evaluate(
        self,
        *,
        samples: int | None = None,
        seed: int = 0,
        quick: bool = False,
        dataset: str | Path | None = None,
        data_dir: str | Path | None = None,
        say: Say = print,
        progress: Progress = silent,
    ) -> Evaluation:
        """Measure `samples` (10,000) against real test pictures, or translations with the truth.

        `quick` takes seconds: 2,000 samples and features that were learned in seconds. Compare its
        figures only with each other.

        The pictures are those of `dataset`, by default the one that the generator was trained on.
        Raises UsageError if that is a .py file and not named here, and DataError or FileError if
        the pictures cannot be loaded.
        """
        check_number(samples, "--samples", 200, choices.MAX_COUNT)
        check_number(seed, "--seed", 0, LAST_SEED)
        where = Path(data_dir).expanduser() if data_dir else None
        return evaluate(
            self,
            dataset=str(dataset) if dataset else None,
            samples=samples,
            seed=seed,
            quick=quick,
            data_dir=where,
            say=say,
            progress=progress,
        )

    def __repr__(self) -> str:
        return f"<Generator {self.header.model}: {self._name}>"

    @property
    def _name(self) -> str:
        """What messages call it."""
        return str(self.path or "the generator of this run")

    def _grid(
        self, grid: Grid, command: str, options: Mapping[str, Any], scale: int | None
    ) -> Grid:
        """Return `grid` with its scale, and its recipe."""
        check_number(scale, "--scale", 1, choices.MAX_SCALE)
        recipe = self._recipe(command, {**options, "--scale": scale})
        return replace(grid, scale=scale, recipe=recipe)

    def _film(
        self, film: Film, command: str, options: Mapping[str, Any], fps: float, scale: int | None
    ) -> Film:
        """Return `film` with how it is shown, and its recipe."""
        check_number(scale, "--scale", 1, choices.MAX_SCALE)
        recipe = self._recipe(command, {**options, "--fps": fps, "--scale": scale})
        return replace(film, fps=fps, scale=scale, recipe=recipe)

    def _recipe(self, command: str, options: Mapping[str, Any], *arguments: str) -> Recipe | None:
        """Return a recipe; None for a generator without a file, which could not be found again."""
        return recipes.recipe(self, command, options, arguments) if self.path else None


def _cells(grid: str | tuple[int, int]) -> str:
    """Return rows and columns as they would be typed: `10x10`."""
    return grid if isinstance(grid, str) else "x".join(map(str, grid))


def _checked(steps: int) -> int:
    check_number(steps, "--steps", 1, choices.MAX_STEPS)
    return steps
