"""Use a trained generator from Python: save a walk through the latent space as an animation.

gan train dcgan --dataset glyphs --epochs 5
python examples/walk.py dcgan walk.gif
"""

import sys
from pathlib import Path

from gancli.sampling import films, generator
from gancli.sampling.find import find


def main(ref: str, out: str) -> None:
    """Walk past three seeds and back to the first, with 30 frames from each to the next."""
    # `find` takes what the commands take: a file, a run folder, or the name of a model or dataset.
    loaded = generator.load(find(ref))
    film = films.interpolate(loaded, seeds=[3, 7, 12], steps=30, loop=True)
    frames = film.save(Path(out), fps=25, scale=None, recipe={"command": "examples/walk.py"})
    print(f"{out}: {frames} frames")


if __name__ == "__main__":
    main(*sys.argv[1:])
