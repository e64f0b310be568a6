"""Clothes: 70,000 gray pictures, 28x28, in ten classes; a drop-in replacement for MNIST.

Han Xiao, Kashif Rasul, Roland Vollgraf: Fashion-MNIST: a Novel Image Dataset for Benchmarking
Machine Learning Algorithms (2017), arXiv:1708.07747.
"""

from pathlib import Path

from gancli.data.idx import IdxSet
from gancli.data.pictures import Info
from gancli.data.sources import DebianPackage, Folder, Mirror
from gancli.data.verify import File

INFO = Info(
    title="Fashion-MNIST: pictures of clothes",
    size="28x28 gray",
    train=60_000,
    test=10_000,
    classes=(
        "T-shirt/top",
        "Trouser",
        "Pullover",
        "Dress",
        "Coat",
        "Sandal",
        "Shirt",
        "Sneaker",
        "Bag",
        "Ankle boot",
    ),
    terms="MIT licence, Zalando SE; cite Xiao, Rasul and Vollgraf (2017), arXiv:1708.07747",
    home="https://github.com/zalandoresearch/fashion-mnist",
)

# SHA-256 and size are of the decompressed contents: mirrors compress the files differently.
_SET = IdxSet(
    name="fashion-mnist",
    classes=INFO.classes,
    files={
        "train": (
            File(
                name="train-images-idx3-ubyte.gz",
                sha256="c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
                size=47_040_016,
            ),
            File(
                name="train-labels-idx1-ubyte.gz",
                sha256="bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
                size=60_008,
            ),
        ),
        "test": (
            File(
                name="t10k-images-idx3-ubyte.gz",
                sha256="5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
                size=7_840_016,
            ),
            File(
                name="t10k-labels-idx1-ubyte.gz",
                sha256="0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
                size=10_008,
            ),
        ),
    },
    sources=(
        Folder(Path("/usr/share/datasets/fashion-mnist")),
        Mirror(
            "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion"
        ),
        Mirror("https://storage.googleapis.com/tensorflow/tf-keras-datasets"),
        DebianPackage("dataset-fashion-mnist", "usr/share/datasets/fashion-mnist"),
    ),
)

load, download = _SET.load, _SET.download
