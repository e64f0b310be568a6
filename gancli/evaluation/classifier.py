"""A small image classifier, which metrics use as a feature extractor: network, training, scores.

The features of networks trained on photographs say nothing about 28x28 digits, so metrics use a
classifier that is trained on the dataset itself.

Everything runs on the CPU in fp32, so that results do not depend on the device.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gancli.data.pictures import Pictures
from gancli.errors import DataError
from gancli.images import to_uint8
from gancli.reporting import Progress, silent

VERSION = "v1"  # of architecture and schedule; results of different versions are not comparable
FEATURES = 128
STEPS = 2600  # training steps, at most
QUICK_STEPS = 300  # the same for the extractor of `gan evaluate --quick`
EPOCHS = 50  # over the training pictures, at most
BATCH = 128
MAX_LR = 3e-3  # the highest learning rate of the cycle
WEIGHT_DECAY = 0.02
DROPOUT = 0.25  # of the features
CHUNK = 250  # pictures per batch of inference; affects memory, not results


class Classifier(nn.Module):
    """A plain CNN: pictures (B, channels, size, size) in [-1, 1] to logits (B, classes).

    3x3 convolutions with pooling down to at most 8x8 pixels, one more convolution, and 128 features
    after a ReLU. Pooling comes before batch norm and ReLU, which leaves them a quarter of the work:
    a third more pictures per second (28x28, batch 256, one core).
    """

    def __init__(self, channels: int, size: int, classes: int) -> None:
        super().__init__()
        layers, width = [*_block(channels, 24, pool=True)], 24
        size //= 2
        while size > 8:
            layers, width = [*layers, *_block(width, 64, pool=True)], 64
            size //= 2
        layers += [*_block(width, 64), nn.Flatten(), nn.Linear(64 * size**2, FEATURES), nn.ReLU()]
        self.features = nn.Sequential(*layers)
        self.head = nn.Linear(FEATURES, classes)

    def forward(self, image: Tensor) -> Tensor:
        """Return the logits (B, classes); dropout is on in training mode."""
        features = F.dropout(self.features(image), DROPOUT, self.training)
        logits: Tensor = self.head(features)
        return logits


@dataclass(frozen=True, kw_only=True)
class Scores:
    """Accuracies in 0..1: over all pictures, and by class name."""

    overall: float
    per_class: Mapping[str, float]


def fit(
    images: Tensor,
    labels: Tensor,
    classes: int,
    *,
    seed: int = 0,
    steps: int | None = None,
    progress: Progress = silent,
) -> Classifier:
    """Train a Classifier on `images` (N, C, H, W), uint8 or in [-1, 1], and `labels` (N,) int64.

    Uses AdamW with a one-cycle schedule (Smith and Topin 2017, arXiv:1708.07120). The same seed
    gives the same weights on one machine. The global state of torch's random numbers is restored.
    """
    size = min(BATCH, len(images))
    steps = steps or min(STEPS, EPOCHS * (len(images) // size))
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        network = Classifier(images.shape[1], images.shape[-1], classes)
        network = network.to(memory_format=torch.channels_last)
        optimizer = torch.optim.AdamW(network.parameters(), weight_decay=WEIGHT_DECAY, fused=True)
        cycle = torch.optim.lr_scheduler.OneCycleLR(optimizer, MAX_LR, total_steps=steps)
        for step, chosen in zip(range(steps), _batches(len(images), size), strict=False):
            optimizer.zero_grad()
            loss = F.cross_entropy(network(_to_float(images[chosen])), labels[chosen])
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            cycle.step()
            progress("classifier", step + 1, steps)
    return network.eval()


@torch.no_grad()
def predict(network: Classifier, images: Tensor) -> tuple[Tensor, Tensor]:
    """Return features (B, 128) and classes (B,) of `images` (B, C, H, W), uint8 or in [-1, 1]."""
    features = network.features(_to_float(quantise(images)))
    return features, network.head(features).argmax(1)


def predict_all(network: Classifier, batches: Iterator[Tensor]) -> tuple[Tensor, Tensor]:
    """Return features (N, 128) and predicted classes (N,) of all `batches` together."""
    features, classes = zip(*(predict(network, batch) for batch in batches), strict=True)
    return torch.cat(features), torch.cat(classes)


def score(network: Classifier, images: Tensor, labels: Tensor, classes: tuple[str, ...]) -> Scores:
    """Return the accuracy of `network` on `images` (N, C, H, W) with `labels` (N,)."""
    return scores(predict_all(network, chunks(images))[1], labels, classes)


def scores(predicted: Tensor, labels: Tensor, classes: tuple[str, ...]) -> Scores:
    """Return how often `predicted` (N,) equals `labels` (N,), overall and by class.

    Classes without a label in `labels` are left out.
    """
    right = (predicted == labels).double()
    present = [i for i in range(len(classes)) if (labels == i).any()]
    per_class = {classes[i]: right[labels == i].mean().item() for i in present}
    return Scores(overall=right.mean().item(), per_class=per_class)


def quantise(images: Tensor) -> Tensor:
    """Round (B, C, H, W) in [-1, 1] to uint8 on the CPU, as in files; uint8 is kept as it is.

    Raises DataError if a value is not finite: the training has diverged.
    """
    if images.dtype == torch.uint8:
        return images.cpu()
    if not images.isfinite().all():
        raise DataError(
            "The samples contain values that are not finite: the training has diverged.",
            hint="train again with a lower --lr",
        )
    return torch.from_numpy(to_uint8(images)).permute(0, 3, 1, 2)


def images_of(pictures: Pictures) -> Tensor:
    """Return the pictures as uint8 (N, C, H, W), a channels-last view of their memory."""
    return torch.from_numpy(pictures.images).permute(0, 3, 1, 2)


def labels_of(pictures: Pictures) -> Tensor:
    """Return the classes of the pictures, int64 (N,)."""
    return torch.from_numpy(pictures.labels).long()


def chunks(images: Tensor) -> Iterator[Tensor]:
    """Split `images` into batches of CHUNK, which need little memory."""
    return (images[i : i + CHUNK] for i in range(0, len(images), CHUNK))


def _block(inputs: int, outputs: int, pool: bool = False) -> list[nn.Module]:
    conv = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
    halve = [nn.MaxPool2d(2)] if pool else []
    return [conv, *halve, nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)]


def _to_float(images: Tensor) -> Tensor:
    """Convert (B, C, H, W), uint8 or in [-1, 1], to float32 in [-1, 1], channels last."""
    x = images.float() / 127.5 - 1 if images.dtype == torch.uint8 else images.float()
    return x.contiguous(memory_format=torch.channels_last)


def _batches(count: int, size: int) -> Iterator[Tensor]:
    """Yield indices of shuffled batches without end; each epoch drops its last, smaller batch."""
    while True:
        order = torch.randperm(count)
        yield from (order[i : i + size] for i in range(0, count - size + 1, size))
