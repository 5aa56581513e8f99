"""The commands for a log of decisions, as somebody new to them would go through them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from unsnarl.cli import exits
from unsnarl.cli.commands import commands

PAIRS = "id_l,id_r,score\na,b,0.9\nb,c,0.8\na,c,0.7\nc,d,0.2\n"
RECORDS = "id,name,census\na,Ana,1881\nb,Anna,1891\nc,Anne,1891\nd,Dan,1881\n"


class Desk:
    """A folder with input, and the program called in it: exit code, what it printed, what it said."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder, self._capsys = folder, capsys
        (folder / "pairs.csv").write_text(PAIRS)
        (folder / "records.csv").write_text(RECORDS)
        self.log = str(folder / "log.jsonl")

    def run(self, *words: str) -> tuple[int, str, str]:
        code = exits.run(commands, [str(self.folder / w) if w.endswith((".csv", "-run")) else w for w in words])
        shown = self._capsys.readouterr()
        return code, shown.out, shown.err

    def decide(self, *words: str) -> tuple[int, str, str]:
        return self.run("decisions", words[0], self.log, *words[1:])

    def ask(self, *words: str) -> dict[str, Any]:
        return json.loads(self.run(*words, "--json")[1])


@pytest.fixture
def desk(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Desk:
    return Desk(tmp_path, capsys)


def test_a_log_from_the_first_line_to_a_run(desk: Desk) -> None:
    code, _, said = desk.decide("add", "different", "a", "c", "--by", "ana", "--at", "2026-11-23T11:00:00+01:00")
    assert code == 0 and "added different (ana, 2026-11-23T10:00:00Z, event " in said
    assert desk.decide("add", "group", "a", "b", "/", "d", "--comment", "no kin")[0] == 0
    assert desk.decide("add", "unsure", "b", "c")[0] == 0
    code, listed, said = desk.decide("list")
    events = [json.loads(line) for line in listed.splitlines()]
    assert code == 0 and [event["kind"] for event in events] == ["different", "group", "unsure"]
    assert "3 of 3 events" in said and events[1]["groups"] == [["a", "b"], ["d"]] and events[1]["comment"] == "no kin"
    assert desk.decide("add", "undo", events[2]["event"])[0] == 0
    assert [json.loads(line)["kind"] for line in desk.decide("list")[1].splitlines()] == ["different", "group", "undo"]
    assert "undone" in desk.decide("list", "--all")[1]
    code, told, _ = desk.decide("check", "--records", "records.csv")
    assert code == 0 and "hold: 1 different, 1 group, 1 undo" in told and "1 undone" in told
    chosen = ["pairs.csv", "--records", "records.csv", "--decisions", desk.log]
    assert "decisions: 4 events, 2 applied, 1 undo, 1 undone" in desk.run("check", *chosen)[1]
    code, _, said = desk.run("cluster", *chosen, "--out", "first-run")
    assert code == 0 and "2 decisions applied: 1 changed the result, 1 were so already; 1 blocked merges" in said
    rows = desk.run("cut", "first-run", "--at", "0.5")[1].splitlines()[1:]
    assert [row.split(",")[:2] for row in rows] == [["a", "a"], ["b", "a"], ["c", "c"], ["d", "d"]]


def test_contradictions_and_unknown_ids_end_with_exit_code_3(desk: Desk) -> None:
    for kind, *ids in (("same", "a", "b"), ("same", "b", "c"), ("same", "a", "nobody")):
        assert desk.decide("add", kind, *ids)[0] == 0
    code, _, said = desk.decide("add", "different", "c", "a", "--by", "zoe")
    assert code == 0 and "contradiction: 'c' same 'b' (" in said and "but 'c' different 'a' (zoe" in said
    code, told, _ = desk.decide("check", "--records", "records.csv")
    assert code == 3 and "'c' same 'b'" in told and "no such record:" in told and "'nobody'" in told
    found = desk.ask("decisions", "check", desk.log)
    assert found["ok"] is False and len(found["contradictions"]) == 1
    chosen = ["pairs.csv", "--records", "records.csv", "--decisions", desk.log, "--out", "a-run"]
    code, _, said = desk.run("cluster", *chosen)
    assert code == 3 and "'nobody'" in said and "--allow-unknown-ids" in said and not (desk.folder / "a-run").exists()
    code, _, said = desk.run("cluster", *chosen, "--allow-unknown-ids")
    assert code == 3 and "1 contradiction" in said and "--on-contradiction" in said
    code, _, said = desk.run("cluster", *chosen, "--allow-unknown-ids", "--on-contradiction", "latest")
    assert code == 0 and "1 decision not applied: --on-contradiction latest" in said
    assert desk.run("cluster", *chosen, "--force", "--on-contradiction", "reviewer-order")[0] == 2
    code, told, _ = desk.run("check", *chosen[:-2])
    assert code == 3 and "2 problems found" in told and "'nobody'" in told and "1 contradiction" in told


def test_a_decision_goes_stale_when_its_record_changes(desk: Desk) -> None:
    assert desk.decide("add", "different", "a", "b", "--records", "records.csv")[0] == 0
    code, _, said = desk.decide("add", "same", "a", "nobody", "--records", "records.csv")
    assert code == 3 and "ids that RECORDS lack" in said
    (desk.folder / "records.csv").write_text(RECORDS.replace("Anna", "Hannah"))
    assert "stale: " in desk.decide("check", "--records", "records.csv")[1]
    chosen = ["pairs.csv", "--records", "records.csv", "--decisions", desk.log, "--force", "--out", "a-run"]
    assert "1 decision not applied: a record has changed since" in desk.run("cluster", *chosen)[2]
    assert "1 decision applied though a record has changed" in desk.run("cluster", *chosen, "--apply-stale")[2]
    words = [*chosen, "--fields", "name,census"]
    code, _, said = desk.run("bhc", "records.csv", *words[3:])
    assert code == 0 and "1 decision not applied: a record has changed since" in said


def test_one_record_of_each_source(desk: Desk) -> None:
    chosen = ["pairs.csv", "--records", "records.csv", "--one-per", "census", "--force", "--out", "a-run"]
    assert desk.run("cluster", *chosen)[0] == 0
    rows = [row.split(",")[:2] for row in desk.run("cut", "a-run", "--at", "0.5")[1].splitlines()[1:]]
    assert rows == [["a", "a"], ["b", "a"], ["c", "c"], ["d", "d"]]
    said = desk.run("cluster", *chosen, "--one-per-penalty", "0.1")[2]
    assert "1 time a cluster has several records of one source" in said and "2 of '1891'" in said
    assert desk.run("bhc", "records.csv", "--fields", "name", *chosen[3:])[0] == 0
    assert desk.run("cluster", "pairs.csv", *chosen[3:])[0] == 3
    assert desk.run("cluster", *chosen[:3], "--one-per-penalty", "1", "--out", "b-run")[0] == 2


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_what_is_exported_comes_back_whole(desk: Desk, form: str) -> None:
    desk.decide("add", "same", "a", "b", "--comment", 'she said "yes", twice\n')
    desk.decide("add", "group", "a", "/", "c", "d")
    out = str(desk.folder / f"said.{form}")
    assert desk.decide("export", "--to", form, "--out", out)[0] == 0
    assert desk.decide("export", "--to", form, "--out", out)[0] == 3
    before = Path(desk.log).read_text()
    found = desk.ask("decisions", "import", desk.log, out)
    assert (found["events"], found["n_known_already"]) == ([], 2) and Path(desk.log).read_text() == before
    other = str(desk.folder / "other.jsonl")
    assert exits.run(commands, ["decisions", "import", other, out, "--quiet"]) == 0
    assert Path(other).read_text() == before


def test_what_cannot_be_done_is_said(desk: Desk) -> None:
    assert desk.decide("list")[0] == 3 and "no file of decisions" in desk.decide("list")[2]
    assert desk.decide("add", "same", "a")[0] == 3
    assert desk.decide("add", "undo", "a", "b")[0] == 2
    assert desk.decide("add", "undo", "nothing")[0] == 3
    assert desk.decide("add", "perhaps", "a", "b")[0] == 2
    assert desk.run("decisions", "add", str(desk.folder / "table.csv"), "same", "a", "b")[0] == 2
    Path(desk.log).write_text(
        '{"kind": "same", "ids": ["a", "b"]}\n{"kind": "sa\n{"kind": "same", "ids": ["b", "c"]}\n'
    )
    code, _, said = desk.decide("list")
    assert code == 3 and "line 2" in said
