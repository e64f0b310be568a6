"""The `Bars` dataset with a trained extractor, shared by all tests of a process."""

import pytest
from evaluation.bars import STEPS_TO_LEARN, Bars, bars

from gancli.evaluation import classifier
from gancli.evaluation.extractor import extractor_for


@pytest.fixture(scope="session")
def real_bars(tmp_path_factory: pytest.TempPathFactory) -> Bars:
    """Pictures of bars and an extractor that has learned to classify them."""
    train, test = bars("train", 600, seed=1), bars("test", 300, seed=2)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(classifier, "STEPS", STEPS_TO_LEARN)
        return Bars(train, test, extractor_for(train, test, tmp_path_factory.mktemp("bars")))
