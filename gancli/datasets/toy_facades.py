"""Drawn building facades: 500 pairs of a "photo" and its label map, 256x256; needs no download.

For tests and for a first try of pix2pix. The labels and their colours are those of the CMP Facade
Database (`data.cmp`). As in CMP, each element is labelled by its bounding box. A building is
planned first (`_Front`). It is then painted from back to front, on the photo and the label map at
the same time (`_Canvas`).

The order of the calls to `rng` is part of the drawing: changing it changes every picture.
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
    title="Toy facades: drawn building facades and their label maps",
    size="256x256 colour, pairs of photo (A) and label map (B)",
    train=400,
    test=100,
    terms="none: drawn by this program, with the label colours of the CMP Facade Database",
    home="built in",
)
SCALES = True
PAIRS = True

NAME = "toy-facades"
VERSION = "toy-facades-1"  # the cache key: change it when the drawing changes
SEED = 0
SIZE = 256
FINE = 2  # photos are painted at this scale ("fine pixels") and reduced, which smooths edges
NEUTRAL = 128  # shading value that changes nothing: darker below, lighter above

Array = npt.NDArray[Any]
Colour = tuple[int, int, int]
Box = tuple[
    float, float, float, float
]  # left, top, right, bottom in pixels; right, bottom excluded

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
SKIES: tuple[tuple[Colour, Colour], ...] = (  # (at the top, at the horizon)
    ((112, 156, 212), (196, 214, 232)),
    ((186, 198, 212), (226, 230, 234)),
    ((224, 228, 232), (240, 240, 238)),
    ((136, 172, 206), (234, 226, 214)),
)
ORNAMENT_CHANCES = {  # the probability that a building has this ornament at all
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
    """Load the `train` or `test` pairs at `size` x `size` (default 256); drawn once, then kept.

    `images` are the photos and `partners` the label maps, each uint8 (N, size, size, 3). Label maps
    have only the colours of `palette`, at any size.
    """
    side = size or SIZE
    first, count = (0, INFO.train) if split == "train" else (INFO.train, INFO.test)

    def fill(into: RowWriter) -> Pictures:
        say(f"{NAME}: drawing {count:,} pairs (only the first time).")
        for i in range(count):
            photo, labels = draw(first + i)
            small = _resize(photo, side, Image.Resampling.LANCZOS)
            label_map = _resize(labels, side, Image.Resampling.NEAREST)
            into.append(np.stack([small, label_map])[None])
            progress(NAME, i + 1, count)
        return Pictures(name=NAME, split=split, images=None, palette=PALETTE)

    folders = (places.cache / NAME, *places.folders(NAME))  # data may be shared
    return cache.load_or_create([f / f"{split}-{side}.rows" for f in folders], VERSION, fill, say)


def draw(index: int, seed: int = SEED) -> tuple[Array, Array]:
    """Draw the photo and the label map of pair `index`, each uint8 (256, 256, 3).

    They depend only on `seed` and `index`. One core draws about a hundred pairs per second.
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
    return _render_photo(canvas, rng), COLOURS.take(np.asarray(canvas.labels), axis=0)


def _resize(picture: Array, size: int, how: Image.Resampling) -> Array:
    if len(picture) == size:
        return picture
    return np.asarray(Image.fromarray(picture).resize((size, size), how))


@dataclass(frozen=True, kw_only=True)
class _Front:
    """The plan of one building: its position, colours, windows and ornaments."""

    edges: tuple[float, ...]  # x of the borders between columns, from left to right
    floors: tuple[float, ...]  # y of the borders between storeys, from the eaves to the street
    bricks: bool
    wall: Colour
    trim: Colour  # of cornices, sills, pillars and other raised elements
    frame: Colour
    glass: Colour
    accent: Colour  # of doors, shutters and shops
    wide: float  # width of a window as a fraction of its column
    tall: float  # height of a window as a fraction of its storey
    panes: tuple[int, int]  # panes of a window: (across, down)
    arched: bool
    pediment: str  # "flat", "gable" or "segment"
    ornaments: frozenset[str]  # keys of ORNAMENT_CHANCES
    rng: np.random.Generator  # for details that differ from window to window

    @property
    def box(self) -> Box:
        """The box of the walls."""
        return self.edges[0], self.floors[0], self.edges[-1], self.floors[-1]

    def has(self, ornament: str) -> bool:
        """Return whether the building has this ornament."""
        return ornament in self.ornaments

    def chance(self, probability: float) -> bool:
        """Return True with the given probability."""
        return bool(self.rng.random() < probability)


class _Canvas:
    """A photo in fine pixels, its shading and its label map, painted together."""

    def __init__(self, backdrop: Array) -> None:
        """Start from `backdrop`, uint8 (256, 256, 3), and a label map that is all background."""
        fine = (SIZE * FINE, SIZE * FINE)
        self.photo = Image.fromarray(backdrop).resize(fine, Image.Resampling.NEAREST)
        self.shading = Image.new("L", (SIZE, SIZE), NEUTRAL)
        self.labels = Image.new("L", (SIZE, SIZE), LABELS["background"])
        self._brush = ImageDraw.Draw(self.photo)
        self._shade = ImageDraw.Draw(self.shading)
        self._pen = ImageDraw.Draw(self.labels)

    def label(self, name: str, box: Box) -> None:
        """Label a box, and remove the shadows painted there before."""
        _rectangle(self._pen, box, LABELS[name])
        _rectangle(self._shade, box, NEUTRAL)

    def label_polygon(self, name: str, points: list[tuple[float, float]]) -> None:
        """Label a polygon."""
        self._pen.polygon([(round(x), round(y)) for x, y in points], LABELS[name])

    def fill(self, box: Box, colour: Colour) -> None:
        """Paint a box on the photo."""
        _rectangle(self._brush, _to_fine(box), colour)

    def polygon(self, points: list[tuple[float, float]], colour: Colour) -> None:
        """Paint a polygon on the photo."""
        self._brush.polygon([(x * FINE, y * FINE) for x, y in points], colour)

    def disc(self, box: Box, colour: Colour) -> None:
        """Paint the ellipse that fills a box on the photo."""
        self._brush.ellipse(_to_fine(box), colour)

    def arch(self, box: Box, rise: float, colour: Colour) -> None:
        """Paint a box whose upper side is half an ellipse of height `rise`."""
        left, top, right, bottom = box
        if rise > 0:
            self._brush.pieslice(_to_fine((left, top, right, top + 2 * rise)), 180, 360, colour)
        self.fill((left, top + rise, right, bottom), colour)

    def rows(self, box: Box, step: float, colour: Colour) -> None:
        """Paint thin horizontal lines in a box, `step` apart."""
        for y in np.arange(box[1] + step / 2, box[3], step).tolist():
            self.fill((box[0], y, box[2], y + 1 / FINE), colour)

    def bars(self, box: Box, step: float, colour: Colour, thick: float = 1 / FINE) -> None:
        """Paint vertical lines of width `thick` in a box, `step` apart."""
        for x in np.arange(box[0] + step / 2, box[2], step).tolist():
            self.fill((x, box[1], x + thick, box[3]), colour)

    def shadow(self, box: Box, light: float) -> None:
        """Multiply the light in a box by `light`: below 1 darkens it, above 1 lightens it."""
        _rectangle(self._shade, box, round(NEUTRAL * light))


def _rectangle(pen: ImageDraw.ImageDraw, box: Box, colour: Colour | int) -> None:
    """Fill a box, rounded to the pixels of the image that `pen` draws on, unless it is empty."""
    left, top, right, bottom = round(box[0]), round(box[1]), round(box[2]), round(box[3])
    if left < right and top < bottom:
        pen.rectangle((left, top, right - 1, bottom - 1), colour)


def _to_fine(box: Box) -> Box:
    """Convert a box from pixels to fine pixels."""
    left, top, right, bottom = box
    return left * FINE, top * FINE, right * FINE, bottom * FINE


def _plan(rng: np.random.Generator) -> _Front:
    """Plan a random building."""
    bricks = bool(rng.random() < 0.3)
    wall = _vary_colour(rng, _choose(rng, BRICKS if bricks else WALLS))
    ornaments = frozenset(name for name, share in ORNAMENT_CHANCES.items() if rng.random() < share)
    edges = _columns(rng)
    return _Front(
        edges=edges,
        floors=_storeys(rng, float(np.median(np.diff(edges))), roof="roof" in ornaments),
        bricks=bricks,
        wall=wall,
        trim=_vary_colour(rng, _choose(rng, (*TRIMS, _scale_brightness(wall, 1.14)))),
        frame=_choose(rng, FRAMES),
        glass=_vary_colour(rng, _choose(rng, GLASS)),
        accent=_vary_colour(rng, _choose(rng, ACCENTS)),
        wide=rng.uniform(0.36, 0.46) if "shutter" in ornaments else rng.uniform(0.44, 0.6),
        tall=rng.uniform(0.54, 0.66),
        panes=_choose(rng, ((2, 2), (2, 2), (2, 3), (1, 2), (3, 2), (2, 1))),
        arched=bool(rng.random() < 0.25),
        pediment=_choose(rng, ("flat", "gable", "segment")),
        ornaments=ornaments,
        rng=rng,
    )


def _columns(rng: np.random.Generator) -> tuple[float, ...]:
    """Return the borders of 4 to 8 columns. If their number is odd, the middle one may be wider."""
    left, right = (int(rng.integers(6, 26)) if rng.random() < 0.5 else 0 for _ in range(2))
    count = int(rng.integers(4, 9))
    widths = np.ones(count)
    if count % 2 and rng.random() < 0.5:
        widths[count // 2] = rng.uniform(1.1, 1.25)
    return _split_length(left, SIZE - right, widths)


def _storeys(rng: np.random.Generator, column: float, roof: bool) -> tuple[float, ...]:
    """Return the borders of 2 to 6 storeys; the ground floor is the highest.

    A storey is 0.95 to 1.5 times as high as a `column` is wide. `roof` leaves space for a roof.
    """
    top = int(rng.integers(38, 62)) if roof else int(rng.integers(4, 46))
    street = int(rng.integers(236, 251))
    count = round((street - top) / (column * rng.uniform(0.95, 1.5)))
    heights = np.ones(min(max(count, 2), 6))
    heights[0] = rng.uniform(0.85, 1)
    heights[-1] = rng.uniform(1.1, 1.35)
    return _split_length(top, street, heights)


def _split_length(first: int, last: int, shares: Array) -> tuple[float, ...]:
    """Split `first` to `last` into parts in proportion to `shares`; returns integer borders."""
    places = first + (last - first) * np.cumsum(shares) / shares.sum()
    return (float(first), *places.round().tolist())


def _backdrop(front: _Front) -> Array:
    """Paint the sky, the neighbours, the bare wall and the street: uint8 (256, 256, 3)."""
    rng = front.rng
    left, top, right, bottom = (int(side) for side in front.box)
    picture = _sky(rng)
    for side in (slice(0, left), slice(right, SIZE)):
        roofline = max(top + int(rng.integers(-30, 60)), 0)
        picture[roofline:, side] = _scale_brightness(_choose(rng, WALLS + BRICKS), 0.8)
    picture[top:bottom, left:right] = _apply_light(
        front.wall, _texture(front)[top:bottom, left:right]
    )
    if front.has("rustic"):
        ground, blocks = int(front.floors[-2]), _masonry(rng, 9, 22, 0.8, 0.03)
        base = _scale_brightness(front.wall, rng.uniform(0.8, 1.05))
        picture[ground:bottom, left:right] = _apply_light(base, blocks[ground:bottom, left:right])
    asphalt = rng.uniform(115, 170)
    picture[bottom:] = asphalt
    picture[bottom] = 0.6 * asphalt
    picture[bottom + 5 : bottom + 6] = 0.8 * asphalt  # the kerb
    return picture


def _sky(rng: np.random.Generator) -> Array:
    """Paint a gradient from the top colour to the horizon, with clouds: uint8 (256, 256, 3)."""
    above, horizon = np.array(_choose(rng, SKIES), np.float32)
    clouds = rng.uniform(0, 0.2) * _smooth_noise(rng, 6)
    fall = (np.linspace(0, 1, SIZE, dtype=np.float32)[:, None] + clouds).clip(0, 1)
    planes = [low + (high - low) * fall for low, high in zip(above, horizon, strict=True)]
    return np.stack(planes, -1).astype(np.uint8)


def _apply_light(colour: Colour, light: Array) -> Array:
    """Multiply a colour by the `light` (H, W) of each pixel: uint8 (H, W, 3)."""
    planes = [np.minimum(channel * light, 255).astype(np.uint8) for channel in colour]
    return np.stack(planes, -1)


def _texture(front: _Front) -> Array:
    """Return the brightness of bricks or plaster, float32 (256, 256) around 1."""
    rng = front.rng
    stains = 1 + 0.03 * _smooth_noise(rng, 5)
    if front.bricks:
        return np.multiply(stains, _masonry(rng, 4, 8, 1.14, 0.07))
    return np.add(stains, rng.uniform(0.01, 0.03) * _smooth_noise(rng, 40))


def _masonry(
    rng: np.random.Generator, height: int, width: int, joint: float, spread: float
) -> Array:
    """Return the brightness of courses of blocks, float32 (256, 256) around 1.

    Every other course is shifted by half a block. Joints have the brightness `joint`; the blocks
    vary with the standard deviation `spread`.
    """
    courses, across = SIZE // height + 1, SIZE // width + 2
    tones = 1 + spread * rng.standard_normal((courses, across), np.float32)
    wall = tones.repeat(width, axis=1)
    wall[:, width - 1 :: width] = joint
    wall[1::2] = np.roll(wall[1::2], width // 2, axis=1)
    wall = wall.repeat(height, axis=0)
    wall[height - 1 :: height] = joint
    return wall[:SIZE, width : width + SIZE]


def _smooth_noise(rng: np.random.Generator, knots: int) -> Array:
    """Return smooth noise with about `knots` bumps along a side, float32 (256, 256)."""
    coarse = Image.fromarray(rng.standard_normal((knots, knots), np.float32))
    return np.asarray(coarse.resize((SIZE, SIZE), Image.Resampling.BICUBIC))


def _render_photo(canvas: _Canvas, rng: np.random.Generator) -> Array:
    """Reduce the photo to 256x256, apply shading and light, and add grain: uint8 (256, 256, 3)."""
    ramp = np.linspace(-0.5, 0.5, SIZE, dtype=np.float32)
    across, down = rng.uniform(-0.2, 0.2, (2, 1)).astype(np.float32)
    light = np.asarray(canvas.shading.filter(ImageFilter.BoxBlur(0.6)), np.float32) / NEUTRAL
    light *= 1 + across * ramp + (down * ramp)[:, None] + 0.02 * _smooth_noise(rng, 8)
    grain = rng.uniform(1.5, 5) * rng.standard_normal(light.shape, np.float32)
    photo = np.asarray(canvas.photo.reduce(FINE), np.float32).reshape(SIZE, -1)
    photo *= light.repeat(3, axis=1)  # much faster than broadcasting to a channel axis
    photo += grain.repeat(3, axis=1)
    return photo.clip(0, 255).astype(np.uint8).reshape(SIZE, SIZE, 3)


def _roof(canvas: _Canvas, front: _Front) -> None:
    """Paint a tiled roof with dormers and chimneys; it is labelled facade, like the walls."""
    left, eaves, right, _ = front.box
    ridge, slope = eaves - front.rng.uniform(24, 34), front.rng.uniform(0, 18)
    colour = _vary_colour(front.rng, _choose(front.rng, ROOFS))
    for x in front.rng.uniform(left + 24, right - 24, front.rng.integers(3)).tolist():
        chimney = (x - 4, ridge - 7, x + 4, ridge + 1)
        canvas.label("facade", chimney)
        canvas.fill(chimney, _scale_brightness(front.wall, 0.75))
        canvas.fill((x - 5, ridge - 8, x + 5, ridge - 6), _scale_brightness(front.wall, 0.55))
    outline = [(left, eaves), (left + slope, ridge), (right - slope, ridge), (right, eaves)]
    canvas.label_polygon("facade", outline)
    canvas.polygon(outline, colour)
    for y in np.arange(ridge + 2, eaves, 3).tolist():
        inset = slope * (eaves - y) / (eaves - ridge)
        canvas.fill((left + inset, y, right - inset, y + 0.5), _scale_brightness(colour, 0.78))
    canvas.fill(
        (left + slope, ridge - 0.5, right - slope, ridge + 1), _scale_brightness(colour, 1.2)
    )
    if front.chance(0.75):
        for middle in _column_centres(front)[:: 1 if front.chance(0.6) else 2]:
            _dormer(canvas, front, middle, ridge + 6, eaves - 6)


def _dormer(canvas: _Canvas, front: _Front, middle: float, top: float, bottom: float) -> None:
    half = 4.5
    canvas.shadow((middle - half - 2, top, middle + half + 3, bottom + 1), 0.8)
    canvas.fill((middle - half - 1.5, top, middle + half + 1.5, bottom), front.trim)
    _pane_grid(canvas, front, (middle - half, top + 5, middle + half, bottom), (2, 1))
    canvas.label("window", (middle - half, top + 5, middle + half, bottom))
    _cornice(canvas, front, (middle - half - 2, top - 1, middle + half + 2, top + 4), "gable")


def _upper_storey(canvas: _Canvas, front: _Front, storey: int) -> None:
    """Paint the windows of a storey above the ground floor, with their ornaments."""
    top, bottom = front.floors[storey], front.floors[storey + 1]
    if front.has("pillar"):
        _pillars(canvas, front, top + 1, bottom)
    headed = front.has("cornice") and (storey % 2 == 0 or front.chance(0.6))
    decorated = front.has("deco") and front.chance(0.6)
    pediment = front.pediment if front.chance(0.6) else "flat"
    for column in range(len(front.edges) - 1):
        box = _opening(front, storey, column)
        _window(canvas, front, box)
        gap = box[1] - top - 4  # space above the window
        if headed and gap >= 3:
            _cornice(
                canvas,
                front,
                _cornice_box(box, 3 if pediment == "flat" else min(6, gap)),
                pediment,
            )
        if front.has("sill"):
            _sill(canvas, front, box)
        if decorated and bottom - box[3] > 10:
            _panel(canvas, front, (box[0], box[3] + 4, box[2], min(box[3] + 10, bottom - 2)))


def _opening(front: _Front, storey: int, column: int) -> Box:
    """Return the box of a window in integer pixels: upright, with space above and below it."""
    left, right = front.edges[column : column + 2]
    top, bottom = front.floors[storey : storey + 2]
    height = round((bottom - top) * front.tall)
    width = round(min((right - left) * front.wide, height * 0.85))
    height = min(height, round(width * 2.3))
    start, end = (left + right - width) // 2, round(bottom - 0.24 * (bottom - top))
    return start, end - height, start + width, end


def _window(canvas: _Canvas, front: _Front, box: Box) -> None:
    """Paint a window with its surround, frame, glass and shutters or blind."""
    left, top, right, bottom = box
    rise = (right - left) * 0.45 if front.arched else 0.0
    if front.has("surround"):
        canvas.shadow((left - 2, top - 1, right + 3, bottom + 2), 0.86)
        canvas.arch((left - 2, top - 2, right + 2, bottom + 1), rise and rise + 1, front.trim)
    canvas.label("window", box)
    if front.arched:
        canvas.arch(box, rise, front.frame)
        glass = (left + 1, top + 1, right - 1, top + rise)
        canvas.arch(glass, rise - 1, _scale_brightness(front.glass, front.rng.uniform(0.85, 1.2)))
        middle = (left + right) / 2
        canvas.fill((middle - 0.5, top, middle + 0.5, top + rise), front.frame)
    _pane_grid(canvas, front, (left, top + rise, right, bottom), front.panes)
    canvas.shadow((left, top, right, top + 1), 0.7)  # the shadow of the lintel
    canvas.shadow((left, top + rise, left + 1, bottom), 0.82)
    if front.has("shutter"):
        _shutters(canvas, front, box)
    elif front.has("blind") and front.chance(0.5):
        _blind(canvas, front, box)


def _pane_grid(canvas: _Canvas, front: _Front, box: Box, panes: tuple[int, int]) -> None:
    """Paint a window frame with panes (across, down); each pane reflects some sky."""
    left, top, right, bottom = box
    across, down = panes
    dark = _scale_brightness(front.glass, front.rng.uniform(0.7, 1.15))
    light = _scale_brightness(dark, front.rng.uniform(1.15, 1.9))
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
            canvas.polygon(corners, light)
    if front.chance(0.3):
        _curtains(canvas, front, (left + 1, top + 1, right - 1, bottom - 1))


def _transoms(top: float, bottom: float, down: int) -> list[float]:
    """Return the borders of the panes from top to bottom; of two panes, the upper is smaller."""
    shares = [0, 0.36, 1] if down == 2 else np.linspace(0, 1, down + 1).tolist()
    return [top + (bottom - top) * share for share in shares]


def _curtains(canvas: _Canvas, front: _Front, box: Box) -> None:
    left, top, right, bottom = box
    cloth, width = (206, 200, 188), (right - left) * front.rng.uniform(0.14, 0.24)
    canvas.polygon([(left, top), (left + 1.3 * width, top), (left, bottom)], cloth)
    canvas.polygon([(right - 0.5, top), (right - 1.3 * width, top), (right - 0.5, bottom)], cloth)


def _blind(canvas: _Canvas, front: _Front, box: Box) -> None:
    """Paint a roller blind that is partly down."""
    left, top, right, bottom = box
    end = round(top + (bottom - top) * front.rng.uniform(0.25, 0.85))
    cloth = _scale_brightness((214, 206, 186), front.rng.uniform(0.8, 1.1))
    area = (left, top, right, end)
    canvas.label("blind", area)
    canvas.arch(area, min((right - left) * 0.45, end - top) if front.arched else 0, cloth)
    canvas.rows(
        (left, top + (2 if front.arched else 0), right, end), 1.5, _scale_brightness(cloth, 0.84)
    )
    canvas.shadow((left, end, right, end + 1), 0.75)


def _shutters(canvas: _Canvas, front: _Front, box: Box) -> None:
    """Paint a shutter on each side of a window, or both closed over it."""
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
        canvas.rows(slats, 1.5, _scale_brightness(front.accent, 0.66))
        canvas.fill(
            (start, (top + bottom) / 2 - 0.5, start + half, (top + bottom) / 2 + 0.5), front.accent
        )


def _cornice_box(box: Box, rise: float) -> Box:
    """Return the box of the cornice above a window."""
    left, top, right, _ = box
    return left - 3, top - 2 - round(rise), right + 3, top - 2


def _cornice(canvas: _Canvas, front: _Front, box: Box, pediment: str) -> None:
    left, top, right, bottom = box
    canvas.shadow((left + 1, bottom, right + 1, bottom + 2), 0.72)
    canvas.label("cornice", box)
    pale, dark = _scale_brightness(front.trim, 1.06), _scale_brightness(front.trim, 0.72)
    middle, field = (left + right) / 2, _scale_brightness(front.trim, 0.86)
    if pediment == "gable":
        canvas.polygon([(left, bottom - 1), (middle, top), (right, bottom - 1)], pale)
        canvas.polygon(
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
    canvas.fill((left - 2, bottom, right + 2, bottom + 1), _scale_brightness(front.trim, 1.08))
    canvas.fill((left - 2, bottom + 2.5, right + 2, bottom + 3), _scale_brightness(front.trim, 0.7))


def _panel(canvas: _Canvas, front: _Front, box: Box) -> None:
    """Paint a stucco panel: a recessed field with a row of rosettes."""
    left, top, right, bottom = box
    canvas.label("deco", box)
    pale, dark = _scale_brightness(front.trim, 1.05), _scale_brightness(front.trim, 0.74)
    canvas.fill(box, front.trim)
    canvas.fill((left + 0.5, top + 0.5, right - 0.5, bottom - 0.5), dark)
    canvas.fill((left + 1, top + 1, right - 0.5, bottom - 0.5), _scale_brightness(front.trim, 0.88))
    side = bottom - top - 2
    for x in np.arange(left + 1, right - side, side + 1).tolist():
        canvas.disc((x, top + 1, x + side, bottom - 1), dark)
        canvas.disc((x, top + 1, x + side - 0.5, bottom - 1.5), pale)


def _pillars(canvas: _Canvas, front: _Front, top: float, bottom: float) -> None:
    """Paint flat pillars at the edges, and between the columns if there is space."""
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
    canvas.fill((left + 0.5, top, left + 1.5, bottom), _scale_brightness(front.trim, 1.1))
    canvas.fill((right - 1, top, right, bottom), _scale_brightness(front.trim, 0.76))
    for y in (top + 3, bottom - 4):
        canvas.fill((left, y, right, y + 1), _scale_brightness(front.trim, 0.7))


def _moldings(canvas: _Canvas, front: _Front) -> None:
    """Paint the crown molding under the eaves and the bands between storeys."""
    left, top, right, _ = front.box
    height = round(front.rng.uniform(5, 11))
    crown = (left, top - 3, right, top - 3 + height)
    _molding(canvas, front, crown)
    teeth = (left, top - 5 + height, right, top - 3 + height)
    canvas.bars(teeth, 4, _scale_brightness(front.trim, 0.62), thick=1.5)
    ground = len(front.floors) - 2
    for storey in range(1, ground + 1):
        y = front.floors[storey]
        if front.has("band") and (storey == ground or front.chance(0.6)):
            _molding(canvas, front, (left, y - 2, right, y + (3 if storey == ground else 2)))


def _molding(canvas: _Canvas, front: _Front, box: Box) -> None:
    left, top, right, bottom = box
    canvas.label("molding", box)
    canvas.fill(box, front.trim)
    canvas.fill((left, top, right, top + 1), _scale_brightness(front.trim, 1.1))
    canvas.fill((left, top + 1.5, right, top + 2), _scale_brightness(front.trim, 0.8))
    canvas.fill((left, bottom - 0.5, right, bottom), _scale_brightness(front.trim, 0.66))
    canvas.shadow((left, bottom, right, bottom + 2), 0.72)
    canvas.shadow((left, bottom + 2, right, bottom + 3), 0.88)


def _balconies(canvas: _Canvas, front: _Front) -> None:
    """Paint balconies on one or two storeys: at some windows, or along the full width."""
    upper, columns = len(front.floors) - 2, len(front.edges) - 1
    if not front.has("balcony") or upper < 1:
        return
    iron = front.chance(0.7)
    for storey in {int(front.rng.integers(upper)) for _ in range(2)}:
        some = _choose(front.rng, (range(columns), range(0, columns, 2), (columns // 2,), "long"))
        if some == "long":
            first, last = _opening(front, storey, 0), _opening(front, storey, columns - 1)
            _balcony(canvas, front, (first[0] - 4, 0, last[2] + 4, first[3]), iron)
            continue
        for column in some:
            left, _, right, bottom = _opening(front, storey, column)
            _balcony(canvas, front, (left - 4, 0, right + 4, bottom), iron)


def _balcony(canvas: _Canvas, front: _Front, box: Box, iron: bool) -> None:
    """Paint a slab at the bottom of `box` with a railing; iron railings are see-through."""
    left, _, right, bottom = box
    area = (left, bottom - 8, right, bottom + 4)
    canvas.shadow((left + 1, bottom + 4, right + 2, bottom + 9), 0.68)
    canvas.label("balcony", area)
    rail = (48, 48, 50) if iron else front.trim
    if not iron:
        canvas.fill((left, bottom - 8, right, bottom + 2), _scale_brightness(front.trim, 0.55))
    canvas.bars((left, bottom - 8, right, bottom + 2), 2 if iron else 3, rail, 0.5 if iron else 1.5)
    canvas.fill((left, bottom - 8, right, bottom - 7 + (not iron)), rail)
    canvas.fill((left, bottom + 1, right, bottom + 4), front.trim)
    canvas.fill((left, bottom + 1, right, bottom + 1.5), _scale_brightness(front.trim, 1.1))
    canvas.fill((left, bottom + 3, right, bottom + 4), _scale_brightness(front.trim, 0.66))


def _ground_floor(canvas: _Canvas, front: _Front) -> None:
    """Paint one door, and shops or windows beside it."""
    columns, ground = len(front.edges) - 1, len(front.floors) - 2
    street = front.floors[-1]
    plinth = (front.edges[0], street - 5, front.edges[-1], street)
    canvas.fill(plinth, _scale_brightness(front.wall, 0.62))
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
    """Paint the door, in a portal if the building has one and the column is wide enough."""
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
    """Paint a double door with panels under a fanlight."""
    left, top, right, bottom = box
    rise = (right - left) * 0.4 if front.arched or front.chance(0.4) else 0.0
    canvas.arch((left - 2, top - 2, right + 2, bottom), rise and rise + 1, front.trim)
    canvas.label("door", box)
    canvas.arch(box, rise, _scale_brightness(front.accent, 0.62))
    lintel, middle = round(top + 0.26 * (bottom - top)), (left + right) / 2
    light = (left + 1, top + 1, right - 1, max(lintel, top + rise))
    canvas.arch(light, max(rise - 1, 0), _scale_brightness(front.glass, 0.9))
    canvas.bars((left + 1, top + 1, right - 1, light[3]), (right - left) / 3, front.accent)
    for start, end in ((left + 1, middle - 0.5), (middle + 0.5, right - 1)):
        canvas.fill((start, light[3] + 1, end, bottom), front.accent)
        for y in np.linspace(light[3] + 2, bottom - 1, 4).tolist()[:-1]:
            area = (start + 1, y, end - 1, y + (bottom - light[3]) / 3 - 2)
            canvas.fill(area, _scale_brightness(front.accent, 0.72))
            canvas.fill(
                (area[0] + 0.5, area[1] + 0.5, area[2], area[3]),
                _scale_brightness(front.accent, 1.15),
            )
    canvas.shadow((left, top + rise, right, top + rise + 2), 0.7)
    canvas.shadow((left, top + rise, left + 1, bottom), 0.75)


def _shop(canvas: _Canvas, front: _Front, column: int) -> None:
    """Paint a shop: a sign, a display behind glass, and sometimes an awning."""
    left, right = front.edges[column : column + 2]
    floor, street = front.floors[-2:]
    box = (left + 3, round(floor + 0.22 * (street - floor)), right - 3, street)
    colour = _vary_colour(front.rng, _choose(front.rng, ACCENTS))
    canvas.label("shop", box)
    canvas.fill(box, colour)
    sign, sash = box[1] + 6, street - 6
    _display(canvas, front, (box[0] + 2, sign + 1, box[2] - 2, sash))
    _lettering(canvas, front, (box[0] + 3, box[1] + 1.5, box[2] - 3, sign - 1.5))
    canvas.fill((box[0], street - 5, box[2], street), _scale_brightness(colour, 0.8))
    if front.chance(0.5):
        _awning(canvas, front, (box[0], sign, box[2], sign + 8), colour)


def _display(canvas: _Canvas, front: _Front, box: Box) -> None:
    """Paint goods in front of a back wall, with or without warm light."""
    left, top, right, bottom = box
    back = (186, 158, 112) if front.chance(0.4) else _scale_brightness(front.glass, 0.9)
    canvas.fill(box, _scale_brightness(back, 0.9))
    canvas.fill((left, (top + bottom) / 2, right, bottom), _scale_brightness(back, 0.66))
    for x in np.arange(left + 1, right - 4, 4).tolist():
        height = front.rng.uniform(2, 0.6 * (bottom - top))
        goods = _scale_brightness(_choose(front.rng, ACCENTS + TRIMS), front.rng.uniform(0.6, 1))
        canvas.fill((x, bottom - height, x + front.rng.uniform(2, 4), bottom), goods)
    reach = (right - left) * front.rng.uniform(0.2, 0.5)
    glare = [(left, top), (left + reach, top), (left, bottom)]
    canvas.polygon(glare, _scale_brightness(back, 1.12))
    canvas.bars(box, (right - left) / 2, front.frame, 1)


def _lettering(canvas: _Canvas, front: _Front, box: Box) -> None:
    left, top, right, bottom = box
    x = left + front.rng.uniform(0, 0.2) * (right - left)
    while x < right - 3:
        wide = front.rng.uniform(1, 2.5)
        canvas.fill((x, top + front.rng.integers(2), x + wide, bottom), (232, 222, 190))
        x += wide + 1


def _awning(canvas: _Canvas, front: _Front, box: Box, colour: Colour) -> None:
    """Paint a striped awning with a scalloped edge."""
    left, top, right, bottom = box
    stripes = np.linspace(left, right, 2 * max(round((right - left) / 8), 1) + 2).tolist()
    for i, (start, end) in enumerate(pairwise(stripes)):
        cloth = _scale_brightness(colour, 1.25) if i % 2 else (232, 226, 212)
        canvas.fill((start, top, end, bottom), cloth)
        canvas.disc((start, bottom - 1.5, end, bottom + 1.5), cloth)
    canvas.shadow((left, top, right, top + 3), 1.1)
    canvas.shadow((left, bottom + 1, right, bottom + 6), 0.7)


def _column_centres(front: _Front) -> list[float]:
    """Return the x coordinates of the centres of the columns."""
    return [(left + right) // 2 for left, right in pairwise(front.edges)]


def _choose(rng: np.random.Generator, choices: Any) -> Any:
    """Return a random element of a sequence."""
    return choices[int(rng.integers(len(choices)))]


def _vary_colour(rng: np.random.Generator, colour: Colour) -> Colour:
    """Return a colour with a little random variation."""
    red, green, blue = (int(c + d) for c, d in zip(colour, rng.normal(0, 7, 3), strict=True))
    return _scale_brightness((red, green, blue), 1)


def _scale_brightness(colour: Colour, light: float) -> Colour:
    """Multiply a colour by `light`, clipped to 0..255."""
    red, green, blue = (min(max(round(c * light), 0), 255) for c in colour)
    return red, green, blue
