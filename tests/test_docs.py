"""The documents keep up with the program: generated pages are up to date, and nothing points to what is not there."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

from unsnarl import errors
from unsnarl.cli.commands import commands
from unsnarl.cli.options import settings_options, term_options
from unsnarl.evaluation.metrics import METRICS
from unsnarl.files.columns import ENTITIES, PAIR_LAYOUTS, RECORD_IDS
from unsnarl.files.paths import DELIMITED_ENDINGS, JSON_ENDINGS, PARQUET_ENDINGS
from unsnarl.files.tables import SCHEMAS
from unsnarl.files.term_tables import TERM_SCHEMAS
from unsnarl.settings import Settings
from unsnarl.term_settings import TermSettings

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md"), *(ROOT / "examples").rglob("*.md")])
FENCE = re.compile(r"^( *)```.*?^\1```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
NAMED_PATH = re.compile(r"`((?:src|tests|docs|benchmarks|examples|kernels)/[\w./-]*\w/?)`")
HEADING = re.compile(r"^#+ +(.+?) *$", re.MULTILINE)


def load_generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_reference", DOCS / "make_reference.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


GENERATOR = load_generator()
every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())


def read(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def prose(page: Path) -> str:
    """Give a page without its fenced blocks."""
    return FENCE.sub("", page.read_text(encoding="utf-8"))


def anchors(page: Path) -> set[str]:
    """Name the places of a page a link can point to, as GitHub makes them from headings."""
    headings = HEADING.findall(prose(page))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("name", sorted(GENERATOR.PAGES))
def test_generated_pages_are_up_to_date(name: str) -> None:
    assert read(name) == GENERATOR.PAGES[name](), f"docs/{name} is old: make docs"


def test_every_command_and_option_is_documented() -> None:
    text = read("commands.md")
    for name, command in GENERATOR.list_commands(commands):
        section = text.partition(f"\n## {name}\n")[2].partition("\n## ")[0]
        assert section, name
        for option in (flag for item in command.params for flag in item.opts if flag.startswith("--")):
            assert f"`{option}`" in section, f"{name} {option}"


def test_every_setting_is_documented_and_an_option() -> None:
    text = read("settings.md")

    @settings_options
    def command() -> None: ...

    options = {item.name for item in command.__click_params__}
    for name in Settings.__dataclass_fields__:
        assert f"| `{name}` | `--{name.replace('_', '-')}` |" in text
        assert name in options


def test_every_setting_of_bhc_is_documented_and_an_option() -> None:
    text = read("settings.md").partition("## Bayesian clustering")[2]

    @term_options
    def command() -> None: ...

    options = {item.name for item in command.__click_params__}
    for name in TermSettings.__dataclass_fields__:
        assert f"| `{name}` | `--{name.replace('_', '-')}` |" in text
        assert name in options


def test_every_error_class_is_documented() -> None:
    text = read("commands.md")
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.UnsnarlError)]
    assert len(kinds) >= 5
    for kind in kinds:
        assert f"| {kind.exit_code} | `{kind.code}` | `{kind.__name__}` |" in text


def test_what_the_files_hold_is_documented() -> None:
    text = read("output.md")
    for table, columns in SCHEMAS.items():
        section = text.partition(f"\n## {table}.parquet\n")[2].partition("\n## ")[0]
        missing = [column for column in columns if f"`{column}`" not in section]
        assert section and not missing, table
    new = {column for columns in TERM_SCHEMAS.values() for column in columns}
    assert not [column for column in new if f"`{column}`" not in text]


def test_every_figure_is_documented() -> None:
    text = read("evaluation.md")
    assert not [name for name in METRICS if f"`{name}`" not in text]


def test_every_known_name_and_ending_is_documented() -> None:
    text = read("input.md")
    layouts = [f"`{left}, {right}`" for left, right in PAIR_LAYOUTS]
    names = [f"`{name}`" for name in (*RECORD_IDS, *ENTITIES, *PARQUET_ENDINGS, *DELIMITED_ENDINGS, *JSON_ENDINGS)]
    assert not [name for name in layouts + names if name not in text]


def test_every_decision_is_listed() -> None:
    listed = set(LINK.findall(read("decisions/README.md")))
    assert listed == {page.name for page in (DOCS / "decisions").glob("*.md")} - {"README.md"}


@every_page
def test_links_resolve(page: Path) -> None:
    broken = []
    for target in LINK.findall(prose(page)):
        if target.startswith(("https://", "http://", "mailto:")):
            continue
        name, _, anchor = target.partition("#")
        pointed = (page.parent / name).resolve() if name else page
        if not pointed.exists() or (anchor and anchor not in anchors(pointed)):
            broken.append(target)
    assert not broken


@every_page
def test_paths_that_are_named_exist(page: Path) -> None:
    places = (ROOT, ROOT / "src" / "unsnarl")
    named = NAMED_PATH.findall(prose(page))
    assert not [name for name in named if not any((place / name).exists() for place in places)]


@every_page
def test_pages_say_nothing_of_this_machine(page: Path) -> None:
    assert not re.search(r"/(?:home|Users|root|work|tmp)/\w", page.read_text(encoding="utf-8"))


def test_pictures_are_small_and_ask_for_nothing() -> None:
    pictures = sorted((DOCS / "pictures").glob("*.svg"))
    assert pictures
    for picture in pictures:
        text = picture.read_text(encoding="utf-8")
        assert len(text) < 300_000
        assert "<title>" in text and "<script" not in text
        assert "http" not in text.replace("http://www.w3.org/2000/svg", "")
