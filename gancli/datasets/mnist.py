"""Handwritten digits: 70,000 gray pictures, 28x28, in ten classes; the classic first dataset.

Yann LeCun, Corinna Cortes, Christopher Burges: The MNIST database of handwritten digits (1998).
"""

from gancli.data.idx import IdxSet
from gancli.data.pictures import Info
from gancli.data.sources import Mirror
from gancli.data.verify import File

INFO = Info(
    title="MNIST: handwritten digits",
    size="28x28 gray",
    train=60_000,
    test=10_000,
    classes=tuple("0123456789"),
    terms="commonly quoted as CC BY-SA 3.0; cite LeCun, Cortes and Burges (1998)",
    home="http://yann.lecun.com/exdb/mnist/",
)

# SHA-256 and size are of the decompressed contents: mirrors compress the files differently.
_SET = IdxSet(
    name="mnist",
    classes=INFO.classes,
    files={
        "train": (
            File(
                name="train-images-idx3-ubyte.gz",
                sha256="ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
                size=47_040_016,
            ),
            File(
                name="train-labels-idx1-ubyte.gz",
                sha256="65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
                size=60_008,
            ),
        ),
        "test": (
            File(
                name="t10k-images-idx3-ubyte.gz",
                sha256="0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
                size=7_840_016,
            ),
            File(
                name="t10k-labels-idx1-ubyte.gz",
                sha256="ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
                size=10_008,
            ),
        ),
    },
    sources=(
        Mirror("https://ossci-datasets.s3.amazonaws.com/mnist"),
        Mirror("https://storage.googleapis.com/cvdf-datasets/mnist"),
    ),
)

load, download = _SET.load, _SET.download
