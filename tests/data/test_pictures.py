"""The folders of datasets: the data folder, the cache, and what users without a home folder get."""

import os
import tempfile

import pytest

from gancli.data.pictures import places
from gancli.errors import FileError


@pytest.fixture
def homeless(tmp_path, monkeypatch):
    """Make this process one of a user whom the system does not know, as in many containers."""
    pwd = pytest.importorskip("pwd")

    def unknown(user):
        raise KeyError(user)

    monkeypatch.setattr(pwd, "getpwuid", unknown)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    for name in ("HOME", "XDG_CACHE_HOME", "GAN_DATA_DIR"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / f"gancli-{os.getuid()}"


def test_without_a_home_folder_the_cache_is_temporary_and_the_user_is_told_once(homeless, tmp_path):
    messages = []
    say = messages.append
    for _ in range(2):
        found = places(tmp_path / "data", say)
        assert (found.data, found.cache) == (tmp_path / "data", homeless)
    assert homeless.stat().st_mode & 0o777 == 0o700
    (message,) = messages
    assert str(homeless) in message and "XDG_CACHE_HOME" in message


def test_a_temporary_cache_of_someone_else_is_refused(homeless, tmp_path):
    (tmp_path / "theirs").mkdir()
    homeless.symlink_to(tmp_path / "theirs")
    with pytest.raises(FileError, match="belongs to another user") as refused:
        places(say=lambda text: None)
    assert "XDG_CACHE_HOME" in refused.value.hint


def test_the_cache_is_below_xdg_cache_home_or_the_home_folder(tmp_path, monkeypatch):
    monkeypatch.delenv("GAN_DATA_DIR", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert places().cache == tmp_path / ".cache" / "gancli"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "x"))
    assert places().cache == places().data == tmp_path / "x" / "gancli"
