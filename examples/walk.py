"""Use a trained generator from Python: save a walk through the latent space as an animation.

gan train dcgan --dataset glyphs --epochs 5
python examples/walk.py dcgan walk.gif
"""

import sys

import gancli


def main(ref: str, out: str) -> None:
    """Walk past three seeds and back to the first, with 30 frames from each to the next."""
    film = gancli.load(ref).interpolate([3, 7, 12], steps=30, loop=True)
    print(f"{out}: {film.save(out)} frames")


if __name__ == "__main__":
    main(*sys.argv[1:])
