"""Drawings of a run's tables: for the page as SVG that takes the page's colours, for `dvc plots` as PNG.

Scores are drawn as they were read. The same table gives the same bytes.
"""

import io
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import matplotlib as mpl
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.rcsetup import cycler

from ner.core.files import whole_file
from ner.evaluation.mistakes import NO_LABEL

INK, MUTED, LINE, PAPER, BLUE, ORANGE = "#1b1f27", "#57606c", "#d5dae1", "#ffffff", "#1f5fbf", "#b54708"
PAGE_COLOURS = {
    INK: "--ink",
    MUTED: "--muted",
    LINE: "--line",
    PAPER: "--paper",
    BLUE: "--blue",
    ORANGE: "--orange",
}
STYLE: dict[Any, Any] = {
    "svg.hashsalt": "ner",  # else the ids are random
    "svg.fonttype": "none",  # text stays text: small, readable for a screen reader, in the page's font
    "text.parse_math": False,  # a label may hold a dollar sign
    "font.family": "DejaVu Sans",  # comes with matplotlib
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.grid": True,
    "axes.prop_cycle": cycler(color=[BLUE, ORANGE]),
    "grid.color": LINE,
    "axes.edgecolor": MUTED,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "axes.labelcolor": INK,
    "text.color": INK,
    "legend.frameon": False,
    "figure.facecolor": PAPER,
    "axes.facecolor": PAPER,
    "figure.constrained_layout.use": True,
}
PNG_DOTS_PER_INCH = 120  # two revisions side by side fit a screen in `dvc plots diff`


def draw_curve(curve: pd.DataFrame, best_epoch: int) -> Figure:
    """Draw loss and F1 by epoch and mark the epoch that was kept."""
    figure = Figure(figsize=(5.2, 4.8))
    loss, f1 = figure.subplots(2, sharex=True)
    loss.plot(curve["epoch"], curve["train_loss"], "o-", markersize=4, label="training")
    loss.plot(curve["epoch"], curve["validation_loss"], "s--", markersize=4, label="validation")
    loss.set(ylabel="loss", ylim=(0, None))
    loss.legend()
    f1.plot(curve["epoch"], curve["f1"], "s--", markersize=4, color=ORANGE, label="outer level")
    if "m1_f1" in curve:  # told apart by line and mark, whatever colours a reader sees
        f1.plot(curve["epoch"], curve["m1_f1"], "o-", markersize=4, color=BLUE, label="both (M1)")
        f1.plot(curve["epoch"], curve["inner_f1"], "^:", markersize=4, color=MUTED, label="inner level")
        f1.legend(loc="lower center", ncols=3, bbox_to_anchor=(0.5, 1))
    f1.set(
        xlabel="epoch", ylabel="validation F1", ylim=(0, 1), xticks=curve["epoch"][:: -(-len(curve) // 12)]
    )
    for axes in (loss, f1):
        axes.axvline(best_epoch, color=MUTED, linestyle=":")
    is_right = best_epoch > curve["epoch"].mean()
    f1.annotate(
        f"kept: epoch {best_epoch}",
        (best_epoch, 0.06),
        (-6 if is_right else 6, 0),
        textcoords="offset points",
        ha="right" if is_right else "left",
    )
    return figure


def draw_confusion(pairs: pd.DataFrame) -> Figure:
    """Count entities by gold label (rows) and predicted label (columns), shaded by share of the row."""
    labels = [*sorted({*pairs["actual"], *pairs["predicted"]} - {NO_LABEL}), NO_LABEL]
    counts = pd.crosstab(pairs["actual"], pairs["predicted"]).reindex(
        index=labels, columns=labels, fill_value=0
    )
    size = 1.6 + 0.48 * len(labels)
    figure = Figure(figsize=(size, size))
    axes = figure.subplots()
    axes.grid(visible=False)
    for row, label in enumerate(labels):
        total = int(counts.loc[label].sum())
        for column, count in enumerate(counts.loc[label]):
            if count:
                axes.fill_between(
                    [column - 0.5, column + 0.5],
                    row - 0.5,
                    row + 0.5,
                    color=BLUE if row == column else ORANGE,
                    alpha=0.08 + 0.42 * count / total,  # text on it stays readable
                    linewidth=0,
                )
                axes.text(column, row, str(count), ha="center", va="center", fontsize=8.5)
    axes.set(
        xlim=(-0.5, len(labels) - 0.5),
        ylim=(len(labels) - 0.5, -0.5),
        xlabel="predicted",
        ylabel="gold",
        aspect="equal",
    )
    axes.set_xticks(range(len(labels)), labels, rotation=60, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(labels)), labels)
    edges = [number - 0.5 for number in range(len(labels))]
    axes.set_xticks(edges, minor=True)
    axes.set_yticks(edges, minor=True)
    axes.tick_params(which="minor", length=0)
    axes.grid(visible=True, which="minor")
    return figure


def draw_reliability(bins: pd.DataFrame, ece: float) -> Figure:
    """Draw how often entities of a score are right, above how many there are."""
    figure = Figure(figsize=(5.2, 4.8))
    share, entities = figure.subplots(2, sharex=True, height_ratios=[3, 1])
    share.plot([0, 1], [0, 1], color=MUTED, linestyle=":", label="as often right as it says")
    share.plot(
        bins["mean_score"], bins["share_correct"], "o-", markersize=5, label=f"this tagger (ECE {ece:.4f})"
    )
    share.set(ylabel="share that is right", ylim=(0, 1.02))
    share.legend(loc="upper left")
    width = bins["high"] - bins["low"]
    entities.bar(bins["low"], bins["entities"], width * 0.9, align="edge", color=BLUE, alpha=0.6)
    entities.set(xlabel="score of a predicted entity", ylabel="entities", xlim=(0, 1))
    return figure


def draw_labels(scores: pd.DataFrame) -> Figure:
    """Draw F1 by label as bars, with the number of gold entities."""
    figure = Figure(figsize=(5.2, 1 + 0.3 * max(len(scores), 1)))
    axes = figure.subplots()
    axes.barh(range(len(scores)), scores["f1"], color=BLUE, alpha=0.6)
    for row, (f1, support) in enumerate(zip(scores["f1"], scores["support"], strict=True)):
        axes.text(f1 + 0.01, row, f"{f1:.2f}, {support} gold", va="center", fontsize=8.5)
    axes.set_yticks(range(len(scores)), scores["label"])
    axes.set(
        xlabel="F1 on words, test split",
        xlim=(0, 1.25),
        ylim=(max(len(scores), 1) - 0.5, -0.5),
        xticks=[0, 0.25, 0.5, 0.75, 1],
    )
    axes.grid(visible=False, axis="y")
    return figure


def write_figures(folder: Path, drawings: Mapping[str, Callable[[], Figure]]) -> dict[str, str]:
    """Draw, write each figure as PNG and SVG, and give the SVG to put into the page, by the same names."""
    pages = {}
    with mpl.rc_context(STYLE):
        for name, draw in drawings.items():
            figure = draw()
            svg = io.StringIO()
            figure.savefig(svg, format="svg", metadata=dict.fromkeys(("Date", "Creator", "Format", "Type")))
            with whole_file(folder / f"{name}.svg") as temporary:
                temporary.write_text(svg.getvalue(), encoding="utf-8", newline="\n")
            figure.suptitle(name.replace("_", " ").capitalize())  # the page has captions instead
            with whole_file(folder / f"{name}.png") as temporary:
                figure.savefig(temporary, format="png", dpi=PNG_DOTS_PER_INCH, metadata={"Software": None})
            pages[name] = fit_page(svg.getvalue(), name)
    return pages


def fit_page(svg: str, name: str) -> str:
    """Make an SVG file part of an HTML page: its ids unique there, its colours the page's."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(
        r"<defs>\s*<style.*?</style>\s*</defs>", "", svg, count=1, flags=re.DOTALL
    )  # would style the page
    svg = re.sub(r'\b(id="|href="#|url\(#)', rf"\g<1>{name}-", svg)
    for colour, variable in PAGE_COLOURS.items():
        svg = svg.replace(colour, f"var({variable})")
    return svg.replace("<svg ", f'<svg role="img" aria-labelledby="{name}-caption" ', 1)
