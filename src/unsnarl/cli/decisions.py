"""The commands for a log of decisions."""

from __future__ import annotations

import json
from typing import Any

import click

from unsnarl import api
from unsnarl.cli.exits import error_as_dict, print_data, print_json, print_lines
from unsnarl.cli.options import force_option, output_options
from unsnarl.errors import UsageError

_records_option = click.option("--records", help="File of the records: their content is hashed, or compared.")
_id_option = click.option("--record-id", help="Column of RECORDS with the id (default: found by its name).")
_by_option = click.option("--by", help="Who decided (default: the name you are logged in by).")
_at_option = click.option("--at", help="When, in UTC, as 2026-11-23T10:00:00Z (default: now).")


@click.group()
def decisions() -> None:
    """Keep what people decided about records, in a log that is only added to.

    The log is JSON lines; `unsnarl cluster --decisions LOG` makes the result follow it.
    """


def _split(kind: str, ids: tuple[str, ...]) -> dict[str, Any]:
    """Put the arguments of `add` into the object of the log."""
    if kind == "undo":
        if len(ids) != 1:
            raise UsageError("undo takes one event.", hint="`unsnarl decisions list` shows the events.")
        return {"of": ids[0]}
    if kind != "group":
        return {"ids": list(ids)}
    groups: list[list[str]] = [[]]
    for word in ids:
        if word == "/":
            groups.append([])
        else:
            groups[-1].append(word)
    return {"groups": groups}


def _print_added(command: str, log: str, added: Any, quiet: bool, as_json: bool, **more: Any) -> None:
    """Say what was added."""
    if as_json:
        told = {"events": [event.as_dict() for event in added.events], "notes": list(added.notes), **more}
        told["contradictions"] = [one.say() for one in added.contradictions]
        print_json({"command": command, "log": log, **told})
    if not quiet:
        lines = [f"added {event.kind} ({event.signed()})" for event in added.events[:5]]
        lines += [f"... {len(added.events):,} events in all"] if len(added.events) > 5 else []
        lines += [f"note: {note}" for note in added.notes]
        lines += [f"contradiction: {one.say()}" for one in added.contradictions[:5]]
        print_lines([*lines, *(f"{name.replace('_', ' ')}: {value:,}" for name, value in more.items())])


@decisions.command()
@click.argument("log")
@click.argument("kind", type=click.Choice(("same", "different", "group", "unsure", "undo")))
@click.argument("ids", nargs=-1, required=True)
@_by_option
@_at_option
@click.option("--comment", help="What else there is to say.")
@click.option("--supersedes", multiple=True, metavar="EVENT", help="Event it takes the place of; may be repeated.")
@_records_option
@_id_option
@click.option("--allow-unknown-ids", is_flag=True, help="Take ids that RECORDS lack, instead of stopping.")
@output_options
def add(log: str, kind: str, ids: tuple[str, ...], quiet: bool, as_json: bool, **more: Any) -> None:
    """Add one decision to LOG, which is made where there is none.

    IDS are records; of group the groups are separated by /, as in: add LOG group a b / c. Of undo it is the event.
    """
    given = {"kind": kind, **_split(kind, ids), "supersedes": list(more["supersedes"]) or None}
    given |= {name: more[name] for name in ("by", "at", "comment")}
    chosen = {"record_id": more["record_id"], "allow_unknown_ids": more["allow_unknown_ids"]}
    _print_added("decisions add", log, api.add_decision(log, given, more["records"], **chosen), quiet, as_json)


@decisions.command("list")
@click.argument("log")
@click.option("--all", "show_all", is_flag=True, help="Show events too that are undone or superseded.")
@output_options
def list_events(log: str, show_all: bool, quiet: bool, as_json: bool) -> None:
    """List the decisions of LOG that hold."""
    found = api.read_decisions(log)
    events = [event for event in found.events if show_all or found.status[event.event] == "holds"]
    rows = [{**event.as_dict(), "status": found.status[event.event]} for event in events]
    if as_json:
        print_json({"command": "decisions list", "log": log, "events": rows, "notes": list(found.notes)})
        return
    for row in rows:
        print_data(json.dumps(row, ensure_ascii=False) + "\n")
    if not quiet:
        print_lines([f"{len(rows):,} of {len(found.events):,} events", *(f"note: {note}" for note in found.notes)])


@decisions.command()
@click.argument("log")
@_records_option
@_id_option
@output_options
def check(log: str, records: str | None, record_id: str | None, quiet: bool, as_json: bool) -> int:
    """Look LOG over: what holds, every contradiction with its chain, and against --records what is stale or unknown.

    Where a run would stop, the exit code is 3.
    """
    report = api.check_decisions(log, records, record_id=record_id)
    error = report.as_error()
    if as_json:
        told = {"command": "decisions check", "log": log, **report.as_dict()}
        print_json(told if error is None else {**told, **error_as_dict(error)}, ok=error is None)
    elif not quiet:
        print_data("\n".join(report.lines()) + "\n")
    return 0 if error is None else error.exit_code


@decisions.command("import")
@click.argument("log")
@click.argument("file")
@_by_option
@_at_option
@output_options
def import_events(log: str, file: str, by: str | None, at: str | None, quiet: bool, as_json: bool) -> None:
    """Add to LOG the decisions of FILE that it does not have yet.

    FILE is a log, or CSV: as `export` writes it, two ids and `kind`, or Splink's labels (clerical_match_score over 0.5
    is same, under it different).
    """
    signed = {name: value for name, value in (("by", by), ("at", at)) if value is not None}
    added, n_known = api.import_decisions(log, file, signed)
    _print_added("decisions import", log, added, quiet, as_json, n_known_already=n_known)


@decisions.command()
@click.argument("log")
@click.option("--out", help="File to write (default: standard output).")
@click.option(
    "--to", "form", type=click.Choice(("jsonl", "csv", "splink")), default="csv", show_default=True, help="Form."
)
@force_option
@output_options
def export(log: str, out: str | None, form: str, force: bool, quiet: bool, as_json: bool) -> None:
    """Write the decisions of LOG in another form; csv and jsonl hold all events, splink what holds of pairs."""
    text = api.export_decisions(log, out, form, force)
    if as_json:
        print_json({"command": "decisions export", "log": log, "out": out, "form": form, "n_lines": text.count("\n")})
    elif out is None:
        print_data(text)
    elif not quiet:
        print_lines([f"written to {out}"])
