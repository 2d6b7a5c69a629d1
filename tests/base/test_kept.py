from __future__ import annotations

from pathlib import Path

import platformdirs
import pytest

from flowdepth.base.kept import keep, recall


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(platformdirs, "user_cache_path", lambda name: tmp_path / "cache" / name)
    return tmp_path / "cache"


def test_what_is_kept_is_recalled_by_its_name(cache: Path) -> None:
    keep("a", {"x": 1})
    assert recall("a") == {"x": 1}
    assert recall("b") is None


def test_what_is_damaged_is_not_recalled(cache: Path) -> None:
    keep("a", {"x": 1})
    for path in cache.rglob("*.json"):
        path.write_text('["x"')
    assert recall("a") is None


def test_a_home_that_cannot_be_written_is_no_mistake(cache: Path) -> None:
    cache.write_text("a file where the folder should be")
    keep("a", {"x": 1})
    assert recall("a") is None
