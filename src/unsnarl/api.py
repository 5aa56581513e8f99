"""What one can ask for: the switchboard between the command line, Python callers and the rooms.

This is the one module that imports inside functions, so that naming a request
costs nothing: NumPy, DuckDB and the compiler are loaded when work begins.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Unpack

from unsnarl.settings import Settings, SettingsFields, make_settings
from unsnarl.term_settings import TermFields, make_term_settings

if TYPE_CHECKING:
    from unsnarl.decisions.log import Log
    from unsnarl.evaluation.metrics import Evaluation
    from unsnarl.files.session import Session
    from unsnarl.model import Progress
    from unsnarl.report.demo import Demo
    from unsnarl.report.difference import Difference
    from unsnarl.report.intake import Input
    from unsnarl.report.log_requests import Added, LogReport
    from unsnarl.report.opening import Opened
    from unsnarl.report.profile import InputReport
    from unsnarl.report.result import Result
    from unsnarl.report.term_result import TermResult
    from unsnarl.report.timing import Clock


def _read_input(session: Session, opened: Opened, settings: Settings, clock: Clock, resume: str | None) -> Input:
    """Read what was opened, or take up what an earlier run made of it; the kernels are there when it returns."""
    from unsnarl import solve
    from unsnarl.engines.compiling import compile_ahead
    from unsnarl.report.intake import read_decisions, read_rows
    from unsnarl.report.resuming import load_input, save_input

    with compile_ahead() as compiling:
        if opened.decisions is not None:
            clock.run("reading decisions", lambda: read_decisions(opened))
        given = load_input(resume, opened, settings)
        clock.run("loading kernels", solve.load_kernels)
        if given is None:
            given = read_rows(session, opened, settings, clock)
            if resume is not None:
                clock.run("keeping for resume", lambda: save_input(resume, opened, settings, given))
        clock.run("compiling", compiling.wait)
    return given


def _link(given: Input, opened: Opened, settings: Settings, clock: Clock, kept: tuple[str | None, Any]) -> Result:
    """Link what came in, cut, and put together what was found.

    kept  where the work is kept for `resume`, and the RUN before
    """
    from unsnarl import dendrogram
    from unsnarl.background import Later
    from unsnarl.files.tables import make_components
    from unsnarl.report.findings import make_findings
    from unsnarl.report.following import name_clusters
    from unsnarl.report.linking import find_known_merges, link_rest
    from unsnarl.report.result import Result
    from unsnarl.report.resuming import load_forest, save_forest
    from unsnarl.report.reuse import Contents
    from unsnarl.report.weighing import complete

    resume, previous = kept
    with clock.phase("counting"):
        # Only a RUN before needs it at once.
        table = Later(lambda: make_components(given.ids, given.pairs, given.components, settings.threshold))
        contents = Contents(given)
        known = find_known_merges(given, table, contents, settings.linkage, previous)
    with clock.time("linking"):
        forest = load_forest(resume, opened, settings)
        if forest is None:
            forest = link_rest(given, known, settings.linkage, clock.progress)
            save_forest(resume, opened, settings, forest)
    with clock.phase("cutting"):
        clustering = dendrogram.cut_forest(forest, settings.cut)
        names = name_clusters(given.ids, clustering, previous, settings.content_ids)
    found = make_findings(settings, given, table.wait(), (forest, clustering), clock.phases)
    begun, rest = complete(given, replace(found, names=names), contents, clock)
    return Result(begun, given.kind, rest)


def cluster(
    pairs: Any,
    records: Any = None,
    *,
    decisions: Any = None,
    previous: str | os.PathLike[str] | None = None,
    resume: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
    **settings: Unpack[SettingsFields],
) -> Result:
    """Cluster the records that scored pairs connect.

    pairs     two ids and a score in each row: a path, a glob or a list of them (kinds of file: docs/input.md),
              a pandas, Polars or Arrow frame, a DuckDB relation, or a list of dicts
    records   the ids of all records, in the same forms (default: those in pairs); one in no pair is a cluster
    decisions what people decided: a log, a CSV, a list of dicts as its lines, or a frame (docs/decision-log.md)
    previous  a RUN, whose cluster ids are kept (docs/lineage.md), and changed components alone are linked
    resume    where the RUN will be written: what is done is kept beside it for the next such call; for files
    progress  told how far the work is (default: nobody)
    settings  the fields of Settings: threshold=0.5, cut=0.5, linkage="average", ...

    Raises UsageError for a setting out of range, InputError where the input breaks the contract of docs/input.md,
    ResourceError where memory or disk run out. Cost: O(m log m) time, O(n + m) memory for n records and m pairs.

    >>> rows = [{"id_l": "a", "id_r": "b", "match_probability": 0.9},
    ...         {"id_l": "b", "id_r": "c", "match_probability": 0.6}]
    >>> cluster(rows, cut=0.5).clusters[1]["cluster_size"], cluster(rows, cut=0.8).clusters[1]["cluster_size"]
    (2, 3)
    """
    # The compiler is loaded once the input is open: its checksums are being found meanwhile.
    from unsnarl.report.opening import Asked, open_input, refuse_missing
    from unsnarl.report.timing import Clock

    chosen = make_settings(settings)
    refuse_missing(previous)
    clock = Clock(progress)
    kept = None if resume is None else os.fspath(resume)
    with open_input(Asked(pairs, records, decisions), chosen, clock) as (session, opened):
        given = _read_input(session, opened, chosen, clock, kept)
    return _link(given, opened, chosen, clock, (kept, previous))


def bhc(
    terms: Any,
    *,
    ids: Sequence[Any] | None = None,
    records: Any = None,
    decisions: Any = None,
    previous: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
    **settings: Unpack[TermFields],
) -> TermResult:
    """Cluster records that are sets of terms, by Bayesian hierarchical clustering.

    terms     rows of (id, term) or (id, term, count), or a row for each record with a list in the column terms, in any
              form `cluster` takes; or a SciPy sparse matrix of counts; with `fields` a table of records
    ids       of the rows of a sparse matrix (default: their numbers)
    records   the ids of all records, as for `cluster` (default: those of TERMS); one without terms is alone
    decisions what people decided, as for `cluster`; what they did is found out by clustering again without them
    previous  a RUN, whose cluster ids are kept (docs/lineage.md)
    progress  told how far the work is (default: nobody)
    settings  the fields of TermSettings: model="multinomial", gamma=None, strength=None, cut=0.0, ...

    Raises UsageError for a setting out of range, or a prior under which all would merge; InputError, ResourceError.
    Cost: docs/benchmarks.md; 1.1 kB a record and 150 bytes a term of a record.

    >>> rows = [{"id": "a", "terms": ["red", "big"]}, {"id": "b", "terms": ["red", "big"]},
    ...         {"id": "c", "terms": ["blue"]}]
    >>> [row["cluster_id"] for row in bhc(rows).clusters]
    ['a', 'a', 'c']
    """
    from unsnarl.bayes.run import load_kernels
    from unsnarl.report.following import name_clusters
    from unsnarl.report.opening import refuse_missing
    from unsnarl.report.term_decisions import find_clusters, rule_terms
    from unsnarl.report.term_forecast import foretell
    from unsnarl.report.term_intake import TermsAsked, read_input
    from unsnarl.report.term_result import TermResult
    from unsnarl.report.timing import Clock

    chosen = make_term_settings(settings)
    refuse_missing(previous)
    clock = Clock(progress)
    with clock.phase("reading"):
        given = read_input(TermsAsked(terms, ids, records, decisions), chosen, rule_terms)
    foretell(given.terms, progress)
    clock.run("loading kernels", load_kernels)
    found = find_clusters(given, chosen, clock)
    with clock.phase("naming"):
        names = name_clusters(given.ids, found.clustering, previous, chosen.content_ids)
    return TermResult(replace(found, names=names), given.kind)


def forget_resume(folder: str | os.PathLike[str]) -> None:
    """Remove what `resume` kept beside a RUN: it is finished."""
    from unsnarl.files.checkpoints import Checkpoints

    Checkpoints(folder, None).remove()


def check(
    pairs: Any,
    records: Any = None,
    *,
    decisions: Any = None,
    progress: Progress | None = None,
    **settings: Unpack[SettingsFields],
) -> InputReport:
    """Look the input over and forecast what a run needs, without clustering.

    The arguments are those of `cluster`. Nothing is raised for what is wrong: the report lists every problem.
    Cost: what `cluster` needs until the components are known, in the same memory.
    """
    from unsnarl.files.session import Session
    from unsnarl.report.forecast import find_oversize, forecast_run, share_memory
    from unsnarl.report.log_survey import survey_decisions
    from unsnarl.report.machine import measure_speed
    from unsnarl.report.opening import Asked
    from unsnarl.report.profile import InputReport
    from unsnarl.report.survey import survey_input
    from unsnarl.report.timing import Clock

    chosen = make_settings(settings)
    with Session(chosen.threads, share_memory(chosen.memory_limit).engine, chosen.temp_dir) as session:
        survey = survey_input(session, pairs, records, chosen, Clock(progress))
        if decisions is not None:
            survey_decisions(session, Asked(pairs, records, decisions), chosen, (survey.facts, survey.problems))
    if survey.work is None or survey.spent is None:
        return InputReport(survey.facts, survey.problems, None)
    forecast = forecast_run(survey.work, survey.spent, measure_speed(chosen.temp_dir))
    oversize = find_oversize(survey.work.n_records, survey.work.n_inside, chosen.memory_limit)
    return InputReport(survey.facts, survey.problems, forecast, oversize)


def open_run(folder: str | os.PathLike[str]) -> Result:
    """Open a finished RUN; everything but the condensed matrices can be asked of it again.

    Raises InputError where there is none, or it was not finished.
    """
    from unsnarl.files.parts import FrameKind
    from unsnarl.files.runs import open_run as open_files
    from unsnarl.files.session import Session
    from unsnarl.report.findings import read_findings
    from unsnarl.report.result import Result
    from unsnarl.report.term_findings import METHOD, read_term_findings
    from unsnarl.report.term_result import TermResult

    run = open_files(folder)
    with Session() as session:
        if run.manifest.get("method") == METHOD:
            return TermResult(read_term_findings(session, run), FrameKind("path"))
        return Result(read_findings(session, run), FrameKind("path"))


def cut(run: str | os.PathLike[str] | Result, at: float) -> Any:
    """Give the clusters of a RUN, by its folder or as a Result, at another cut (0 .. 1, or log odds for `bhc`)."""
    from unsnarl.report.result import Result

    return (run if isinstance(run, Result) else open_run(run)).cut(at)


def diff(before: Any, after: Any, *, record_id: str | None = None, cluster_id: str | None = None) -> Difference:
    """Say what became of each cluster between two clusterings.

    before, after          the folder of a RUN, a Result, or a table of record id and cluster: a path or a frame
    record_id, cluster_id  columns of the tables (default: found by their names)

    Records are matched by id. Raises InputError where an input breaks the contract of docs/input.md. Cost: O(n log n).

    >>> before, after = [{"id": "a", "cluster": 1}, {"id": "b", "cluster": 2}], [{"id": i, "cluster": 3} for i in "abc"]
    >>> diff(before, after).changes["merged"]
    {'n_changes': 1, 'n_old_clusters': 2, 'n_new_clusters': 1, 'n_records': 2}
    """
    from unsnarl.report.difference import compare

    return compare(before, after, record_id, cluster_id)


def refuse_existing(folder: str | os.PathLike[str], force: bool = False, inputs: Sequence[str] = ()) -> None:
    """Refuse an output folder that exists, or cannot be made, before any work is done.

    inputs  paths and globs that are to be read; `force` lets no folder pass that holds them

    Raises InputError.
    """
    from unsnarl.files.runs import refuse_existing as refuse

    refuse(folder, force, inputs)


def refuse_file(path: str | os.PathLike[str], force: bool = False) -> None:
    """Refuse an output file that exists, or whose ending says nothing, before any work is done."""
    from unsnarl.report.export import refuse_file as refuse

    refuse(os.fspath(path), force)


def measure(clusters: Any, truth: Any, *, truth_id: str | None = None, truth_entity: str | None = None) -> Evaluation:
    """Compare clusters with the truth; as `evaluate`, with the counts held apart from the figures."""
    from unsnarl.files.session import Session
    from unsnarl.files.truth import read_truth
    from unsnarl.report.comparison import compare_with_truth, read_clusters
    from unsnarl.report.findings import Findings

    with Session() as session:
        known = read_truth(session, truth, truth_id, truth_entity)
        # Looked at by what it holds: loading the class of Result would load the compiler.
        found = getattr(clusters, "found", None)
        if isinstance(found, Findings):
            return compare_with_truth(found.ids, found.clustering.cluster_of, known)
        return compare_with_truth(*read_clusters(session, clusters), known)


def evaluate(
    clusters: Any, truth: Any, *, truth_id: str | None = None, truth_entity: str | None = None
) -> dict[str, float | int]:
    """Compare clusters with the truth.

    clusters      a Result, the folder of a RUN, or a table with the columns id and cluster_id
    truth         a table of record id and entity: a path or any kind of frame
    truth_id, truth_entity  its columns (default: found by their names)

    Gives pairwise and B-cubed precision, recall and F1 by the names of docs/evaluation.md, and counts:
    n_evaluated, n_without_truth, n_unknown, n_clusters, n_entities. Records without truth, and ids of
    the truth that the run lacks, are left out and counted. Raises InputError where no record has truth.
    """
    return measure(clusters, truth, truth_id=truth_id, truth_entity=truth_entity).as_dict()


def format_evaluation(evaluation: Evaluation) -> list[str]:
    """Lay out the figures of a comparison for a terminal."""
    from unsnarl.report.summary import format_evaluation as lay_out

    return lay_out(evaluation)


def metric_names() -> tuple[str, ...]:
    """Name the figures of `evaluate`, in the order they are shown."""
    from unsnarl.evaluation.metrics import METRICS

    return METRICS


def demo(folder: str | os.PathLike[str] = "unsnarl-demo", *, progress: Progress | None = None) -> Demo:
    """Cluster the 50,578 real records that come with the program, and compare the answer with the truth.

    folder  where the RUN goes; an earlier demo there is replaced

    Raises InputError where the folder holds anything else.
    """
    from unsnarl.files.session import Session
    from unsnarl.files.truth import read_truth
    from unsnarl.report import demo as steps
    from unsnarl.report.comparison import compare_with_truth

    example = steps.find_example("historical50k")
    is_replaced = steps.is_demo(folder)
    refuse_existing(folder, is_replaced)
    result = cluster(example.pairs, example.records, progress=progress)
    result.write(folder, force=is_replaced, progress=progress)
    with Session() as session:
        known = read_truth(session, example.truth)
    found = result.found
    return steps.describe_demo(
        found.summary(),
        before=compare_with_truth(found.ids, found.components.component_of, known),
        after=compare_with_truth(found.ids, found.clustering.cluster_of, known),
        folder=folder,
    )


def add_decision(
    log: str | os.PathLike[str], decision: Mapping[str, Any], records: Any = None, **settings: Unpack[SettingsFields]
) -> Added:
    """Add one decision to a log; it is on the disk when this returns.

    decision  as a line of the log (docs/decision-log.md); `by` and `at` are filled in where they are missing
    records   RECORDS, to keep a hash of what the records hold
    """
    from unsnarl.report.log_requests import add

    return add(os.fspath(log), decision, records, make_settings(settings))


def read_decisions(log: str | os.PathLike[str]) -> Log:
    """Read a log of decisions, or a CSV of them. Raises InputError."""
    from unsnarl.files.decision_sources import read_file

    return read_file(os.fspath(log))


def check_decisions(log: str | os.PathLike[str], records: Any = None, **settings: Unpack[SettingsFields]) -> LogReport:
    """Look a log over: what holds, what contradicts itself, and against RECORDS what is stale or unknown."""
    from unsnarl.report.log_requests import check as look_over

    return look_over(os.fspath(log), records, make_settings(settings))


def import_decisions(log: str | os.PathLike[str], source: Any, signed: Mapping[str, str] | None = None) -> Any:
    """Add to a log the events of another log, a CSV or a frame that it lacks; gives them, and how many it had."""
    from unsnarl.report.log_requests import import_table

    return import_table(os.fspath(log), source, signed or {})


def export_decisions(
    log: str | os.PathLike[str], out: str | None = None, form: str = "csv", force: bool = False
) -> str:
    """Write a log as `jsonl`, `csv` or `splink`, to a file where one is named; gives the text."""
    from unsnarl.report.log_requests import export

    return export(os.fspath(log), out, form, force)
