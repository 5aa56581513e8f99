"""Settings of all tests."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings

from unsnarl import solve, stages

settings.register_profile(
    "unsnarl", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
settings.load_profile("unsnarl")


@pytest.fixture(params=[(0.95, 0.8, 0.5), (0.4, 0.1), (0.0,)])
def many_stages(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Take every component in stages, with pieces of a few pairs, however badly it falls apart."""
    monkeypatch.setattr(solve, "LARGE_PAIRS", 1)
    monkeypatch.setattr(solve, "PART_PAIRS", 3)
    monkeypatch.setattr(stages, "SHARES", request.param)
    monkeypatch.setattr(stages, "LEAST_NODES", 2)
    monkeypatch.setattr(stages, "LEAST_ENTRIES", 2)
    monkeypatch.setattr(stages, "LARGEST_SHARE", 1.0)
    monkeypatch.setattr(stages, "PIECE_ENTRIES", 5)
    monkeypatch.setattr(stages, "SMALL_WORK", 100)
