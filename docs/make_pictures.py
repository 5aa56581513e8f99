"""Draw the pictures of the documents: `python docs/make_pictures.py`.

black-hole.svg  the largest component of examples/historical50k, before and after
six-records.svg the dendrogram of the worked example in docs/methods/average-linkage.md

Every run on one machine writes the same bytes; another processor may round the last digit of a place otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import unsnarl
from unsnarl.report.result import Result

DOCS = Path(__file__).resolve().parent
PICTURES = DOCS / "pictures"
EXAMPLE = DOCS.parent / "examples" / "historical50k"

PANEL = 440.0
TOP, BOTTOM = 62.0, 8.0
GOLDEN_ANGLE = np.pi * (3.0 - np.sqrt(5.0))
COLOURS = ("#0969da", "#1a9850", "#d9480f", "#8250df", "#c2255c", "#0b9aa8", "#b8860b", "#5c7cfa", "#e8590c", "#2f9e44")
GREY, STRONG = "#7d8590", "#e03b42"
STYLE = (
    "text{font-family:system-ui,-apple-system,'Segoe UI',Helvetica,Arial,sans-serif;fill:#57606a}"
    ".head{font-size:19px;font-weight:600;fill:#1f2328}.foot{font-size:14px}.axis{font-size:13px}"
    "@media(prefers-color-scheme:dark){text{fill:#9198a1}.head{fill:#f0f6fc}}"
)
Points = NDArray[np.float64]
Indexes = NDArray[np.int64]


@dataclass(frozen=True)
class BlackHole:
    """Hold one component: its records by cluster, and the pairs over the threshold that tie different clusters.

    cluster_of  int64[n]     cluster of each record, 0 .. k-1
    size        int64[k]     records of each cluster
    links       int64[m, 2]  records
    n_tied      pairs over the threshold, those inside clusters too
    """

    cluster_of: Indexes
    size: Indexes
    links: Indexes
    n_tied: int


def read_black_hole(result: Result) -> BlackHole:
    """Take the largest component out of a result."""
    found = result.found
    assert found.pairs is not None
    members = found.find_members(None)
    place_of = np.full(len(found.ids), -1)
    place_of[members] = np.arange(len(members))
    _, cluster_of, size = np.unique(found.clustering.cluster_of[members], return_inverse=True, return_counts=True)
    ends = np.stack([place_of[found.pairs.left], place_of[found.pairs.right]], axis=1)
    tied = ends[(found.pairs.score >= 500_000_000) & (ends >= 0).all(axis=1)]
    return BlackHole(cluster_of, size, tied[cluster_of[tied[:, 0]] != cluster_of[tied[:, 1]]], len(tied))


def _differences(at: Points) -> tuple[Points, Points]:
    """Give the vector and the distance between any two places."""
    apart = at[:, None, :] - at[None, :, :]
    far = np.sqrt((apart**2).sum(axis=2))
    np.fill_diagonal(far, 1.0)
    return apart, np.maximum(far, 1e-6)


def lay_out_clusters(hole: BlackHole, n_turns: int = 350) -> Points:
    """Place the clusters: links pull, all push each other away (Fruchterman and Reingold 1991)."""
    n = len(hole.size)
    pull = np.zeros((n, n))
    a, b = hole.cluster_of[hole.links].T
    np.add.at(pull, (a, b), 1.0)
    np.add.at(pull, (b, a), 1.0)
    pull = np.sqrt(pull)
    mass = np.sqrt(hole.size.astype(float))
    at = np.random.default_rng(7).normal(size=(n, 2)) * np.sqrt(n) / 2
    for turn in range(n_turns):
        apart, far = _differences(at)
        force = mass[:, None] * mass[None, :] / far**2 - 0.35 * pull * far
        np.fill_diagonal(force, 0.0)
        step = (apart * force[:, :, None]).sum(axis=1) - 0.25 * mass[:, None] * at
        length = np.maximum(np.sqrt((step**2).sum(axis=1, keepdims=True)), 1e-9)
        at += step / length * np.minimum(length, 1.5 * (1.0 - turn / n_turns))
    return at - at.mean(axis=0)


def push_apart(at: Points, radius: Points, n_turns: int = 400) -> Points:
    """Move circles until none overlaps, drawn to the middle all the while."""
    at = at.copy()
    need = radius[:, None] + radius[None, :]
    for turn in range(n_turns):
        if turn < n_turns * 2 // 3:
            at *= 0.997
        apart, far = _differences(at)
        overlap = np.maximum(need - far, 0.0)
        np.fill_diagonal(overlap, 0.0)
        at += (apart / far[:, :, None] * overlap[:, :, None]).sum(axis=1) * 0.3
    return at


def place_records(hole: BlackHole, centres: Points, spacing: float) -> Points:
    """Place each record near the centre of its cluster, as seeds lie in a sunflower."""
    order = np.argsort(hole.cluster_of, kind="stable")
    first = np.cumsum(hole.size) - hole.size
    rank = np.empty(len(order))
    rank[order] = np.arange(len(order)) - np.repeat(first, hole.size)
    away = spacing * np.sqrt(rank + 0.5 * (hole.size[hole.cluster_of] > 1))
    turn = rank * GOLDEN_ANGLE + hole.cluster_of
    return centres[hole.cluster_of] + away[:, None] * np.stack([np.cos(turn), np.sin(turn)], axis=1)


def fit(at: Points, left: float) -> Points:
    """Scale and shift places into the panel that begins at `left`."""
    low, high = at.min(axis=0), at.max(axis=0)
    scale = (PANEL - 24) / (high - low).max()
    return (at - (low + high) / 2) * scale + [left + PANEL / 2, TOP + PANEL / 2]


def _number(value: float) -> str:
    """Write a place to a tenth of a pixel, as short as can be."""
    return f"{value:.1f}".removesuffix(".0")


def dots(at: Points, colour: str, width: float) -> str:
    """Draw round dots, all in one path: a dot is a line of no length with round ends."""
    path = "".join(f"M{_number(x)} {_number(y)}h0" for x, y in at)
    return f'<path d="{path}" stroke="{colour}" stroke-width="{width}" stroke-linecap="round" fill="none"/>'


def lines(at: Points, links: Indexes, colour: str) -> str:
    """Draw links, all in one path."""
    ends = [(at[a], at[b] - at[a]) for a, b in links]
    path = "".join(f"M{_number(p[0])} {_number(p[1])}l{_number(d[0])} {_number(d[1])}" for p, d in ends)
    return f'<path d="{path}" stroke="{colour}" stroke-width=".6" stroke-opacity=".6" fill="none"/>'


def text(x: float, y: float, kind: str, words: str) -> str:
    """Write words, centred."""
    return f'<text class="{kind}" x="{_number(x)}" y="{_number(y)}" text-anchor="middle">{words}</text>'


def colour_clusters(centres: Points, size: Indexes) -> Indexes:
    """Give near clusters different colours where that can be had; -1 for a cluster of one record."""
    colour = np.full(len(size), -1)
    for i in np.argsort(-size, kind="stable"):
        if size[i] == 1:
            continue
        far = ((centres - centres[i]) ** 2).sum(axis=1)
        near = [int(colour[j]) for j in np.argsort(far, kind="stable")[:12] if colour[j] >= 0]
        colour[i] = min(range(len(COLOURS)), key=lambda c: (near.count(c), (c - i) % len(COLOURS)))
    return colour


def draw_black_hole(hole: BlackHole) -> str:
    """Draw the component before, one tangle, and after, in clusters."""
    width, height = 2 * PANEL + 40, PANEL + TOP + BOTTOM
    rough = lay_out_clusters(hole)
    radius = np.sqrt(hole.size) * 0.62 + 0.55
    apart = push_apart(rough * 95 / np.abs(rough).max(), radius)
    before = fit(place_records(hole, rough, 0.11 * np.abs(rough).max() / 10), 0.0)
    after = fit(place_records(hole, apart, 0.55), PANEL + 40)
    colour = colour_clusters(apart, hole.size)[hole.cluster_of]
    parts = [lines(before, hole.links, STRONG), dots(before, GREY, 2.3), dots(after[colour < 0], GREY, 2.2)]
    parts += [dots(after[colour == c], name, 2.8) for c, name in enumerate(COLOURS)]
    n, k, m = len(hole.cluster_of), len(hole.size), len(hole.links)
    title = f"{n:,} records in one component, and the same records in {k:,} clusters"
    captions = [
        text(PANEL / 2, 26, "head", f"Before: one black hole of {n:,} records"),
        text(PANEL * 1.5 + 40, 26, "head", f"After: {k:,} clusters, the largest of {hole.size.max()}"),
        text(PANEL / 2, 48, "foot", f"{m:,} of its {hole.n_tied:,} links (red) chain it together"),
        text(PANEL * 1.5 + 40, 48, "foot", "a patch of one colour is a cluster, a grey dot a record alone"),
    ]
    return _svg(width, height, title, parts + captions)


SIX_PAIRS = "A-B .9  A-C .4  A-D .6  A-E .3  B-C .6  C-F .1  E-F .97  D-E .95  D-F .65"


def draw_six_records() -> str:
    """Draw the dendrogram of the worked example, its heights, and the cut that two of its clusters are joined on."""
    words = SIX_PAIRS.split()
    pairs = [
        {"id_l": ids[0], "id_r": ids[2], "score": float(score)}
        for ids, score in zip(words[::2], words[1::2], strict=True)
    ]
    result = unsnarl.cluster(pairs)
    width, foot, full, left = 460.0, 268.0, 230.0, 70.0
    place = {name: (left + 42 + 62 * i, foot) for i, name in enumerate(result.members())}
    parts = [text(x, y + 22, "head", name) for name, (x, y) in place.items()]
    marks = (0.0, 0.25, 0.5, 0.75, 1.0)
    parts += [text(left - 24, foot - full * mark + 4, "axis", f"{mark:g}") for mark in marks]
    cut = foot - full * 0.5
    parts.append(f'<path d="M{left} {cut}H{width - 8}" stroke="{STRONG}" stroke-width="1.5" stroke-dasharray="6 5"/>')
    parts.append(text(width - 34, cut - 8, "axis", "cut 0.5"))
    for merge in result.merges:
        (x1, y1), (x2, y2) = place[merge["left_id"]], place[merge["right_id"]]
        y = foot - full * merge["distance"]
        colour = COLOURS[0] if merge["left_id"] < "D" else COLOURS[1]
        colour = colour if merge["distance"] <= 0.5 else GREY
        path = f"M{_number(x1)} {_number(y1)}V{_number(y)}H{_number(x2)}V{_number(y2)}"
        parts.append(f'<path d="{path}" stroke="{colour}" stroke-width="2.5" fill="none"/>')
        parts.append(text((x1 + x2) / 2 - 20, y - 6, "axis", f"{merge['distance']:.4g}"))
        place[merge["left_id"]] = ((x1 + x2) / 2, y)
    parts.append(text(left - 24, 18, "axis", "distance"))
    return _svg(width, foot + 34, "Dendrogram of six records, cut at a distance of 0.5", parts)


def _svg(width: float, height: float, title: str, parts: list[str]) -> str:
    size = f'viewBox="0 0 {width:g} {height:g}" width="{width:g}" height="{height:g}"'
    body = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img">\n<title>{title}</title>\n'
        f"<style>{STYLE}</style>\n{body}\n</svg>\n"
    )


def main() -> None:
    """Draw and write all pictures."""
    PICTURES.mkdir(exist_ok=True)
    settings: dict[str, Any] = {"threshold": 0.5, "cut": 0.5}
    result = unsnarl.cluster(str(EXAMPLE / "pairs.parquet"), str(EXAMPLE / "records.csv"), **settings)
    (PICTURES / "six-records.svg").write_text(draw_six_records(), encoding="utf-8")
    (PICTURES / "black-hole.svg").write_text(draw_black_hole(read_black_hole(result)), encoding="utf-8")


if __name__ == "__main__":
    main()
