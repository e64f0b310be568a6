"""Registries: names, summaries and constants come from the files, and unknown names are refused."""

from pathlib import Path

import pytest

from gancli import registry
from gancli.errors import UsageError


def test_names_come_from_the_file_names() -> None:
    assert {"acgan", "cgan", "dcgan"} <= set(registry.names("models"))
    assert {"fashion-mnist", "glyphs", "mnist"} <= set(registry.names("datasets"))
    assert {"gif", "mp4", "png"} <= set(registry.names("formats"))
    assert not any(n.startswith("_") for kind in registry.NOUNS for n in registry.names(kind))


@pytest.mark.parametrize("kind", registry.NOUNS)
def test_every_entry_has_a_summary_and_can_be_imported(kind: str) -> None:
    for name in registry.names(kind):
        assert 10 < len(registry.summary(kind, name)) < 100, name
        assert registry.load(kind, name).__name__.endswith(name.replace("-", "_"))


def test_an_unknown_name_suggests_the_closest_and_lists_all() -> None:
    with pytest.raises(UsageError, match=r"'dcgam'.*'dcgan'") as raised:
        registry.load("models", "dcgam")
    assert ", ".join(registry.names("models")) in raised.value.message
    assert raised.value.hint == "gan models"
    with pytest.raises(UsageError, match=", ".join(registry.names("models"))):
        registry.load("models", "../../etc/passwd")


@pytest.mark.parametrize(
    ("word", "close"),
    [("mnits", "mnist"), ("MNIST", "mnist"), ("fash", "fashion-mnist"), ("stylegan", None)],
)
def test_only_words_that_are_close_are_suggested(word: str, close: str | None) -> None:
    assert registry.closest(word, [*registry.names("datasets"), *registry.names("models")]) == close


@pytest.mark.parametrize("word", ["fashion-mnist", "Fashion-MNIST", "FASHION_MNIST"])
def test_a_name_is_known_in_any_case(word: str) -> None:
    assert registry.canonical("datasets", word) == "fashion-mnist"
    assert registry.canonical("models", word) == word


def test_declared_reads_constants_with_and_without_a_type(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "mine.py").write_text("PAIRS: bool = True\nSIZE: int\nBOTH = 5\n")
    monkeypatch.setattr(registry, "__file__", str(tmp_path / "registry.py"))
    assert registry.declared("models", "mine", "PAIRS") is True
    assert registry.declared("models", "mine", "BOTH") == 5
    assert registry.declared("models", "mine", "SIZE", "none") == "none"


@pytest.mark.parametrize("name", registry.names("models"))
def test_every_model_says_what_its_preset_paper_keeps(name: str) -> None:
    assert "What differs: " in registry.declared("models", name, "PAPER")
