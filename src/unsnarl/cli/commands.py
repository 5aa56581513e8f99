"""One thin command for each request of the api."""

from __future__ import annotations

import math
import sys
from typing import Any

import click

import unsnarl
from unsnarl import api
from unsnarl.cli.decisions import decisions as decision_commands
from unsnarl.cli.exits import error_as_dict, leave, print_data, print_json, print_lines, run
from unsnarl.cli.options import force_option, output_options, settings_options, term_options
from unsnarl.cli.progress import open_progress
from unsnarl.errors import GateError

_EPILOG = "Data goes to standard output, progress and summary to standard error. UNSNARL_DEBUG=1 shows tracebacks."


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}, epilog=_EPILOG)
@click.version_option(unsnarl.__version__, prog_name="unsnarl")
def commands() -> None:
    """Scored pairs in, trustworthy clusters out.

    Start with: unsnarl demo
    """


@commands.command()
@click.argument("pairs", nargs=-1, required=True)
@click.option("--records", help="File with the ids of all records, those in no pair included.")
@click.option("--out", required=True, help="Folder to write the run to.")
@click.option("--decisions", metavar="FILE", help="Log of what people decided, or a CSV of it: the result follows it.")
@click.option(
    "--previous", metavar="RUN", help="Keep the cluster ids of this run, and link only components that have changed."
)
@click.option("--resume", is_flag=True, help="Keep what is done beside the run, and go on from there next time.")
@settings_options
@force_option
@output_options
def cluster(
    pairs: tuple[str, ...],
    records: str | None,
    out: str,
    decisions: str | None,
    previous: str | None,
    resume: bool,
    force: bool,
    quiet: bool,
    as_json: bool,
    **settings: Any,
) -> None:
    """Cluster the records that PAIRS connect.

    PAIRS are files (Parquet, CSV, JSON lines, Arrow, file.duckdb::table, ...), folders or globs of them, with two ids
    and a score in each row.
    """
    api.refuse_existing(out, force, [*pairs, *filter(None, (records, decisions))])
    asked: dict[str, Any] = {"decisions": decisions, "previous": previous, "resume": out if resume else None}
    with open_progress(quiet) as progress:
        result = api.cluster(list(pairs), records, progress=progress, **asked, **settings)
        result.write(out, force=force, progress=progress)
        if resume:
            api.forget_resume(out)
    if as_json:
        print_json({"command": "cluster", "run": out, **result.numbers()})
    if not quiet:
        print_lines([result.summary(), "", f"written to {out}"])


@commands.command()
@click.argument("terms", nargs=-1, required=True)
@click.option("--records", help="File with the ids of all records, those without terms included.")
@click.option("--out", required=True, help="Folder to write the run to.")
@click.option("--decisions", metavar="FILE", help="Log of what people decided, or a CSV of it: the result follows it.")
@click.option("--previous", metavar="RUN", help="Keep the cluster ids of this run.")
@term_options
@force_option
@output_options
def bhc(
    terms: tuple[str, ...],
    records: str | None,
    out: str,
    decisions: str | None,
    previous: str | None,
    force: bool,
    quiet: bool,
    as_json: bool,
    **settings: Any,
) -> None:
    """Cluster records that are sets of terms, by Bayesian hierarchical clustering.

    TERMS are files (Parquet, CSV or JSON lines) or globs of them: an id and a term in each row, with a count or
    without, or an id and a list of terms; with --fields or --ngrams, any file of records.
    """
    api.refuse_existing(out, force, [*terms, *filter(None, (records, decisions))])
    asked: dict[str, Any] = {"records": records, "decisions": decisions, "previous": previous}
    with open_progress(quiet) as progress:
        result = api.bhc(list(terms), progress=progress, **asked, **settings)
        result.write(out, force=force, progress=progress)
    if as_json:
        print_json({"command": "bhc", "run": out, **result.numbers()})
    if not quiet:
        print_lines([result.summary(), "", f"written to {out}"])


@commands.command()
@click.argument("pairs", nargs=-1, required=True)
@click.option("--records", help="File with the ids of all records.")
@click.option("--decisions", metavar="FILE", help="Log of what people decided, or a CSV of it.")
@settings_options
@output_options
def check(
    pairs: tuple[str, ...], records: str | None, decisions: str | None, quiet: bool, as_json: bool, **settings: Any
) -> int:
    """Look PAIRS over and forecast memory and time, without clustering.

    Every problem is listed, and not only the first; the exit code is then 3.
    """
    with open_progress(quiet) as progress:
        report = api.check(list(pairs), records, decisions=decisions, progress=progress, **settings)
    error = report.as_error()
    if as_json:
        answer = {"command": "check", **report.as_dict()}
        print_json(answer if error is None else {**answer, **error_as_dict(error)}, ok=error is None)
    elif not quiet:
        print_data("\n".join(report.lines()) + "\n")
    if error is None:
        return 0
    print_lines([f"unsnarl: {error}"])
    return error.exit_code


@commands.command()
@click.argument("run_folder", metavar="RUN")
@click.option(
    "--at",
    type=click.FLOAT,
    required=True,
    help="Clusters at this distance (1 - score) or closer are one; for a run of bhc: over these log odds.",
)
@click.option("--out", help="File to write the clusters to: .parquet or .csv (default: CSV to standard output).")
@force_option
@output_options
def cut(run_folder: str, at: float, out: str | None, force: bool, quiet: bool, as_json: bool) -> None:
    """Cut the dendrograms of RUN at another distance; nothing is linked anew.

    With --json the numbers are printed and not the clusters, which go to --out where it is given.
    """
    if out is not None:
        api.refuse_file(out, force)
    result = api.open_run(run_folder).at(at)
    if out is not None:
        result.write_clusters(out, force)
    if as_json:
        print_json({"command": "cut", "run": run_folder, "at": at, "out": out, **result.numbers()})
    elif out is None:
        for block in result.format_clusters():
            print_data(block)
    if not quiet:
        print_lines([result.summary()])


commands.add_command(decision_commands)


def _read_gates(_context: click.Context, _option: click.Parameter, given: tuple[str, ...]) -> dict[str, float]:
    """Read each METRIC=VALUE: the metric must be one that is reported, the value from 0 to 1."""
    gates = {}
    for text in given:
        metric, _, value = text.partition("=")
        names = api.metric_names()
        if metric not in names:
            raise click.BadParameter(f"{metric!r} is no metric; they are {', '.join(names)}.")
        try:
            gates[metric] = float(value)
        except ValueError:
            gates[metric] = math.nan
        if not 0.0 <= gates[metric] <= 1.0:
            raise click.BadParameter(f"{text!r}: the value must be from 0 to 1, as in pairwise_f1=0.9.")
    return gates


@commands.command()
@click.argument("run_folder", metavar="RUN")
@click.option("--truth", required=True, help="File with two columns: record id and entity.")
@click.option("--truth-id", help="Column of the truth with the record id (default: found by its name).")
@click.option("--truth-entity", help="Column of the truth with the entity (default: found by its name).")
@click.option(
    "--fail-under",
    callback=_read_gates,
    multiple=True,
    metavar="METRIC=VALUE",
    help="Exit 4 where a figure is lower; may be repeated.",
)
@output_options
def evaluate(
    run_folder: str, truth: str, fail_under: dict[str, float], quiet: bool, as_json: bool, **columns: Any
) -> int:
    """Compare the clusters of RUN with the truth: precision, recall and F1."""
    evaluation = api.measure(run_folder, truth, **columns)
    figures = evaluation.figures
    misses = [
        f"{name} is {figures[name]:.6f}, under {gate:g}" for name, gate in fail_under.items() if figures[name] < gate
    ]
    answer = {"command": "evaluate", "run": run_folder, **evaluation.as_dict()}
    if not as_json and not quiet:
        print_data("\n".join(api.format_evaluation(evaluation)) + "\n")
    if not misses:
        if as_json:
            print_json(answer)
        return 0
    # The figures are the answer even where they are too low, so the error goes into the same object.
    error = GateError("A figure is under its gate.", examples=misses)
    if as_json:
        print_json({**answer, **error_as_dict(error)}, ok=False)
    print_lines([f"unsnarl: {error}"])
    return error.exit_code


@commands.command()
@click.argument("before")
@click.argument("after")
@click.option("--out", help="File to write what became of each cluster to: .parquet or .csv.")
@click.option("--record-id", help="Column with the record id, for tables (default: found by its name).")
@click.option("--cluster-id", help="Column with the cluster, for tables (default: found by its name).")
@click.option("--worst", type=click.IntRange(0), default=10, show_default=True, help="Changes to show.")
@force_option
@output_options
def diff(
    before: str, after: str, out: str | None, worst: int, force: bool, quiet: bool, as_json: bool, **columns: Any
) -> None:
    """Say what became of each cluster between BEFORE and AFTER.

    BEFORE and AFTER are RUNs, or files with the id and the cluster of each record. Records are matched by id; what the
    clusters are called has no say.
    """
    if out is not None:
        api.refuse_file(out, force)
    found = api.diff(before, after, **columns)
    if out is not None:
        found.write(out, force)
    if as_json:
        print_json({"command": "diff", "before": before, "after": after, "out": out, **found.as_dict(worst)})
    elif not quiet:
        print_data("\n".join(found.lines(worst)) + "\n")


@commands.command()
@click.option("--out", default="unsnarl-demo", show_default=True, help="Folder for the results.")
@output_options
def demo(out: str, quiet: bool, as_json: bool) -> None:
    """Cluster 50,578 real records that come with the program, and compare with the truth."""
    with open_progress(quiet) as progress:
        shown = api.demo(out, progress=progress)
    if as_json:
        print_json({"command": "demo", "run": out, **shown.numbers})
    elif not quiet:
        print_data("\n".join(shown.lines) + "\n")


def main() -> None:
    """Run the command line and end the process with its exit code."""
    leave(run(commands, sys.argv[1:]))
