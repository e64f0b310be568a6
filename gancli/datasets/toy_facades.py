"""Drawn building fronts: 500 pairs of photo and label map, 256x256, made here and now; no download.

For tests and a first try of pix2pix. The labels and their colours are those of the CMP facade
database (`data.cmp`), and as there each element is labelled by its bounding box. A front is planned
first (`_Front`), then painted from back to front on a photo and its map at once (`_Canvas`).
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFilter

from gancli.data import cache
from gancli.data.cmp import PALETTE
from gancli.data.pictures import Info, Pictures, Places
from gancli.data.rows import RowWriter
from gancli.reporting import Progress, Say, silent

INFO = Info(
    title="Toy facades: drawn building fronts and their label maps",
    size="256x256 colour, photo and label map",
    train=400,
    test=100,
    terms="none: drawn by this program, in the colours of the CMP facade database",
    home="built in",
)
SCALES = True
PAIRS = True

NAME = "toy-facades"
VERSION = "toy-facades-1"  # of the drawing; another one is drawn anew
SEED = 0
SIZE = 256
FINE = 2  # photos are painted this much larger, so that slanted and round edges come out smooth
NEUTRAL = 128  # of the shading: light neither added nor taken away

Array = npt.NDArray[Any]
Colour = tuple[int, int, int]
Box = tuple[float, float, float, float]  # left, top, right, bottom in pixels, the ends excluded

LABELS = {name: number for number, (name, _) in enumerate(PALETTE)}
COLOURS = np.array([colour for _, colour in PALETTE], np.uint8)

WALLS: tuple[Colour, ...] = (
    *((216, 184, 124), (206, 158, 142), (192, 190, 186), (232, 220, 190), (176, 184, 156)),
    *((158, 172, 186), (222, 220, 214), (168, 142, 112), (226, 196, 148), (198, 204, 190)),
)
BRICKS: tuple[Colour, ...] = ((158, 88, 66), (176, 112, 80), (136, 78, 66), (190, 150, 110))
TRIMS: tuple[Colour, ...] = ((236, 230, 214), (206, 190, 160), (226, 224, 220), (190, 184, 174))
FRAMES: tuple[Colour, ...] = ((240, 240, 236), (232, 226, 210), (96, 66, 46), (70, 74, 76))
ACCENTS: tuple[Colour, ...] = (
    *((142, 44, 40), (44, 84, 62), (48, 70, 112), (112, 74, 44), (60, 58, 60), (186, 132, 52)),
)
GLASS: tuple[Colour, ...] = ((52, 60, 68), (74, 88, 104), (112, 134, 156), (60, 56, 54))
ROOFS: tuple[Colour, ...] = ((156, 74, 52), (126, 66, 54), (92, 94, 100), (78, 84, 86))
SKIES: tuple[tuple[Colour, Colour], ...] = (  # above, at the horizon
    ((112, 156, 212), (196, 214, 232)),
    ((186, 198, 212), (226, 230, 234)),
    ((224, 228, 232), (240, 240, 238)),
    ((136, 172, 206), (234, 226, 214)),
)
CHANCES = {  # of a front to wear this at all
    "surround": 0.7,
    "cornice": 0.6,
    "sill": 0.7,
    "balcony": 0.5,
    "blind": 0.45,
    "shutter": 0.2,
    "deco": 0.45,
    "band": 0.75,
    "pillar": 0.35,
    "portal": 0.5,
    "shop": 0.5,
    "rustic": 0.4,
    "roof": 0.4,
}


def load(
    places: Places,
    split: str,
    size: int | None = None,
    say: Say = silent,
    progress: Progress = silent,
) -> Pictures:
    """The `train` or `test` pairs at `size` x `size` (256), drawn the first time and then kept.

    `images` are the photos and `partners` the label maps, each uint8 (N, size, size, 3); resized
    maps keep to the colours of `palette`.
    """
    side = size or SIZE
    first, count = (0, INFO.train) if split == "train" else (INFO.train, INFO.test)

    def fill(into: RowWriter) -> Pictures:
        say(f"{NAME}: drawing {count:,} pairs, once.")
        for i in range(count):
            photo, labels = draw(first + i)
            small = _resized(photo, side, Image.Resampling.LANCZOS)
            crisp = _resized(labels, side, Image.Resampling.NEAREST)
            into.append(np.stack([small, crisp])[None])
            progress(NAME, i + 1, count)
        return Pictures(name=NAME, split=split, images=None, palette=PALETTE)

    folders = (places.keep / NAME, *places.folders(NAME))
    return cache.once([f / f"{split}-{side}.rows" for f in folders], VERSION, fill, say)


def draw(index: int, seed: int = SEED) -> tuple[Array, Array]:
    """Photo and label map of pair `index`, each uint8 (256, 256, 3).

    They depend on `seed` and `index` alone. One core draws about a hundred a second.
    """
    rng = np.random.default_rng([seed, index])
    front = _plan(rng)
    canvas = _Canvas(_backdrop(front))
    canvas.label("facade", front.box)
    if front.has("roof"):
        _roof(canvas, front)
    for storey in range(len(front.floors) - 2):
        _upper_storey(canvas, front, storey)
    _ground_floor(canvas, front)
    _moldings(canvas, front)
    _balconies(canvas, front)
    return _developed(canvas, rng), COLOURS.take(np.asarray(canvas.labels), axis=0)


def _resized(picture: Array, size: int, how: Image.Resampling) -> Array:
    if len(picture) == size:
        return picture
    return np.asarray(Image.fromarray(picture).resize((size, size), how))


@dataclass(frozen=True, kw_only=True)
class _Front:
    """One building: where it stands, what it is made of and what it wears."""

    edges: tuple[float, ...]  # x of the columns' borders, from left to right
    floors: tuple[float, ...]  # y of the storeys' borders, from the eaves to the street
    bricks: bool
    wall: Colour
    trim: Colour  # of everything that stands out
    frame: Colour
    glass: Colour
    accent: Colour  # of doors, shutters and shops
    wide: float  # share of its column that a window takes
    tall: float  # share of its storey
    panes: tuple[int, int]  # across, down
    arched: bool
    pediment: str  # "flat", "gable" or "segment"
    wears: frozenset[str]  # of CHANCES
    rng: np.random.Generator  # for what differs from window to window

    @property
    def box(self) -> Box:
        return self.edges[0], self.floors[0], self.edges[-1], self.floors[-1]

    def has(self, ornament: str) -> bool:
        return ornament in self.wears

    def chance(self, share: float) -> bool:
        return bool(self.rng.random() < share)


class _Canvas:
    """A photo in fine pixels, its shading and its label map, painted with one hand."""

    def __init__(self, backdrop: Array) -> None:
        """`backdrop` is uint8 (256, 256, 3); the map is all background."""
        fine = (SIZE * FINE, SIZE * FINE)
        self.photo = Image.fromarray(backdrop).resize(fine, Image.Resampling.NEAREST)
        self.shading = Image.new("L", (SIZE, SIZE), NEUTRAL)
        self.labels = Image.new("L", (SIZE, SIZE), LABELS["background"])
        self._brush = ImageDraw.Draw(self.photo)
        self._shade = ImageDraw.Draw(self.shading)
        self._pen = ImageDraw.Draw(self.labels)

    def label(self, name: str, box: Box) -> None:
        """Name a box, and take away the shadows that fell there."""
        _rectangle(self._pen, box, LABELS[name])
        _rectangle(self._shade, box, NEUTRAL)

    def label_shape(self, name: str, points: list[tuple[float, float]]) -> None:
        self._pen.polygon([(round(x), round(y)) for x, y in points], LABELS[name])

    def fill(self, box: Box, colour: Colour) -> None:
        _rectangle(self._brush, _fine(box), colour)

    def shape(self, points: list[tuple[float, float]], colour: Colour) -> None:
        self._brush.polygon([(x * FINE, y * FINE) for x, y in points], colour)

    def disc(self, box: Box, colour: Colour) -> None:
        self._brush.ellipse(_fine(box), colour)

    def arch(self, box: Box, rise: float, colour: Colour) -> None:
        """A box whose upper side is half an ellipse, `rise` high."""
        left, top, right, bottom = box
        if rise > 0:
            self._brush.pieslice(_fine((left, top, right, top + 2 * rise)), 180, 360, colour)
        self.fill((left, top + rise, right, bottom), colour)

    def rows(self, box: Box, step: float, colour: Colour) -> None:
        """Thin lines across a box, `step` apart."""
        for y in np.arange(box[1] + step / 2, box[3], step).tolist():
            self.fill((box[0], y, box[2], y + 1 / FINE), colour)

    def bars(self, box: Box, step: float, colour: Colour, thick: float = 1 / FINE) -> None:
        """Thin lines down a box, `step` apart."""
        for x in np.arange(box[0] + step / 2, box[2], step).tolist():
            self.fill((x, box[1], x + thick, box[3]), colour)

    def shadow(self, box: Box, light: float) -> None:
        """Let a share of the light into a box; more than 1 lightens it."""
        _rectangle(self._shade, box, round(NEUTRAL * light))


def _rectangle(pen: ImageDraw.ImageDraw, box: Box, colour: Colour | int) -> None:
    """Fill a box of the pen's own pixels; nothing where it is empty."""
    left, top, right, bottom = round(box[0]), round(box[1]), round(box[2]), round(box[3])
    if left < right and top < bottom:
        pen.rectangle((left, top, right - 1, bottom - 1), colour)


def _fine(box: Box) -> Box:
    left, top, right, bottom = box
    return left * FINE, top * FINE, right * FINE, bottom * FINE


def _plan(rng: np.random.Generator) -> _Front:
    bricks = bool(rng.random() < 0.3)
    wall = _near(rng, _one(rng, BRICKS if bricks else WALLS))
    wears = frozenset(name for name, share in CHANCES.items() if rng.random() < share)
    edges = _columns(rng)
    return _Front(
        edges=edges,
        floors=_storeys(rng, float(np.median(np.diff(edges))), roof="roof" in wears),
        bricks=bricks,
        wall=wall,
        trim=_near(rng, _one(rng, (*TRIMS, _tone(wall, 1.14)))),
        frame=_one(rng, FRAMES),
        glass=_near(rng, _one(rng, GLASS)),
        accent=_near(rng, _one(rng, ACCENTS)),
        wide=rng.uniform(0.36, 0.46) if "shutter" in wears else rng.uniform(0.44, 0.6),
        tall=rng.uniform(0.54, 0.66),
        panes=_one(rng, ((2, 2), (2, 2), (2, 3), (1, 2), (3, 2), (2, 1))),
        arched=bool(rng.random() < 0.25),
        pediment=_one(rng, ("flat", "gable", "segment")),
        wears=wears,
        rng=rng,
    )


def _columns(rng: np.random.Generator) -> tuple[float, ...]:
    """Borders of 4 to 8 columns; the middle one of an odd number may be wider."""
    left, right = (int(rng.integers(6, 26)) if rng.random() < 0.5 else 0 for _ in range(2))
    count = int(rng.integers(4, 9))
    widths = np.ones(count)
    if count % 2 and rng.random() < 0.5:
        widths[count // 2] = rng.uniform(1.1, 1.25)
    return _borders(left, SIZE - right, widths)


def _storeys(rng: np.random.Generator, column: float, roof: bool) -> tuple[float, ...]:
    """Borders of 2 to 6 storeys, the ground floor the highest; `roof` leaves room above.

    They are about as high as a `column` is wide, or up to half as high again.
    """
    top = int(rng.integers(38, 62)) if roof else int(rng.integers(4, 46))
    street = int(rng.integers(236, 251))
    count = round((street - top) / (column * rng.uniform(0.95, 1.5)))
    heights = np.ones(min(max(count, 2), 6))
    heights[0] = rng.uniform(0.85, 1)
    heights[-1] = rng.uniform(1.1, 1.35)
    return _borders(top, street, heights)


def _borders(first: int, last: int, shares: Array) -> tuple[float, ...]:
    """Whole pixels from `first` to `last`, the gaps in proportion to `shares`."""
    places = first + (last - first) * np.cumsum(shares) / shares.sum()
    return (float(first), *places.round().tolist())


def _backdrop(front: _Front) -> Array:
    """Sky, neighbours, bare wall and street, uint8 (256, 256, 3)."""
    rng = front.rng
    left, top, right, bottom = (int(side) for side in front.box)
    picture = _sky(rng)
    for side in (slice(0, left), slice(right, SIZE)):
        roofline = max(top + int(rng.integers(-30, 60)), 0)
        picture[roofline:, side] = _tone(_one(rng, WALLS + BRICKS), 0.8)
    picture[top:bottom, left:right] = _lit(front.wall, _texture(front)[top:bottom, left:right])
    if front.has("rustic"):
        ground, blocks = int(front.floors[-2]), _masonry(rng, 9, 22, 0.8, 0.03)
        base = _tone(front.wall, rng.uniform(0.8, 1.05))
        picture[ground:bottom, left:right] = _lit(base, blocks[ground:bottom, left:right])
    asphalt = rng.uniform(115, 170)
    picture[bottom:] = asphalt
    picture[bottom] = 0.6 * asphalt
    picture[bottom + 5 : bottom + 6] = 0.8 * asphalt  # the kerb
    return picture


def _sky(rng: np.random.Generator) -> Array:
    """From its colour above to that at the horizon, with clouds: uint8 (256, 256, 3)."""
    above, horizon = np.array(_one(rng, SKIES), np.float32)
    clouds = rng.uniform(0, 0.2) * _smooth(rng, 6)
    fall = (np.linspace(0, 1, SIZE, dtype=np.float32)[:, None] + clouds).clip(0, 1)
    planes = [low + (high - low) * fall for low, high in zip(above, horizon, strict=True)]
    return np.stack(planes, -1).astype(np.uint8)


def _lit(colour: Colour, light: Array) -> Array:
    """A colour in the light (H, W) of each pixel: uint8 (H, W, 3)."""
    planes = [np.minimum(channel * light, 255).astype(np.uint8) for channel in colour]
    return np.stack(planes, -1)


def _texture(front: _Front) -> Array:
    """What bricks or plaster make of the light, float32 (256, 256) about 1."""
    rng = front.rng
    stains = 1 + 0.03 * _smooth(rng, 5)
    if front.bricks:
        return np.multiply(stains, _masonry(rng, 4, 8, 1.14, 0.07))
    return np.add(stains, rng.uniform(0.01, 0.03) * _smooth(rng, 40))


def _masonry(
    rng: np.random.Generator, height: int, width: int, joint: float, spread: float
) -> Array:
    """Courses of blocks, every other one set off by half, float32 (256, 256) about 1.

    Joints are `joint` times as light as the blocks, which differ by `spread`.
    """
    courses, across = SIZE // height + 1, SIZE // width + 2
    tones = 1 + spread * rng.standard_normal((courses, across), np.float32)
    wall = tones.repeat(width, axis=1)
    wall[:, width - 1 :: width] = joint
    wall[1::2] = np.roll(wall[1::2], width // 2, axis=1)
    wall = wall.repeat(height, axis=0)
    wall[height - 1 :: height] = joint
    return wall[:SIZE, width : width + SIZE]


def _smooth(rng: np.random.Generator, knots: int) -> Array:
    """Noise about as rough as `knots` bumps along a side, float32 (256, 256)."""
    coarse = Image.fromarray(rng.standard_normal((knots, knots), np.float32))
    return np.asarray(coarse.resize((SIZE, SIZE), Image.Resampling.BICUBIC))


def _developed(canvas: _Canvas, rng: np.random.Generator) -> Array:
    """The photo in its light, with the grain of a camera: uint8 (256, 256, 3)."""
    ramp = np.linspace(-0.5, 0.5, SIZE, dtype=np.float32)
    across, down = rng.uniform(-0.2, 0.2, (2, 1)).astype(np.float32)
    light = np.asarray(canvas.shading.filter(ImageFilter.BoxBlur(0.6)), np.float32) / NEUTRAL
    light *= 1 + across * ramp + (down * ramp)[:, None] + 0.02 * _smooth(rng, 8)
    grain = rng.uniform(1.5, 5) * rng.standard_normal(light.shape, np.float32)
    photo = np.asarray(canvas.photo.reduce(FINE), np.float32).reshape(SIZE, -1)
    photo *= light.repeat(3, axis=1)  # thrice as wide: much faster than to broadcast to 3 channels
    photo += grain.repeat(3, axis=1)
    return photo.clip(0, 255).astype(np.uint8).reshape(SIZE, SIZE, 3)


def _roof(canvas: _Canvas, front: _Front) -> None:
    """A tiled roof with dormers; like its walls, it counts as facade."""
    left, eaves, right, _ = front.box
    ridge, slope = eaves - front.rng.uniform(24, 34), front.rng.uniform(0, 18)
    colour = _near(front.rng, _one(front.rng, ROOFS))
    for x in front.rng.uniform(left + 24, right - 24, front.rng.integers(3)).tolist():
        chimney = (x - 4, ridge - 7, x + 4, ridge + 1)
        canvas.label("facade", chimney)
        canvas.fill(chimney, _tone(front.wall, 0.75))
        canvas.fill((x - 5, ridge - 8, x + 5, ridge - 6), _tone(front.wall, 0.55))
    outline = [(left, eaves), (left + slope, ridge), (right - slope, ridge), (right, eaves)]
    canvas.label_shape("facade", outline)
    canvas.shape(outline, colour)
    for y in np.arange(ridge + 2, eaves, 3).tolist():
        inset = slope * (eaves - y) / (eaves - ridge)
        canvas.fill((left + inset, y, right - inset, y + 0.5), _tone(colour, 0.78))
    canvas.fill((left + slope, ridge - 0.5, right - slope, ridge + 1), _tone(colour, 1.2))
    if front.chance(0.75):
        for middle in _middles(front)[:: 1 if front.chance(0.6) else 2]:
            _dormer(canvas, front, middle, ridge + 6, eaves - 6)


def _dormer(canvas: _Canvas, front: _Front, middle: float, top: float, bottom: float) -> None:
    half = 4.5
    canvas.shadow((middle - half - 2, top, middle + half + 3, bottom + 1), 0.8)
    canvas.fill((middle - half - 1.5, top, middle + half + 1.5, bottom), front.trim)
    _pane_grid(canvas, front, (middle - half, top + 5, middle + half, bottom), (2, 1))
    canvas.label("window", (middle - half, top + 5, middle + half, bottom))
    _cornice(canvas, front, (middle - half - 2, top - 1, middle + half + 2, top + 4), "gable")


def _upper_storey(canvas: _Canvas, front: _Front, storey: int) -> None:
    top, bottom = front.floors[storey], front.floors[storey + 1]
    if front.has("pillar"):
        _pillars(canvas, front, top + 1, bottom)
    headed = front.has("cornice") and (storey % 2 == 0 or front.chance(0.6))
    decorated = front.has("deco") and front.chance(0.6)
    pediment = front.pediment if front.chance(0.6) else "flat"
    for column in range(len(front.edges) - 1):
        box = _opening(front, storey, column)
        _window(canvas, front, box)
        room = box[1] - top - 4
        if headed and room >= 3:
            _cornice(canvas, front, _over(box, 3 if pediment == "flat" else min(6, room)), pediment)
        if front.has("sill"):
            _sill(canvas, front, box)
        if decorated and bottom - box[3] > 10:
            _panel(canvas, front, (box[0], box[3] + 4, box[2], min(box[3] + 10, bottom - 2)))


def _opening(front: _Front, storey: int, column: int) -> Box:
    """Where the window of a cell goes, in whole pixels: upright, with room above and below."""
    left, right = front.edges[column : column + 2]
    top, bottom = front.floors[storey : storey + 2]
    height = round((bottom - top) * front.tall)
    width = round(min((right - left) * front.wide, height * 0.85))
    height = min(height, round(width * 2.3))
    start, end = (left + right - width) // 2, round(bottom - 0.24 * (bottom - top))
    return start, end - height, start + width, end


def _window(canvas: _Canvas, front: _Front, box: Box) -> None:
    left, top, right, bottom = box
    rise = (right - left) * 0.45 if front.arched else 0.0
    if front.has("surround"):
        canvas.shadow((left - 2, top - 1, right + 3, bottom + 2), 0.86)
        canvas.arch((left - 2, top - 2, right + 2, bottom + 1), rise and rise + 1, front.trim)
    canvas.label("window", box)
    if front.arched:
        canvas.arch(box, rise, front.frame)
        glass = (left + 1, top + 1, right - 1, top + rise)
        canvas.arch(glass, rise - 1, _tone(front.glass, front.rng.uniform(0.85, 1.2)))
        middle = (left + right) / 2
        canvas.fill((middle - 0.5, top, middle + 0.5, top + rise), front.frame)
    _pane_grid(canvas, front, (left, top + rise, right, bottom), front.panes)
    canvas.shadow((left, top, right, top + 1), 0.7)  # of the lintel
    canvas.shadow((left, top + rise, left + 1, bottom), 0.82)
    if front.has("shutter"):
        _shutters(canvas, front, box)
    elif front.has("blind") and front.chance(0.5):
        _blind(canvas, front, box)


def _pane_grid(canvas: _Canvas, front: _Front, box: Box, panes: tuple[int, int]) -> None:
    """A frame with as many panes across and down; each mirrors a little sky."""
    left, top, right, bottom = box
    across, down = panes
    dark = _tone(front.glass, front.rng.uniform(0.7, 1.15))
    light = _tone(dark, front.rng.uniform(1.15, 1.9))
    canvas.fill(box, front.frame)
    xs = np.linspace(left + 0.5, right - 0.5, across + 1).tolist()
    ys = _transoms(top + 0.5, bottom - 0.5, down)
    slant = front.rng.uniform(0.2, 0.8)
    for upper, lower in pairwise(ys):
        for start, end in pairwise(xs):
            pane = (start + 0.5, upper + 0.5, end - 0.5, lower - 0.5)
            canvas.fill(pane, dark)
            reach = (lower - upper) * slant
            corners = [(pane[0], pane[1]), (pane[2] - 0.5, pane[1]), (pane[0], pane[1] + reach)]
            canvas.shape(corners, light)
    if front.chance(0.3):
        _curtains(canvas, front, (left + 1, top + 1, right - 1, bottom - 1))


def _transoms(top: float, bottom: float, down: int) -> list[float]:
    """Borders of the panes from top to bottom; of two, the upper one is the smaller."""
    shares = [0, 0.36, 1] if down == 2 else np.linspace(0, 1, down + 1).tolist()
    return [top + (bottom - top) * share for share in shares]


def _curtains(canvas: _Canvas, front: _Front, box: Box) -> None:
    left, top, right, bottom = box
    cloth, width = (206, 200, 188), (right - left) * front.rng.uniform(0.14, 0.24)
    canvas.shape([(left, top), (left + 1.3 * width, top), (left, bottom)], cloth)
    canvas.shape([(right - 0.5, top), (right - 1.3 * width, top), (right - 0.5, bottom)], cloth)


def _blind(canvas: _Canvas, front: _Front, box: Box) -> None:
    """A roller blind, let down by some way."""
    left, top, right, bottom = box
    end = round(top + (bottom - top) * front.rng.uniform(0.25, 0.85))
    cloth = _tone((214, 206, 186), front.rng.uniform(0.8, 1.1))
    area = (left, top, right, end)
    canvas.label("blind", area)
    canvas.arch(area, min((right - left) * 0.45, end - top) if front.arched else 0, cloth)
    canvas.rows((left, top + (2 if front.arched else 0), right, end), 1.5, _tone(cloth, 0.84))
    canvas.shadow((left, end, right, end + 1), 0.75)


def _shutters(canvas: _Canvas, front: _Front, box: Box) -> None:
    """A wing on either side, or both shut."""
    left, top, right, bottom = box
    half = (right - left) // 2
    shut = front.chance(0.15)
    starts = (left, right - half) if shut else (left - half - 1, right + 1)
    for start in starts:
        wing = (start, top, start + half, bottom)
        canvas.shadow((start, top, start + half + 1, bottom + 1), 0.8)
        canvas.label("blind", wing)
        canvas.fill(wing, front.accent)
        slats = (start + 1, top + 1, start + half - 1, bottom - 1)
        canvas.rows(slats, 1.5, _tone(front.accent, 0.66))
        canvas.fill(
            (start, (top + bottom) / 2 - 0.5, start + half, (top + bottom) / 2 + 0.5), front.accent
        )


def _over(box: Box, rise: float) -> Box:
    """Where the cornice of a window goes."""
    left, top, right, _ = box
    return left - 3, top - 2 - round(rise), right + 3, top - 2


def _cornice(canvas: _Canvas, front: _Front, box: Box, pediment: str) -> None:
    left, top, right, bottom = box
    canvas.shadow((left + 1, bottom, right + 1, bottom + 2), 0.72)
    canvas.label("cornice", box)
    pale, dark = _tone(front.trim, 1.06), _tone(front.trim, 0.72)
    middle, field = (left + right) / 2, _tone(front.trim, 0.86)
    if pediment == "gable":
        canvas.shape([(left, bottom - 1), (middle, top), (right, bottom - 1)], pale)
        canvas.shape(
            [(left + 4, bottom - 1.5), (middle, top + 1.5), (right - 4, bottom - 1.5)], field
        )
    elif pediment == "segment":
        canvas.arch((left, top, right, bottom), bottom - top - 1, pale)
        canvas.arch((left + 3, top + 1.5, right - 3, bottom - 1), bottom - top - 2.5, field)
    else:
        canvas.fill(box, front.trim)
    canvas.fill((left, bottom - 1.5, right, bottom - 0.5), pale)
    canvas.fill((left, bottom - 0.5, right, bottom), dark)


def _sill(canvas: _Canvas, front: _Front, box: Box) -> None:
    left, _, right, bottom = box
    ledge = (left - 2, bottom, right + 2, bottom + 3)
    canvas.shadow((left - 1, bottom + 3, right + 3, bottom + 5), 0.74)
    canvas.label("sill", ledge)
    canvas.fill(ledge, front.trim)
    canvas.fill((left - 2, bottom, right + 2, bottom + 1), _tone(front.trim, 1.08))
    canvas.fill((left - 2, bottom + 2.5, right + 2, bottom + 3), _tone(front.trim, 0.7))


def _panel(canvas: _Canvas, front: _Front, box: Box) -> None:
    """Stucco: a sunk field with a garland or a row of rosettes."""
    left, top, right, bottom = box
    canvas.label("deco", box)
    pale, dark = _tone(front.trim, 1.05), _tone(front.trim, 0.74)
    canvas.fill(box, front.trim)
    canvas.fill((left + 0.5, top + 0.5, right - 0.5, bottom - 0.5), dark)
    canvas.fill((left + 1, top + 1, right - 0.5, bottom - 0.5), _tone(front.trim, 0.88))
    side = bottom - top - 2
    for x in np.arange(left + 1, right - side, side + 1).tolist():
        canvas.disc((x, top + 1, x + side, bottom - 1), dark)
        canvas.disc((x, top + 1, x + side - 0.5, bottom - 1.5), pale)


def _pillars(canvas: _Canvas, front: _Front, top: float, bottom: float) -> None:
    """Flat pillars at the edges, and between the columns where these leave room."""
    gap = min(np.diff(front.edges)) * (1 - front.wide)
    half = 2.0 if gap < 14 else 3.0
    left, _, right, _ = front.box
    inner = front.edges[1:-1] if gap > 11 and not front.has("shutter") else ()
    for x in (left + half, *inner, right - half):
        _pillar(canvas, front, (x - half, top, x + half, bottom))


def _pillar(canvas: _Canvas, front: _Front, box: Box) -> None:
    left, top, right, bottom = box
    canvas.shadow((right, top, right + 1, bottom), 0.78)
    canvas.label("pillar", box)
    canvas.fill(box, front.trim)
    canvas.fill((left + 0.5, top, left + 1.5, bottom), _tone(front.trim, 1.1))
    canvas.fill((right - 1, top, right, bottom), _tone(front.trim, 0.76))
    for y in (top + 3, bottom - 4):
        canvas.fill((left, y, right, y + 1), _tone(front.trim, 0.7))


def _moldings(canvas: _Canvas, front: _Front) -> None:
    """The crown under the eaves, and bands between storeys."""
    left, top, right, _ = front.box
    height = round(front.rng.uniform(5, 11))
    crown = (left, top - 3, right, top - 3 + height)
    _molding(canvas, front, crown)
    teeth = (left, top - 5 + height, right, top - 3 + height)
    canvas.bars(teeth, 4, _tone(front.trim, 0.62), thick=1.5)
    ground = len(front.floors) - 2
    for storey in range(1, ground + 1):
        y = front.floors[storey]
        if front.has("band") and (storey == ground or front.chance(0.6)):
            _molding(canvas, front, (left, y - 2, right, y + (3 if storey == ground else 2)))


def _molding(canvas: _Canvas, front: _Front, box: Box) -> None:
    left, top, right, bottom = box
    canvas.label("molding", box)
    canvas.fill(box, front.trim)
    canvas.fill((left, top, right, top + 1), _tone(front.trim, 1.1))
    canvas.fill((left, top + 1.5, right, top + 2), _tone(front.trim, 0.8))
    canvas.fill((left, bottom - 0.5, right, bottom), _tone(front.trim, 0.66))
    canvas.shadow((left, bottom, right, bottom + 2), 0.72)
    canvas.shadow((left, bottom + 2, right, bottom + 3), 0.88)


def _balconies(canvas: _Canvas, front: _Front) -> None:
    """On one storey or two: before some windows, or along the whole front."""
    upper, columns = len(front.floors) - 2, len(front.edges) - 1
    if not front.has("balcony") or upper < 1:
        return
    iron = front.chance(0.7)
    for storey in {int(front.rng.integers(upper)) for _ in range(2)}:
        some = _one(front.rng, (range(columns), range(0, columns, 2), (columns // 2,), "long"))
        if some == "long":
            first, last = _opening(front, storey, 0), _opening(front, storey, columns - 1)
            _balcony(canvas, front, (first[0] - 4, 0, last[2] + 4, first[3]), iron)
            continue
        for column in some:
            left, _, right, bottom = _opening(front, storey, column)
            _balcony(canvas, front, (left - 4, 0, right + 4, bottom), iron)


def _balcony(canvas: _Canvas, front: _Front, box: Box, iron: bool) -> None:
    """A slab at the lower side of `box` with a railing; what lies behind shows through iron."""
    left, _, right, bottom = box
    area = (left, bottom - 8, right, bottom + 4)
    canvas.shadow((left + 1, bottom + 4, right + 2, bottom + 9), 0.68)
    canvas.label("balcony", area)
    rail = (48, 48, 50) if iron else front.trim
    if not iron:
        canvas.fill((left, bottom - 8, right, bottom + 2), _tone(front.trim, 0.55))
    canvas.bars((left, bottom - 8, right, bottom + 2), 2 if iron else 3, rail, 0.5 if iron else 1.5)
    canvas.fill((left, bottom - 8, right, bottom - 7 + (not iron)), rail)
    canvas.fill((left, bottom + 1, right, bottom + 4), front.trim)
    canvas.fill((left, bottom + 1, right, bottom + 1.5), _tone(front.trim, 1.1))
    canvas.fill((left, bottom + 3, right, bottom + 4), _tone(front.trim, 0.66))


def _ground_floor(canvas: _Canvas, front: _Front) -> None:
    """One door, and shops or windows beside it."""
    columns, ground = len(front.edges) - 1, len(front.floors) - 2
    street = front.floors[-1]
    plinth = (front.edges[0], street - 5, front.edges[-1], street)
    canvas.fill(plinth, _tone(front.wall, 0.62))
    entrance = columns // 2 if front.chance(0.6) else int(front.rng.integers(columns))
    for column in range(columns):
        if column == entrance:
            _entrance(canvas, front, column)
        elif front.has("shop") and front.chance(0.8):
            _shop(canvas, front, column)
        else:
            box = _opening(front, ground, column)
            _window(canvas, front, box)
            if front.has("sill"):
                _sill(canvas, front, box)


def _entrance(canvas: _Canvas, front: _Front, column: int) -> None:
    """The door, in a portal where the front has one and the column leaves room."""
    top, street = front.floors[-2:]
    left, right = front.edges[column : column + 2]
    width = round(min((right - left) * 0.5, (street - top) * 0.5, 26))
    start = (left + right - width) // 2
    box = (start, round(street - min((street - top) * 0.7, width * 2.2)), start + width, street)
    _door(canvas, front, box)
    if not front.has("portal") or right - left < width + 14:
        return
    for x in (box[0] - 6, box[2] + 2):
        _pillar(canvas, front, (x, box[1] - 2, x + 4, street))
    over = (box[0] - 7, box[1] - 8, box[2] + 7, box[1] - 2)
    if front.has("deco"):
        _panel(canvas, front, over)
    elif over[1] > top + 3:
        _cornice(canvas, front, over, front.pediment)


def _door(canvas: _Canvas, front: _Front, box: Box) -> None:
    """Two wings with panels under a fanlight."""
    left, top, right, bottom = box
    rise = (right - left) * 0.4 if front.arched or front.chance(0.4) else 0.0
    canvas.arch((left - 2, top - 2, right + 2, bottom), rise and rise + 1, front.trim)
    canvas.label("door", box)
    canvas.arch(box, rise, _tone(front.accent, 0.62))
    lintel, middle = round(top + 0.26 * (bottom - top)), (left + right) / 2
    light = (left + 1, top + 1, right - 1, max(lintel, top + rise))
    canvas.arch(light, max(rise - 1, 0), _tone(front.glass, 0.9))
    canvas.bars((left + 1, top + 1, right - 1, light[3]), (right - left) / 3, front.accent)
    for start, end in ((left + 1, middle - 0.5), (middle + 0.5, right - 1)):
        canvas.fill((start, light[3] + 1, end, bottom), front.accent)
        for y in np.linspace(light[3] + 2, bottom - 1, 4).tolist()[:-1]:
            area = (start + 1, y, end - 1, y + (bottom - light[3]) / 3 - 2)
            canvas.fill(area, _tone(front.accent, 0.72))
            canvas.fill((area[0] + 0.5, area[1] + 0.5, area[2], area[3]), _tone(front.accent, 1.15))
    canvas.shadow((left, top + rise, right, top + rise + 2), 0.7)
    canvas.shadow((left, top + rise, left + 1, bottom), 0.75)


def _shop(canvas: _Canvas, front: _Front, column: int) -> None:
    """A sign, perhaps an awning, and a lit display behind glass."""
    left, right = front.edges[column : column + 2]
    floor, street = front.floors[-2:]
    box = (left + 3, round(floor + 0.22 * (street - floor)), right - 3, street)
    colour = _near(front.rng, _one(front.rng, ACCENTS))
    canvas.label("shop", box)
    canvas.fill(box, colour)
    sign, sash = box[1] + 6, street - 6
    _display(canvas, front, (box[0] + 2, sign + 1, box[2] - 2, sash))
    _lettering(canvas, front, (box[0] + 3, box[1] + 1.5, box[2] - 3, sign - 1.5))
    canvas.fill((box[0], street - 5, box[2], street), _tone(colour, 0.8))
    if front.chance(0.5):
        _awning(canvas, front, (box[0], sign, box[2], sign + 8), colour)


def _display(canvas: _Canvas, front: _Front, box: Box) -> None:
    """Goods before a back wall, in warm light or none."""
    left, top, right, bottom = box
    back = (186, 158, 112) if front.chance(0.4) else _tone(front.glass, 0.9)
    canvas.fill(box, _tone(back, 0.9))
    canvas.fill((left, (top + bottom) / 2, right, bottom), _tone(back, 0.66))
    for x in np.arange(left + 1, right - 4, 4).tolist():
        height = front.rng.uniform(2, 0.6 * (bottom - top))
        goods = _tone(_one(front.rng, ACCENTS + TRIMS), front.rng.uniform(0.6, 1))
        canvas.fill((x, bottom - height, x + front.rng.uniform(2, 4), bottom), goods)
    reach = (right - left) * front.rng.uniform(0.2, 0.5)
    glare = [(left, top), (left + reach, top), (left, bottom)]
    canvas.shape(glare, _tone(back, 1.12))
    canvas.bars(box, (right - left) / 2, front.frame, 1)


def _lettering(canvas: _Canvas, front: _Front, box: Box) -> None:
    left, top, right, bottom = box
    x = left + front.rng.uniform(0, 0.2) * (right - left)
    while x < right - 3:
        wide = front.rng.uniform(1, 2.5)
        canvas.fill((x, top + front.rng.integers(2), x + wide, bottom), (232, 222, 190))
        x += wide + 1


def _awning(canvas: _Canvas, front: _Front, box: Box, colour: Colour) -> None:
    """Striped cloth with a scalloped edge."""
    left, top, right, bottom = box
    stripes = np.linspace(left, right, 2 * max(round((right - left) / 8), 1) + 2).tolist()
    for i, (start, end) in enumerate(pairwise(stripes)):
        cloth = _tone(colour, 1.25) if i % 2 else (232, 226, 212)
        canvas.fill((start, top, end, bottom), cloth)
        canvas.disc((start, bottom - 1.5, end, bottom + 1.5), cloth)
    canvas.shadow((left, top, right, top + 3), 1.1)
    canvas.shadow((left, bottom + 1, right, bottom + 6), 0.7)


def _middles(front: _Front) -> list[float]:
    """x of the columns' middles."""
    return [(left + right) // 2 for left, right in pairwise(front.edges)]


def _one(rng: np.random.Generator, choices: Any) -> Any:
    return choices[int(rng.integers(len(choices)))]


def _near(rng: np.random.Generator, colour: Colour) -> Colour:
    """A colour a little off."""
    red, green, blue = (int(c + d) for c, d in zip(colour, rng.normal(0, 7, 3), strict=True))
    return _tone((red, green, blue), 1)


def _tone(colour: Colour, light: float) -> Colour:
    """A colour in more or less light, kept within 0..255."""
    red, green, blue = (min(max(round(c * light), 0), 255) for c in colour)
    return red, green, blue
