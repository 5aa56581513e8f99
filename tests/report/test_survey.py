"""`check` counts what `cluster` counts, reads once, and in the memory that `cluster` has."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import unsnarl
from unsnarl.files.pairs import PairSource
from unsnarl.report import forecast, survey

IDS = st.sampled_from("abcdefgh")
ROWS = st.lists(st.tuples(IDS, IDS, st.integers(0, 20)), max_size=25)


@settings(max_examples=25, deadline=None)
@given(ROWS, st.floats(0.0, 1.0))
def test_facts_are_those_of_a_run(rows: list[tuple[str, str, int]], threshold: float) -> None:
    pairs = {"id_l": [a for a, _, _ in rows], "id_r": [b for _, b, _ in rows], "score": [s / 20 for *_, s in rows]}
    report = unsnarl.check(pairs, threshold=threshold, on_conflict="max")
    result = unsnarl.cluster(pairs, threshold=threshold, on_conflict="max")
    facts, counts = report.facts, result.numbers()
    assert report.problems == [] and report.forecast is not None
    for name in ("n_pairs", "n_self_pairs", "n_repeated_pairs", "n_conflicts", "n_bad_scores"):
        assert facts[name] == counts[name], name
    assert facts["n_ids"] == counts["n_records"] and facts["n_pair_rows"] == counts["n_rows"]
    assert facts["n_pairs_inside"] == result.found.summary().n_pairs_inside
    assert facts["n_largest"] == result.found.summary().components.largest
    scored = [score for a, b, score in rows if a != b]
    assert sum(facts["score_histogram"]) == len(scored)
    assert facts["score_histogram"][:9] == [sum(s // 2 == tenth for s in scored) for tenth in range(9)]
    assert facts["n_over_threshold"] == sum(round(s / 20, 9) >= round(threshold, 9) for s in scored)
    work = report.forecast.work
    assert (work.n_records, work.n_inside) == (facts["n_ids"], facts["n_pairs_inside"])
    assert work.n_linked <= work.n_tied <= work.n_records and work.largest_pairs <= work.n_inside


def test_good_pairs_are_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "pairs.csv"
    path.write_text("id_l,id_r,score\na,b,0.9\nb,c,0.4\n")
    read: list[str] = []
    for name in ("scan", "stream"):
        whole = getattr(PairSource, name)
        monkeypatch.setattr(PairSource, name, lambda *given, _f=whole, _n=name: (read.append(_n), _f(*given))[1])
    for name in ("count", "find", "fetch"):
        monkeypatch.setattr(f"unsnarl.files.rows.Rows.{name}", lambda *_: pytest.fail("read again"))
    assert unsnarl.check(path).problems == []
    assert len(read) == 1


def test_pairs_that_memory_has_no_room_for_go_to_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [{"id_l": f"a{i}", "id_r": f"a{i + 1}", "score": i % 10 / 10} for i in range(50)]
    expected = unsnarl.check(rows).facts
    monkeypatch.setattr(survey, "share_memory", lambda _: forecast.Shares(None, None, 0))
    assert unsnarl.check(rows, temp_dir=str(tmp_path)).facts == expected
    assert os.listdir(tmp_path) == []


def test_what_cluster_would_refuse_is_said() -> None:
    rows = [{"id_l": f"a{i}", "id_r": f"a{i + 1}", "score": 0.9} for i in range(2000)]
    report = unsnarl.check(rows, memory_limit="100kB")
    assert report.oversize is not None and "cluster would refuse it" in "\n".join(report.lines())
    with pytest.raises(unsnarl.ResourceError) as raised:
        unsnarl.cluster(rows, memory_limit="100kB")
    assert str(raised.value) == str(report.oversize)
    assert unsnarl.check(rows).oversize is None
