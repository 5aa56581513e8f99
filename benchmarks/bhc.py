"""Tables of Bayesian hierarchical clustering: what is measured, in a process for each figure, and how it is shown.

python -m benchmarks.bhc '{"set": "synthetic", "n_records": 20000}'     measures one case and prints JSON
"""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import statistics
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import bhc_peers
from benchmarks.measure import _held_and_reset, _peak
from benchmarks.tables import megabytes, seconds, table
from benchmarks.term_sets import EXAMPLES, FIELDS, adjusted_rand, read_truth, synthetic
from unsnarl.bayes.recipe import Plan, TermAgglomeration
from unsnarl.bayes.run import Outcome, choose_prior, cluster_terms
from unsnarl.model import Terms
from unsnarl.odds_forest import cut_odds_forest
from unsnarl.report.term_decisions import rule_terms
from unsnarl.report.term_intake import TermsAsked, read_input
from unsnarl.term_settings import TermSettings

Spec = dict[str, Any]
LONGEST_SECONDS = 1800
BASE = {"set": "synthetic", "n_records": 20_000}
IDEAS = {
    "all of them": "",
    "without bounds that leave terms unread": "skipping",
    "without several partners in a row": "partners",
    "without deferral: look up at once what lost its partner": "deferral",
    "without kinds: equal records one by one": "duplicates",
    "without the index: every pair of clusters scored": "index",
    "with none of these": "deferral,index,duplicates,skipping,partners",
}
SMALL_IDEAS = {
    "all of them": "",
    "without the table: all pairs scored anew at each merge": "table",
    "`--naive`: with nothing": "table,deferral,index,duplicates,skipping,partners",
}
PROOF = "every merge held against all pairs alive, scored from scratch"
N_HISTORICAL = 50_578
SWITCHES_EXPLAINED = "As many at once as there are processors, and beside other work: the last column is what counts."
SWITCHES = ("deferral", "duplicates", "skipping", "partners")
GROWTH = (1000, 10_000, 100_000, 1_000_000)


def measure(spec: Spec) -> dict[str, Any]:
    """Run one case once, kernels loaded before, and report time, memory, counters and what came out."""
    if spec.get("method") == "average linkage":
        return _measure_linkage(spec)
    if "code" in spec:
        return bhc_peers.measure(spec)
    if spec.get("proof"):
        return _measure_proof(spec)
    if spec["set"] == "synthetic":
        return _measure_synthetic(spec)
    return _measure_switches(spec) if "without" in spec else _measure_example(spec)


def _time_engine(terms: Terms, settings: TermSettings) -> tuple[Outcome, dict[str, Any]]:
    """Time the engine alone."""
    cluster_terms(synthetic(300).terms, settings)
    held = _held_and_reset()
    started, worked = time.perf_counter(), time.process_time()
    outcome = cluster_terms(terms, settings)
    cpu, wall = time.process_time() - worked, time.perf_counter() - started
    peak = _peak()
    merges = b"".join(getattr(outcome.forest, name).tobytes() for name in ("left", "right", "log_odds"))
    return outcome, {
        "seconds": wall,
        "cpu_seconds": cpu,
        "peak_bytes": peak,
        "beyond_input_bytes": peak - held,
        "merges": hashlib.sha256(merges).hexdigest()[:16],
        "is_exact": outcome.is_exact,
        **outcome.counters,
    }


def _measure_synthetic(spec: Spec) -> dict[str, Any]:
    """Time the engine on generated records."""
    settings = TermSettings(model=spec.get("model", "multinomial"), without=spec.get("without") or None)
    given = synthetic(spec["n_records"])
    outcome, found = _time_engine(given.terms, settings)
    clusters = cut_odds_forest(outcome.forest, 0.0, "stop").cluster_of
    found |= {"n_clusters": len(np.unique(clusters)), "adjusted_rand": adjusted_rand(clusters, given.entity)}
    return found


def _measure_switches(spec: Spec) -> dict[str, Any]:
    """Time the engine on the fields of real records, with some ideas switched off."""
    settings = TermSettings(fields=FIELDS[spec["set"]], model=spec["model"], without=spec["without"] or None)
    records = str(EXAMPLES / spec["set"] / "records.csv")
    return _time_engine(read_input(TermsAsked(records), settings, rule_terms).terms, settings)[1]


def _measure_proof(spec: Spec) -> dict[str, Any]:
    """Say whether the merges are those of scoring all pairs before each merge, as the naive switch does."""
    from benchmarks.bhc_proof import hold_against_all_pairs

    terms = synthetic(spec["n_records"]).terms
    prior, _ = choose_prior(terms, TermSettings())
    work = TermAgglomeration(terms, prior, Plan())
    while work.advance():
        pass
    worked = time.process_time()
    found = hold_against_all_pairs(terms, work.merges, prior.gamma, prior.strength)
    return {**found, "cpu_seconds": time.process_time() - worked}


def _summarise(result: Any, truth: dict[str, str], cpu: float) -> dict[str, Any]:
    found = result.found
    ids = found.ids[np.arange(len(found.ids))].tolist()
    entity = np.array([truth[id_] for id_ in ids])
    clusters = found.clustering.cluster_of
    counts = {name: found.counts.get(name) for name in ("n_candidates_scored", "is_exact", "prior")}
    return {
        "seconds": cpu,
        "n_clusters": len(np.unique(clusters)),
        "n_entities": len(np.unique(entity)),
        "adjusted_rand": adjusted_rand(clusters, entity),
        **counts,
    }


def _measure_example(spec: Spec) -> dict[str, Any]:
    """Time `unsnarl.bhc` on the fields of real records, reading included."""
    import unsnarl

    records = str(EXAMPLES / spec["set"] / "records.csv")
    settings = {name: spec[name] for name in ("model", "gamma", "prior", "tune") if name in spec}
    unsnarl.bhc([{"id": "a", "terms": ["x"]}, {"id": "b", "terms": ["x"]}])
    worked = time.process_time()
    result = unsnarl.bhc(records, fields=FIELDS[spec["set"]], **settings)
    return _summarise(result, read_truth(spec["set"]), time.process_time() - worked)


def _measure_linkage(spec: Spec) -> dict[str, Any]:
    """Time `unsnarl.cluster` on the scored pairs of the same records."""
    import unsnarl

    folder = EXAMPLES / spec["set"]
    unsnarl.cluster([{"id_l": "a", "id_r": "b", "score": 1.0}])
    worked = time.process_time()
    result = unsnarl.cluster(str(folder / "pairs.parquet"), str(folder / "records.csv"))
    return _summarise(result, read_truth(spec["set"]), time.process_time() - worked)


def _run(spec: Spec, repeats: int) -> dict[str, Any]:
    """Measure a case in processes of its own, and take the median of the times."""
    runs = []
    for _ in range(repeats):
        command = [sys.executable, "-m", "benchmarks.bhc", json.dumps(spec)]
        try:
            home = Path(__file__).parent.parent
            done = subprocess.run(
                command, check=False, capture_output=True, text=True, timeout=LONGEST_SECONDS, cwd=home
            )
        except subprocess.TimeoutExpired:
            return {"note": f"stopped after {LONGEST_SECONDS} s"}
        if done.returncode != 0:
            return {"note": f"failed: {(done.stderr.strip().splitlines() or ['?'])[-1]}"}
        runs.append(json.loads(done.stdout.splitlines()[-1]))
    found: dict[str, Any] = dict(runs[0])
    for name in ("seconds", "cpu_seconds"):
        if name in found:
            found[name] = statistics.median(run[name] for run in runs)
    return found


def _cases(name: str, quick: bool) -> list[tuple[str, Spec]]:
    """List the rows of a table: label and what to measure."""
    if name == "bhc-ideas":
        base = {**BASE, "n_records": 2000} if quick else BASE
        small = {**BASE, "n_records": 200 if quick else 400}
        rows = [(label, {**base, "without": without}) for label, without in IDEAS.items()]
        rows.append((PROOF, {**base, "proof": True}))
        return rows + [(label, {**small, "without": without}) for label, without in SMALL_IDEAS.items()]
    if name == "bhc-growth":
        sizes = GROWTH[:2] if quick else GROWTH
        rows = [(f"{n:,} multinomial", {"set": "synthetic", "n_records": n}) for n in sizes]
        models = [] if quick else [20_000, 100_000]
        return rows + [(f"{n:,} bernoulli", {"set": "synthetic", "n_records": n, "model": "bernoulli"}) for n in models]
    if name == "bhc-peers":
        sizes = [20] if quick else [20, 40, 80]
        models = ("multinomial", "bernoulli")
        specs = [(n, model) for n in sizes for model in models if n < 80 or model == "multinomial"]
        return [
            (f"{n} records, {model}: {code}", {"n_records": n, "model": model, "code": code})
            for n, model in specs
            for code in bhc_peers.CODES
            # BHClustering has no Bernoulli model, and would be at 80 records for minutes.
            if code != "BHClustering" or (model == "multinomial" and n < 80)
        ]
    if name == "bhc-switches":
        return _list_switches(quick)
    rows = []
    for example in ["febrl3"] if quick else ["febrl3", "historical50k"]:
        rows += [
            (f"{example}: multinomial", {"set": example}),
            (f"{example}: multinomial, `--tune`", {"set": example, "tune": True}),
            (f"{example}: multinomial, `--prior uniform`", {"set": example, "prior": "uniform"}),
            (f"{example}: bernoulli", {"set": example, "model": "bernoulli"}),
            (f"{example}: average linkage of the scored pairs", {"set": example, "method": "average linkage"}),
        ]
    return rows


def _list_switches(quick: bool) -> list[tuple[str, Spec]]:
    """List all combinations of switches; those without the index take two to four minutes each."""
    some = [ideas for k in range(5) for ideas in itertools.combinations(SWITCHES, k)]
    some += [("index", *ideas) for ideas in some]
    rows = []
    for model in ("multinomial", "bernoulli"):
        for ideas in some[:2] if quick else some:
            label = f"{model}, {'without ' + ', '.join(ideas) if ideas else 'all of them'}"
            rows.append((label, {"set": "historical50k", "model": model, "without": ",".join(ideas)}))
    return rows


TITLES = {
    "bhc-ideas": "Bayesian clustering: what each idea saves",
    "bhc-switches": "Bayesian clustering: every combination of switches on 50,578 real records",
    "bhc-growth": "Bayesian clustering: growth",
    "bhc-real": "Bayesian clustering: real records by their fields",
    "bhc-peers": "Bayesian clustering: other codes, on small dense sets",
}


def run_table(name: str, quick: bool, repeats: int) -> dict[str, Any]:
    """Measure one table; that of the switches, which is there for what comes out, as many rows at once as fit."""

    def run_case(case: tuple[str, Spec]) -> dict[str, Any]:
        label, spec = case
        found = _run(spec, 1 if spec.get("n_records", 0) > 50_000 or spec.get("without") else repeats)
        took = found.get("cpu_seconds", found.get("seconds", 0.0))
        print(f"  {label}: {found.get('note') or seconds(took)}", file=sys.stderr, flush=True)
        return {"label": label, "spec": spec, "found": found}

    with ThreadPoolExecutor(os.cpu_count() if name == "bhc-switches" else 1) as pool:
        return {"cases": list(pool.map(run_case, _cases(name, quick)))}


def _millions(value: int) -> str:
    return f"{value / 1e6:,.{2 if value < 1e7 else 0}f} M"


def _rows_of_ideas(cases: list[dict[str, Any]]) -> list[list[str]]:
    rows, same_as = [], {}
    for case in cases:
        found, n_records = case["found"], case["spec"].get("n_records", N_HISTORICAL)
        if "note" in found:
            rows.append([case["label"], f"{n_records:,}", found["note"], "", "", "", ""])
            continue
        if "is_greedy" in found:
            rows.append([case["label"], f"{n_records:,}", seconds(found["cpu_seconds"]), _millions(found["n_pairs"])])
            rows[-1] += ["", "", "yes" if found["is_greedy"] else "no"]
            continue
        first = same_as.setdefault((n_records, case["spec"].get("model")), found["merges"])
        work = [_millions(found[name]) for name in ("n_candidates_scored", "n_postings_read")]
        rows.append([case["label"], f"{n_records:,}", seconds(found["cpu_seconds"]), *work, f"{found['n_scans']:,}"])
        rows[-1].append("yes" if found["merges"] == first else "no")
    return rows


def _rows_of_peers(cases: list[dict[str, Any]]) -> list[list[str]]:
    rows = []
    for case in cases:
        found = case["found"]
        if "note" in found:
            rows.append([case["label"], found["note"], ""])
        else:
            rows.append([case["label"], seconds(found["seconds"]), f"{found['n_same']} of {found['n_merges']}"])
    return rows


def show_table(name: str, result: dict[str, Any]) -> str:
    """Write one table."""
    cases = result["cases"]
    if name == "bhc-peers":
        return table(["", "time", "merges as unsnarl's"], _rows_of_peers(cases))
    if name in ("bhc-ideas", "bhc-switches"):
        head = ["", "records", "processor time", "candidates scored", "entries read", "scans", "same merges"]
        note = f"{SWITCHES_EXPLAINED}\n\n" if name == "bhc-switches" else ""
        return note + table(head, _rows_of_ideas(cases))
    rows = []
    for case in cases:
        found = case["found"]
        if "note" in found:
            rows.append([case["label"], found["note"], *[""] * (5 if name == "bhc-growth" else 4)])
        elif name == "bhc-growth":
            rows.append([case["label"], seconds(found["seconds"]), seconds(found["cpu_seconds"])])
            rows[-1].append(_millions(found["n_candidates_scored"]))
            rows[-1] += [megabytes(found["beyond_input_bytes"]), f"{found['n_clusters']:,}"]
            rows[-1].append(f"{found['adjusted_rand']:.3f}")
        else:
            scored = found["n_candidates_scored"]
            rows.append([case["label"], seconds(found["seconds"]), _millions(scored) if scored else ""])
            rows[-1] += [f"{found['n_clusters']:,}", f"{found['n_entities']:,}", f"{found['adjusted_rand']:.4f}"]
    if name == "bhc-growth":
        head = [
            "records",
            "time",
            "processor time",
            "candidates scored",
            "memory beyond input",
            "clusters",
            "adjusted Rand index",
        ]
    else:
        head = ["", "processor time", "candidates scored", "clusters", "entities", "adjusted Rand index"]
    return table(head, rows)


if __name__ == "__main__":
    print(json.dumps(measure(json.loads(sys.argv[1]))))
