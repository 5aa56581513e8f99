"""What people decide holds in the result: against the twin that forbids and contracts, and in what a RUN says of it."""

from __future__ import annotations

import hashlib
import json
import random
from itertools import combinations, pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import unsnarl
from reference.agglomerate import FORBIDDEN, LINKAGES, agglomerate, agglomerate_by_definition
from strategies import UNITS, Graph, count, graphs, seeded_graph
from test_again import without_ids
from unsnarl.decisions.events import read_event
from unsnarl.dendrogram import cut_forest
from unsnarl.engines import local
from unsnarl.errors import InputError, UsageError
from unsnarl.files.record_columns import find_changed, hash_content
from unsnarl.files.records import read_records
from unsnarl.files.session import Session
from unsnarl.files.tables import unpack
from unsnarl.model import Clustering
from unsnarl.report import blocked, effects, standoffs, statements
from unsnarl.settings import Settings
from unsnarl.slices import Slices

FILES = ("clusters.parquet", "merges.parquet", "components.parquet")
Events = list[dict[str, Any]]

SIX = {"AB": 0.9, "AC": 0.4, "AD": 0.6, "AE": 0.3, "BC": 0.6, "CF": 0.1, "EF": 0.97, "DE": 0.95, "DF": 0.65}
SIX_ROWS = [{"id_l": a, "id_r": b, "score": score} for (a, b), score in SIX.items()]


def say(kind: str, *ids: str, **more: Any) -> dict[str, Any]:
    return {"kind": kind, "ids": list(ids), "by": "ana", "at": "2026-11-23T10:00:00Z", **more}


def name(record: int) -> str:
    return f"r{record:03d}"


def as_rows(graph: Graph) -> tuple[list[dict[str, Any]], list[dict[str, str]]]:
    pairs, n_records = graph
    rows = [{"id_l": name(a), "id_r": name(b), "score": score / UNITS} for a, b, score in pairs]
    return rows, [{"id": name(record)} for record in range(n_records)]


def draw_events(n_records: int, rng: random.Random) -> Events:
    """Draw decisions that do not contradict each other: they are taken from a secret partition."""
    secret = [rng.randrange(max(1, n_records // 2)) for _ in range(n_records)]
    events: Events = []
    for _ in range(rng.randint(0, 4)):
        ids = rng.sample(range(n_records), min(n_records, rng.randint(2, 4)))
        groups: dict[int, list[int]] = {}
        for record in ids:
            groups.setdefault(secret[record], []).append(record)
        events.append({"kind": "group", "groups": [[name(r) for r in part] for part in groups.values()]})
        a, b = ids[:2]
        events.append(say("same" if secret[a] == secret[b] else "different", name(a), name(b)))
    return events


def contract(events: Events, n_records: int) -> tuple[list[int], set[tuple[int, int]]]:
    """Work out by hand who is with whom, and which two may not be."""
    index = {name(record): record for record in range(n_records)}
    must_of = list(range(n_records))
    apart = set()
    for event in events:
        parts = event.get("groups") or ([event["ids"]] if event["kind"] == "same" else [[id_] for id_ in event["ids"]])
        for part in parts:
            low = {must_of[index[id_]] for id_ in part}
            must_of = [min(low) if group in low else group for group in must_of]
        for one, other in combinations(parts, 2):
            apart |= {tuple(sorted((index[a], index[b]))) for a in one for b in other}
    return must_of, apart


def expect(graph: Graph, events: Events, linkage: str, threshold: float) -> list[tuple[str, str, float, int]]:
    """Give the merges of the twin, component by component."""
    pairs, n_records = graph
    must_of, apart = contract(events, n_records)
    parent = list(range(n_records))
    ties = [(a, b) for a, b, s in pairs if s >= threshold * UNITS] + list(enumerate(must_of))
    for a, b in ties:
        low, high = sorted((parent[a], parent[b]))
        parent = [low if group == high else group for group in parent]
    score = {(a, b): s for a, b, s in pairs if parent[a] == parent[b]}
    score |= {(a, b): FORBIDDEN for a, b in apart if parent[a] == parent[b]}
    # The quick twin of weighted linkage knows halves only, and a group of three makes thirds.
    twin = agglomerate_by_definition if n_records < 9 or linkage == "weighted" else agglomerate
    merges = twin(sorted((a, b, s) for (a, b), s in score.items()), n_records, linkage, must_of)
    found = [(parent[m.left], name(m.left), name(m.right), round(float(m.distance), 9), m.size) for m in merges]
    return [merge[1:] for merge in sorted(found, key=lambda merge: merge[0])]


def table_of(result: unsnarl.Result) -> dict[str, Any]:
    """Give the table of decisions, with what is missing as ''."""
    return unpack(result.found.decided.table)


def merges_of(result: unsnarl.Result) -> list[tuple[str, str, float, int]]:
    return [(m["left_id"], m["right_id"], round(m["distance"], 9), m["size"]) for m in result.merges]


@pytest.mark.parametrize("linkage", LINKAGES)
@given(graph=graphs(largest=8), rng=st.randoms(use_true_random=False), threshold=st.sampled_from([0.25, 0.5, 1.0]))
@settings(max_examples=count(12))
def test_random_decisions_equal_the_twin(linkage: str, graph: Graph, rng: random.Random, threshold: float) -> None:
    events = draw_events(graph[1], rng) if graph[1] > 1 else []
    rng.shuffle(events)
    rows, records = as_rows(graph)
    result = unsnarl.cluster(rows, records, decisions=events, linkage=linkage, threshold=threshold)
    assert merges_of(result) == expect(graph, events, linkage, threshold)
    must_of, apart = contract(events, graph[1])
    for cut in (0.0, 0.3, 0.99):
        cluster_of = cut_forest(result.found.forest, cut).cluster_of
        assert all(cluster_of[a] == cluster_of[b] for a, b in enumerate(must_of))
        assert all(cluster_of[a] != cluster_of[b] for a, b in apart)


def shift(events: Events, prefix: str) -> Events:
    """Put a prefix before every id."""
    return json.loads(json.dumps(events).replace('"r', f'"{prefix}r'))


@pytest.mark.parametrize("linkage", LINKAGES)
def test_a_thousand_graphs_in_one_run_equal_the_twin(linkage: str) -> None:
    rows, records, events, expected = [], [], [], []
    shapes = ("random", "sparse", "power-law", "cliques", "hubs", "path")
    # A third is no number of halves: weighted linkage keeps it to 2**-62, so ties among thirds are left out.
    largest, ties = (9, "distinct") if linkage == "weighted" else (17, "tenths")
    for seed in range(count(1000)):
        n_records = 2 + seed % largest
        graph = seeded_graph(seed, shapes[seed % len(shapes)], ties if seed % 3 else "distinct", n_records)
        said = draw_events(n_records, random.Random(seed))
        prefix = f"{seed:04d}-"
        some, more = as_rows(graph)
        rows += [{**row, "id_l": prefix + row["id_l"], "id_r": prefix + row["id_r"]} for row in some]
        records += [{"id": prefix + row["id"]} for row in more]
        events += shift(said, prefix)
        expected += [(prefix + a, prefix + b, *rest) for a, b, *rest in expect(graph, said, linkage, 0.5)]
    random.Random(0).shuffle(events)
    assert merges_of(unsnarl.cluster(rows, records, decisions=events, linkage=linkage)) == expected


def test_a_must_link_between_two_components_and_of_a_record_in_no_pair() -> None:
    rows = [*SIX_ROWS, {"id_l": "X", "id_r": "Y", "score": 0.9}]
    records = [{"id": id_} for id_ in "ABCDEFXYZ"]
    result = unsnarl.cluster(rows, records, decisions=[say("same", "X", "F"), say("same", "Z", "A")])
    clusters = {row["id"]: (row["cluster_id"], row["component_id"]) for row in result.clusters}
    assert clusters["X"] == clusters["F"] and clusters["Z"] == clusters["A"]
    assert {component for _, component in clusters.values()} == {"A"}
    assert [row["size"] for row in result.components] == [9]
    assert merges_of(result)[:2] == [("A", "Z", 0.0, 2), ("F", "X", 0.0, 2)]


def test_a_cannot_link_inside_a_chain_of_five_is_proved_whole() -> None:
    links = list(zip("ABCDE", "BCDEF", strict=True))
    chain = [say("same", a, b, by=f"rev{i}", at=f"2026-11-2{i}T10:00:00Z") for i, (a, b) in enumerate(links)]
    detour = [say("same", a, b) for a, b in zip("AXYZVW", "XYZVWF", strict=True)]
    rows = [*SIX_ROWS, *({"id_l": id_, "id_r": "A", "score": 0.6} for id_ in "XYZVW")]
    with pytest.raises(InputError) as caught:
        unsnarl.cluster(rows, decisions=[*detour, *chain, say("different", "F", "A", by="zoe")])
    (proof,) = caught.value.examples
    assert caught.value.exit_code == 3
    for i, (a, b) in enumerate(links):
        assert f"{b!r} same {a!r} (rev{i}, 2026-11-2{i}T10:00:00Z" in proof
    assert proof.count(" same ") == 5 and proof.endswith(")") and "but 'F' different 'A' (zoe, " in proof


def digests(run: Path) -> dict[str, str]:
    return {file: hashlib.sha256((run / file).read_bytes()).hexdigest() for file in FILES}


NOTHING: dict[str, Events] = {
    "nothing said": [],
    "in doubt": [say("unsure", "A", "B")],
    "undone": [say("different", "A", "B", event="x"), {"kind": "undo", "of": "x"}],
    "never about to meet": [say("different", "A", "Z"), say("different", "Z", "F")],
    "not merged at any distance": [say("different", "B", "Z")],
}


@pytest.mark.parametrize("said", NOTHING)
def test_where_nothing_changes_the_bytes_are_those_of_a_run_without(tmp_path: Path, said: str) -> None:
    records = [{"id": id_} for id_ in "ABCDEFZ"]
    unsnarl.cluster(SIX_ROWS, records).write(tmp_path / "without")
    unsnarl.cluster(SIX_ROWS, records, decisions=NOTHING[said]).write(tmp_path / "with")
    without, found = digests(tmp_path / "without"), digests(tmp_path / "with")
    applied = json.loads((tmp_path / "with" / "run.json").read_text())["counts"]["decisions"].get("n_applied", 0)
    assert bool(applied) == (said in ("never about to meet", "not merged at any distance"))
    if applied:
        # The table of clusters says in two more columns what was decided of each record.
        plain, more = (unsnarl.open_run(tmp_path / run).clusters for run in ("without", "with"))
        assert [*more.columns] == [*plain.columns, "decided_same", "decided_different"]
        assert more[[*plain.columns]].equals(plain)
        without.pop("clusters.parquet"), found.pop("clusters.parquet")
    assert without == found


def test_a_cannot_link_that_blocks_no_merge_leaves_the_content_hash(tmp_path: Path) -> None:
    rows = [
        {"id_l": "A", "id_r": "B", "score": 0.9},
        {"id_l": "B", "id_r": "C", "score": 0.6},
        {"id_l": "A", "id_r": "C", "score": 0.0},
    ]
    free = unsnarl.cluster(rows, linkage="complete")
    kept = unsnarl.cluster(rows, linkage="complete", decisions=[say("different", "A", "C")])
    blocked = unsnarl.cluster(rows, linkage="average", decisions=[say("different", "A", "C")])
    assert free.components == kept.components and free.merges == kept.merges
    hashes = [result.components[0]["content_hash"] for result in (free, blocked)]
    assert hashes[0] != hashes[1]


def test_what_decisions_did_is_told() -> None:
    events = [say("different", "B", "C"), say("same", "E", "F"), say("different", "A", "F"), say("same", "D", "A")]
    result = unsnarl.cluster(SIX_ROWS, decisions=events[:3])
    table = table_of(result)
    assert table["effect"].tolist() == ["changed", "already so", "already so"]
    # C would have joined A and B at (.6 + .4) / 2; A and F never came near each other.
    assert table["blocked_distance"][0] == 0.5 and np.isnan(table["blocked_distance"][1:]).all()
    assert (table["blocked_left"][0], table["blocked_right"][0]) == ("A", "C")
    assert table["n_records"].tolist() == [3, 3, 5] and table["n_moved"].tolist() == [3, 0, 2]
    shown = result.decisions
    assert [row["blocked_distance"] for row in shown] == [0.5, None, None] and shown[1]["blocked_left"] is None
    assert (
        result.violations is None and result.at(0.2).decisions is None and unsnarl.cluster(SIX_ROWS).decisions is None
    )
    assert [row["decided_different"] for row in result.clusters] == [1, 1, 1, 0, 0, 1]
    assert [row["decided_same"] for row in result.clusters] == [0, 0, 0, 0, 1, 1]
    counts = result.found.counts["decisions"]
    assert (counts["n_applied"], counts["n_changed"], counts["n_already_so"], counts["n_blocked_merges"]) == (
        3,
        1,
        2,
        1,
    )
    assert "3 decisions applied: 1 changed the result, 2 were so already; 1 blocked merges" in result.summary()


def replay_blocked(graph: Graph, events: Events, linkage: str, cut: float) -> dict[int, float]:
    """Find for each event with a cannot-link the best merge it blocked: by definition, one merge after the other."""
    pairs, n_records = graph
    must_of, apart = contract(events, n_records)
    score = {(a, b): s for a, b, s in pairs}
    rows = sorted((a, b, s) for (a, b), s in (score | dict.fromkeys(apart, FORBIDDEN)).items())
    merges = [merge for merge in agglomerate(rows, n_records, linkage, must_of) if merge.distance <= cut]
    best: dict[int, float] = {}
    for number, event in enumerate(events):
        parts = event.get("groups") or [[id_] for id_ in event["ids"]]
        if event["kind"] == "same" or len(parts) < 2:
            continue
        clusters = {record: [record] for record in range(n_records)}
        for step in [*merges, None]:
            for one, other in combinations(parts, 2):
                a, b = (next(c for c in clusters.values() if int(part[0][1:]) in c) for part in (one, other))
                crossing = [score.get((min(x, y), max(x, y)), 0) / UNITS for x in a for y in b]
                near = {"average": sum(crossing) / len(crossing), "single": max(crossing), "complete": min(crossing)}
                distance = 1 - near[linkage]
                if (distance < float(step.distance) if step else distance <= cut) and distance < 1:
                    best[number] = min(best.get(number, 1.0), distance)
            if step:
                clusters[step.left] += clusters.pop(step.right)
    return best


@pytest.mark.parametrize("linkage", ["average", "single", "complete"])
def test_the_best_blocked_merge_is_that_of_the_definition(linkage: str) -> None:
    for seed in range(count(8)):
        graph = seeded_graph(seed, "random", "distinct", 14)
        events = draw_events(14, random.Random(seed))
        rows, records = as_rows(graph)
        result = unsnarl.cluster(rows, records, decisions=events, linkage=linkage, threshold=1e-9, cut=0.6)
        if (decided := result.found.decided) is None or not events:
            continue
        found = dict(enumerate(decided.table["blocked_distance"].tolist()))
        expected = replay_blocked(graph, events, linkage, 0.6)
        assert {i: pytest.approx(d) for i, d in found.items() if d == d} == expected


def one_per_events(sources: list[int]) -> Events:
    """Say in cannot-links what --one-per says."""
    return [
        say("different", name(a), name(b)) for a, b in combinations(range(len(sources)), 2) if sources[a] == sources[b]
    ]


@pytest.mark.parametrize("linkage", ["average", "single", "complete"])
@pytest.mark.parametrize("n_sources", [2, 3, 7])
def test_one_per_source_is_that_of_all_cannot_links(linkage: str, n_sources: int) -> None:
    rows, records, expected = [], [], []
    for seed in range(count(60)):
        rng = random.Random(seed)
        graph = seeded_graph(seed, ("random", "sparse", "hubs", "power-law")[seed % 4], "tenths", 8 + 2 * (seed % 12))
        sources = [rng.randrange(n_sources) for _ in range(graph[1])]
        prefix = f"{seed:04d}-"
        rows += [{**row, "id_l": prefix + row["id_l"], "id_r": prefix + row["id_r"]} for row in as_rows(graph)[0]]
        records += [{"id": prefix + name(i), "src": f"s{source}"} for i, source in enumerate(sources)]
        found = expect(graph, one_per_events(sources), linkage, 0.3)
        expected += [(prefix + a, prefix + b, *rest) for a, b, *rest in found]
    result = unsnarl.cluster(rows, records, one_per="src", linkage=linkage, threshold=0.3)
    assert merges_of(result) == expected
    assert result.found.counts["one_per"]["n_violations"] == 0


def test_one_per_with_decisions_and_large_partitions() -> None:
    for seed in range(4):
        graph = seeded_graph(seed, "cliques", "tenths", 60)
        rows, records = as_rows(graph)
        apart = {"kind": "group", "groups": [[name(i)] for i in range(0, 60, 1 + seed % 2)][:45]}
        result = unsnarl.cluster(
            rows, records, decisions=[apart, say("same", name(58), name(59))] if seed % 2 == 0 else [apart]
        )
        events = [apart, say("same", name(58), name(59))] if seed % 2 == 0 else [apart]
        assert merges_of(result) == expect(graph, events, "average", 0.5)


def components_of(result: unsnarl.Result) -> dict[str, tuple[str, list[tuple[Any, ...]]]]:
    """Give by the name of each component its content hash, and its merges."""
    merges: dict[str, list[tuple[Any, ...]]] = {}
    for merge in result.merges:
        merges.setdefault(merge["component_id"], []).append(tuple(merge.values()))
    return {c["component_id"]: (c["content_hash"], merges.get(c["component_id"], [])) for c in result.components}


def clusters_by_record(result: unsnarl.Result) -> dict[str, frozenset[str]]:
    groups: dict[str, set[str]] = {}
    for row in result.clusters:
        groups.setdefault(row["cluster_id"], set()).add(row["id"])
    return {row["id"]: frozenset(groups[row["cluster_id"]]) for row in result.clusters}


@pytest.mark.parametrize("largest", [2, 30])
@pytest.mark.parametrize("linkage", LINKAGES)
def test_what_decisions_did_is_what_a_run_without_says(
    linkage: str, largest: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Effects, records moved and content hashes, also where an event of several parts becomes a family."""
    monkeypatch.setattr(statements, "LARGE_PARTITION", largest)
    for seed in range(count(20)):
        rng = random.Random(seed)
        rows, records = as_rows(seeded_graph(seed, rng.choice(["random", "cliques", "sparse"]), "tenths", 16))
        asked = {"linkage": linkage, "threshold": rng.choice([0.3, 0.5]), "cut": rng.choice([0.3, 0.5, 0.7])}
        events = draw_events(16, rng)
        result, free = (unsnarl.cluster(rows, records, decisions=said, **asked) for said in (events, None))
        now, before = clusters_by_record(result), clusters_by_record(free)
        for event, row in zip(events, result.decisions or [], strict=True):
            parts = event.get("groups") or ([event["ids"]] if event["kind"] == "same" else [[i] for i in event["ids"]])
            together = all(before[part[0]] >= set(part) for part in parts)
            apart = all(before[one[0]].isdisjoint(other) for one, other in combinations(parts, 2))
            assert row["effect"] == ("already so" if together and apart else "changed")
            held = {now[record] for part in parts for record in part}
            moved = [cluster for cluster in held if cluster not in before.values()]
            assert (row["n_records"], row["n_moved"]) == (sum(map(len, held)), sum(map(len, moved)))
        with_them, without = components_of(result), components_of(free)
        for component in with_them.keys() & without.keys():
            (hashed, merges), (free_hash, free_merges) = with_them[component], without[component]
            if merges != free_merges:
                assert hashed != free_hash


def test_a_decision_on_many_records_is_not_taken_for_none(tmp_path: Path) -> None:
    ids = [f"r{i:02d}" for i in range(32)]
    rows = [{"id_l": a, "id_r": b, "score": 0.9} for a, b in pairwise(ids)]
    free = unsnarl.cluster(rows, linkage="single")
    result = unsnarl.cluster(rows, linkage="single", decisions=[{"kind": "different", "ids": ids[:31]}])
    assert [(row["effect"], row["n_records"], row["n_moved"]) for row in result.decisions] == [("changed", 32, 32)]
    assert free.components[0]["content_hash"] != result.components[0]["content_hash"]
    result.write(tmp_path / "run")
    again = unsnarl.cluster(rows, linkage="single", previous=tmp_path / "run")
    assert merges_of(again) == merges_of(free)


def test_one_per_as_a_rule_contradicts_must_links_and_as_evidence_does_not(tmp_path: Path) -> None:
    records = [{"id": id_, "src": source} for id_, source in zip("ABCDEF", "121122", strict=True)]
    same = [say("same", "A", "B"), say("same", "B", "C")]
    with pytest.raises(InputError, match="both are '1' \\(--one-per src\\)") as caught:
        unsnarl.cluster(SIX_ROWS, records, decisions=same, one_per="src")
    assert "'A' same 'B'" in caught.value.examples[0] and "'B' same 'C'" in caught.value.examples[0]
    result = unsnarl.cluster(SIX_ROWS, records, decisions=same, one_per="src", one_per_penalty=2.0)
    assert {row["cluster_id"] for row in result.clusters[:3]} == {"A"}
    result.write(tmp_path / "run")
    assert result.found.decided.violations["n_records"].tolist()[0] == 2
    assert (tmp_path / "run" / "violations.parquet").is_file()
    with pytest.raises(UsageError, match="without one-per"):
        unsnarl.cluster(SIX_ROWS, one_per_penalty=1.0)
    with pytest.raises(InputError, match="--one-per"):
        unsnarl.cluster(SIX_ROWS, one_per="src")
    with pytest.raises(InputError, match="nosuch"):
        unsnarl.cluster(SIX_ROWS, records, one_per="nosuch")


def test_a_penalty_takes_odds_off_pairs_of_one_source() -> None:
    rows = [{"id_l": "A", "id_r": "B", "score": 0.8}, {"id_l": "C", "id_r": "D", "score": 0.8}]
    records = [{"id": id_, "src": source} for id_, source in zip("ABCD", "1112", strict=True)]
    result = unsnarl.cluster(rows, records, one_per="src", one_per_penalty=1.0)
    # Odds of 4 become odds of 2.
    assert [round(m["distance"], 6) for m in result.merges] == [0.333333, 0.2]


def test_unknown_ids_stop_the_run_or_are_left_out() -> None:
    events = [say("same", "A", "Q"), {"kind": "group", "groups": [["B", "Q"], ["C"]]}]
    with pytest.raises(InputError, match="1 id that no record has") as caught:
        unsnarl.cluster(SIX_ROWS, decisions=events)
    assert caught.value.examples[0] == "decision 1: 'Q'"
    result = unsnarl.cluster(SIX_ROWS, decisions=events, allow_unknown_ids=True)
    assert table_of(result)["status"].tolist() == ["unknown ids", "applied"]
    assert merges_of(result) == merges_of(unsnarl.cluster(SIX_ROWS, decisions=[say("different", "B", "C")]))
    assert "'Q'" in result.summary()


def name_by_first(labels: list[int]) -> Clustering:
    return Clustering(np.array([labels.index(label) for label in labels], dtype=np.int32))


@given(labels=st.lists(st.tuples(*[st.integers(0, 4)] * 2), min_size=1, max_size=9))
def test_changed_clusters_are_those_that_hold_other_records(labels: list[tuple[int, int]]) -> None:
    now, before = (name_by_first(list(side)) for side in zip(*labels, strict=True))
    held = [
        {name: set(np.flatnonzero(found.cluster_of == name)) for name in found.cluster_of.tolist()}
        for found in (now, before)
    ]
    expected = {name for name in held[0] | held[1] if held[0].get(name) != held[1].get(name)}
    assert set(np.flatnonzero(effects.find_changed(now, before)).tolist()) == expected


@given(rows=st.lists(st.tuples(st.integers(0, 4), st.integers(0, 2), st.integers(0, 2)), max_size=12))
def test_a_key_of_two_values_is_found(rows: list[tuple[int, int, int]]) -> None:
    event, key, value = np.array(sorted(rows, key=lambda row: row[0]), dtype=np.int64).reshape(-1, 3).T
    expected = [any(a[:2] == b[:2] == (i, a[1]) and a[2] != b[2] for a in rows for b in rows) for i in range(5)]
    assert statements.mark_repeated(event, key, value, 5).tolist() == expected


CONTENT = st.none() | st.text(st.sampled_from(' ab"\\\té\x01\u2003'), max_size=4)


@given(
    now=st.lists(st.tuples(CONTENT, CONTENT), min_size=1, max_size=6),
    before=st.lists(st.tuples(CONTENT, CONTENT), min_size=6, max_size=6),
    columns=st.permutations(["name", 'ci"ty']),
)
@settings(max_examples=count(60))
def test_records_have_changed_where_their_content_has_another_hash(
    now: list[tuple[str | None, str | None]], before: list[tuple[str | None, str | None]], columns: list[str]
) -> None:
    records = [{"id": f"r{i}", **dict(zip(columns, values, strict=True))} for i, values in enumerate(now)]
    then = [hash_content(columns, values) for values in before[: len(now)]]
    expected = [i for i, values in enumerate(now) if hash_content(columns, values) != then[i]]
    with Session() as session:
        source = read_records(session, records, Settings())
        ids = [f"r{i}" for i in range(len(now))]
        found = find_changed(source, False, columns, (Slices.of([*ids, "nobody"]), Slices.of([*then, "x"])))
    assert sorted(found.tolist()) == expected


def test_a_decision_on_a_record_that_changed_is_stale() -> None:
    records = [{"id": id_, "name": f"name {id_}", "year": None} for id_ in "ABCDEF"]
    content = {"columns": ["name", "year"], "hashes": {id_: hash_content(["name"], [f"name {id_}"]) for id_ in "BC"}}
    event = say("different", "B", "C", content=content)
    free, held = unsnarl.cluster(SIX_ROWS), unsnarl.cluster(SIX_ROWS, decisions=[say("different", "B", "C")])
    assert merges_of(unsnarl.cluster(SIX_ROWS, records, decisions=[event])) == merges_of(held)
    records[2]["name"] = "another"
    stale = unsnarl.cluster(SIX_ROWS, records, decisions=[event])
    assert merges_of(stale) == merges_of(free) and table_of(stale)["status"].tolist() == ["stale"]
    assert "1 decision not applied: a record has changed since" in stale.summary()
    assert merges_of(unsnarl.cluster(SIX_ROWS, records, decisions=[event], apply_stale=True)) == merges_of(held)
    only_ids = [{"id": id_} for id_ in "ABCDEF"]
    unseen = unsnarl.cluster(SIX_ROWS, only_ids, decisions=[event])
    assert merges_of(unseen) == merges_of(held) and "without a look at the records" in unseen.summary()


def test_contradictions_give_way_to_the_latest_or_the_first_reviewer() -> None:
    events = [
        say("same", "A", "B", by="ben", at="2026-11-20T00:00:00Z"),
        say("same", "B", "C", by="ana", at="2026-11-22T00:00:00Z"),
        say("different", "A", "C", by="zoe", at="2026-11-21T00:00:00Z"),
    ]
    latest = unsnarl.cluster(SIX_ROWS, decisions=events, on_contradiction="latest")
    assert table_of(latest)["status"].tolist() == ["overruled", "applied", "applied"]
    chosen = {"on_contradiction": "reviewer-order", "reviewer_order": "ben, ana"}
    first = unsnarl.cluster(SIX_ROWS, decisions=events, **chosen)
    assert table_of(first)["status"].tolist() == ["applied", "applied", "overruled"]
    assert "'A' same 'B' (ben" in first.summary() and "but 'A' different 'C' (zoe" in first.summary()
    with pytest.raises(UsageError, match="go together"):
        unsnarl.cluster(SIX_ROWS, decisions=events, on_contradiction="reviewer-order")


@pytest.mark.parametrize("linkage", ["average", "single"])
def test_previous_and_resume_notice_changed_decisions(
    tmp_path: Path, linkage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pairs = tmp_path / "pairs.csv"
    rng = random.Random(5)
    rows = {
        (f"c{c}-{a}", f"c{c}-{b}"): rng.randint(0, 20) / 20 for c in range(20) for a, b in combinations(range(5), 2)
    }
    pairs.write_text("\n".join(["id_l,id_r,score", *(f"{a},{b},{s}" for (a, b), s in rows.items())]) + "\n")
    sets = [[], [say("different", "c1-0", "c1-1")], [say("same", "c1-0", "c1-1"), say("same", "c2-0", "c3-0")], []]
    linked: list[int] = []
    link = local.link_up_to
    monkeypatch.setattr(
        local,
        "link_up_to",
        lambda p, c, *more: linked.append(int((np.bincount(c.component_of) > 1).sum())) or link(p, c, *more),
    )
    old = None
    for turn, events in enumerate(sets):
        log = tmp_path / f"log{turn}.jsonl"
        log.write_text("".join(json.dumps(event) + "\n" for event in events))
        asked = {"decisions": log, "linkage": linkage, "threshold": 0.3}
        unsnarl.cluster(pairs, **asked).write(tmp_path / f"full{turn}")
        del linked[:]
        unsnarl.cluster(pairs, previous=old, resume=tmp_path / "resumed", **asked).write(tmp_path / f"again{turn}")
        assert old is None or linked[0] <= 3
        # Clusters keep their ids, so those of another run are compared without.
        assert without_ids(tmp_path / f"full{turn}") == without_ids(tmp_path / f"again{turn}")
        taken_up = unsnarl.cluster(pairs, resume=tmp_path / "resumed", **asked)
        taken_up.write(tmp_path / f"resumed{turn}")
        assert digests(tmp_path / f"full{turn}") == digests(tmp_path / f"resumed{turn}")
        old = tmp_path / f"full{turn}"


def test_the_order_of_lines_pairs_and_threads_does_not_matter(tmp_path: Path) -> None:
    graph = seeded_graph(3, "sparse", "tenths", 40)
    rows, records = as_rows(graph)
    events = draw_events(40, random.Random(3))
    records = [{**record, "src": f"s{i % 5}"} for i, record in enumerate(records)]
    seen = set()
    for turn in range(3):
        rng = random.Random(turn)
        shuffled = [dict(row) for row in rng.sample(rows, len(rows))]
        moved = rng.sample(events, len(events))
        asked = {"decisions": moved, "one_per": "src", "threads": 1 + turn, "on_contradiction": "latest"}
        unsnarl.cluster(shuffled, records, **asked).write(tmp_path / str(turn))
        seen.add(tuple(digests(tmp_path / str(turn)).values()))
    assert len(seen) == 1


@pytest.mark.parametrize("kind", ["pandas", "polars", "csv", "splink"])
def test_decisions_come_in_every_form(tmp_path: Path, kind: str) -> None:
    rows = [{"id_l": "B", "id_r": "C", "kind": "different"}, {"id_l": "A", "id_r": "D", "kind": "same"}]
    given: Any = None
    if kind == "csv":
        given = tmp_path / "said.csv"
        given.write_text("id_l,id_r,kind,by\nB,C,different,ana\nA,D,same,\n")
    elif kind == "splink":
        given = tmp_path / "labels.csv"
        given.write_text("unique_id_l,unique_id_r,clerical_match_score\nB,C,0.02\nA,D,1\nE,F,0.5\n")
    else:
        given = pytest.importorskip(kind).DataFrame(rows)
    result = unsnarl.cluster(SIX_ROWS, decisions=given)
    assert merges_of(result) == merges_of(
        unsnarl.cluster(SIX_ROWS, decisions=[say("different", "B", "C"), say("same", "A", "D")])
    )


def test_events_that_are_none_are_refused_with_their_line() -> None:
    wrong = {
        "'kind'": {"kind": "maybe", "ids": ["a", "b"]},
        "two records or more": say("same", "a"),
        "named twice": say("same", "a", "a"),
        "must be a list": {"kind": "same", "ids": "ab"},
        "no time": say("same", "a", "b", at="yesterday"),
        "in what zone": say("same", "a", "b", at="2026-11-23T10:00:00"),
        "'undo' needs 'of'": {"kind": "undo"},
        "a group has no records": {"kind": "group", "groups": [[], ["a"]]},
        "must be a text": say("same", "a", 1.5),
        "'content'": say("same", "a", "b", content={"hashes": {}}),
    }
    for words, event in wrong.items():
        with pytest.raises(InputError, match="line 7") as caught:
            read_event(event, "log.jsonl, line 7")
        assert words in str(caught.value), words


def test_decisions_hold_in_bayesian_clustering() -> None:
    rows = [
        {"id": id_, "terms": words.split()} for id_, words in zip("abcdef", ["red big"] * 3 + ["blue"] * 3, strict=True)
    ]
    apart = {"kind": "group", "groups": [["a"], ["b"]]}
    result = unsnarl.bhc(rows, decisions=[apart, say("same", "c", "d")])
    cluster_of = {row["id"]: row["cluster_id"] for row in result.clusters}
    assert cluster_of["a"] != cluster_of["b"] and cluster_of["c"] == cluster_of["d"]
    free = {row["id"]: row["cluster_id"] for row in unsnarl.bhc(rows).clusters}
    assert free["a"] == free["b"] != free["d"]
    with pytest.raises(InputError, match="no record has"):
        unsnarl.bhc(rows, decisions=[say("same", "a", "q")])
    with pytest.raises(InputError, match="1 contradiction"):
        unsnarl.bhc(rows, decisions=[say("same", "a", "b"), say("different", "a", "b")])


@pytest.mark.parametrize("linkage", ["average", "single", "complete"])
def test_blocked_merges_found_at_once_are_those_of_a_walk(linkage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    find = standoffs.Field.find

    def find_both(field: standoffs.Field, a: Any, b: Any) -> standoffs.Standoffs:
        found = find(field, a, b)
        seen.append((field, a, b, found))
        return found

    monkeypatch.setattr(standoffs.Field, "find", find_both)
    monkeypatch.setattr(standoffs, "CHUNK", 100)
    rows, records, events = [], [], []
    for seed in range(count(30)):
        graph = seeded_graph(seed, ("random", "hubs", "cliques")[seed % 3], "tenths", 6 + seed)
        some, more = as_rows(graph)
        rows += [{**row, "id_l": f"{seed}-{row['id_l']}", "id_r": f"{seed}-{row['id_r']}"} for row in some]
        records += [{"id": f"{seed}-{row['id']}"} for row in more]
        for turn in range(4):
            events += shift(draw_events(graph[1], random.Random(100 * turn + seed)), f"{seed}-")
    asked = {"linkage": linkage, "threshold": 1e-9, "cut": 0.9, "on_contradiction": "latest"}
    result = unsnarl.cluster(rows, records, decisions=events, **asked)
    made, pairs = result.found, result.found.pairs
    ((_, a, b, found),) = seen
    alone = np.arange(len(made.ids), dtype=np.int32)
    answer = blocked.Answer(made.forest, made.clustering, pairs, alone, linkage, 0.9)
    walked = blocked.replay(answer, a, b)
    assert len(found.row) > (10 if count(100) == 100 else 0)
    for name in ("row", "distance", "left", "right"):
        assert np.array_equal(getattr(found, name), getattr(walked, name)), name


def test_check_tells_what_would_become_of_decisions() -> None:
    said = [say("same", "A", "B"), say("different", "A", "B"), say("same", "A", "Q")]
    problems = [str(problem) for problem in unsnarl.check(SIX_ROWS, decisions=said).problems]
    assert len(problems) == 2 and "'Q'" in problems[0] and "'A' same 'B' (ana" in problems[1]
    records = [{"id": id_, "name": id_} for id_ in "ABCDEF"]
    content = {"columns": ["name"], "hashes": {"C": hash_content(["name"], ["other"])}}
    said[1:] = [say("different", "A", "C", content=content), say("same", "A", "B", at="2026-11-24T10:00:00Z")]
    report = unsnarl.check(SIX_ROWS, records, decisions=said)
    assert not report.problems and "decisions: 3 events, 2 applied, 1 stale" in report.lines()
    assert not unsnarl.check(SIX_ROWS, records[:5], decisions=[say("same", "A", "F")], allow_unknown_ids=True).problems
    # Where PAIRS cannot be read the log is looked at all the same.
    (pairs, log) = unsnarl.check([{"x": 1}], decisions=[say("maybe", "A", "B")]).problems
    assert "PAIRS" in str(pairs) and "'kind' is 'maybe'" in str(log)


WORDS = {"a": "red big", "b": "red big old", "c": "red big", "d": "blue sky", "e": "blue sky", "f": "blue"}
TERMS = [{"id": id_, "terms": words.split()} for id_, words in WORDS.items()]
PEOPLE = [{"id": id_, "src": source, "name": f"name {id_}"} for id_, source in zip("abcdef", "112212", strict=True)]


def clusters_of(result: unsnarl.Result) -> dict[str, str]:
    return {row["id"]: row["cluster_id"] for row in result.clusters}


def test_what_decisions_did_is_told_of_bayesian_clustering(tmp_path: Path) -> None:
    events = [say("different", "a", "b"), say("same", "d", "e"), say("different", "a", "f"), say("unsure", "a", "c")]
    free, result = unsnarl.bhc(TERMS), unsnarl.bhc(TERMS, decisions=events)
    table = table_of(result)
    assert table["status"].tolist() == ["applied", "applied", "applied", "unsure"]
    assert table["effect"].tolist() == ["changed", "already so", "already so", ""]
    # Of two clusters that shared red and big the odds are over the cut; of a and f they are not.
    assert table["blocked_log_odds"][0] > 0 and np.isnan(table["blocked_log_odds"][1:]).all()
    assert {table["blocked_left"][0], table["blocked_right"][0]} == {"a", "b"}
    assert result.found.counts["decisions"]["n_blocked_merges"] == 1
    assert "3 decisions applied: 1 changed the result, 2 were so already; 1 blocked merges" in result.summary()
    assert [row["decided_different"] for row in result.clusters] == [2, 1, 0, 0, 0, 1]
    unsnarl.bhc(TERMS, decisions=events).write(tmp_path / "run")
    read = unsnarl.open_run(tmp_path / "run").clusters
    assert read["decided_same"].tolist() == [0, 0, 0, 1, 1, 0]
    frame = pytest.importorskip("pandas").read_parquet(tmp_path / "run" / "decisions.parquet")
    assert frame["blocked_log_odds"].isna().tolist() == [False, True, True, True]
    assert "blocked_distance" not in frame and frame["blocked_left"].isna().tolist() == [False, True, True, True]
    assert clusters_of(free)["a"] == clusters_of(free)["b"]


def test_rules_and_stale_decisions_hold_in_bayesian_clustering() -> None:
    free = clusters_of(unsnarl.bhc(TERMS))
    result = unsnarl.bhc(TERMS, records=PEOPLE, one_per="src")
    source_of = {row["id"]: row["src"] for row in PEOPLE}
    held = [(cluster, source_of[id_]) for id_, cluster in clusters_of(result).items()]
    assert len(set(held)) == len(held) and free["a"] == free["b"]
    # The same, every two of one source said to be different.
    apart = [say("different", *(id_ for id_ in source_of if source_of[id_] == source)) for source in "12"]
    assert clusters_of(unsnarl.bhc(TERMS, decisions=apart)) == clusters_of(result)
    assert result.found.counts["one_per"]["n_violations"] == 0
    content = {"columns": ["name"], "hashes": {"a": hash_content(["name"], ["another"])}}
    stale = [say("different", "a", "b", content=content)]
    assert clusters_of(unsnarl.bhc(TERMS, records=PEOPLE, decisions=stale)) == free
    applied = clusters_of(unsnarl.bhc(TERMS, records=PEOPLE, decisions=stale, apply_stale=True))
    assert applied["a"] != applied["b"]
    # A file of records is RECORDS too.
    rows = [{**row, "words": WORDS[row["id"]]} for row in PEOPLE]
    listed = unsnarl.bhc(rows, fields="words", one_per="src")
    assert clusters_of(listed) == {id_: id_ if id_ not in "ce" else {"c": "a", "e": "d"}[id_] for id_ in "abcdef"}
    assert "more" in clusters_of(unsnarl.bhc(TERMS, records=[*PEOPLE, {"id": "more", "src": "3", "name": ""}]))
    with pytest.raises(InputError, match="an id that RECORDS lack"):
        unsnarl.bhc(TERMS, records=PEOPLE[1:])
    assert len(clusters_of(unsnarl.bhc(TERMS, records=PEOPLE[1:], allow_unknown_ids=True))) == 6
    with pytest.raises(InputError, match="--one-per"):
        unsnarl.bhc(TERMS, one_per="src")


def test_contradictions_are_resolved_in_bayesian_clustering() -> None:
    said = [
        say("same", "a", "d", by="ben", at="2026-11-20T00:00:00Z"),
        say("different", "a", "d", by="ana", at="2026-11-21T00:00:00Z"),
        say("same", "a", "nobody", at="2026-11-19T00:00:00Z"),
    ]
    asked: dict[str, Any] = {"allow_unknown_ids": True, "decisions": said}
    latest = unsnarl.bhc(TERMS, on_contradiction="latest", **asked)
    assert table_of(latest)["status"].tolist() == ["overruled", "applied", "unknown ids"]
    first = unsnarl.bhc(TERMS, on_contradiction="reviewer-order", reviewer_order="ben", **asked)
    assert table_of(first)["status"].tolist() == ["applied", "overruled", "unknown ids"]
    assert clusters_of(first)["a"] == clusters_of(first)["d"] != clusters_of(latest)["d"]
    assert "'a' same 'd' (ben" in first.summary()
    with pytest.raises(UsageError, match="go together"):
        unsnarl.bhc(TERMS, on_contradiction="reviewer-order", **asked)
