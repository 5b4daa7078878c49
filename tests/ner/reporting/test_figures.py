"""Drawings of tables."""

import pandas as pd
import pytest
from PIL import Image

from ner.reporting.figures import (
    PAGE_COLOURS,
    draw_confusion,
    draw_curve,
    draw_labels,
    draw_reliability,
    write_figures,
)

CURVE = pd.DataFrame(
    {
        "epoch": [1, 2, 3],
        "train_loss": [2.0, 1.0, 0.5],
        "validation_loss": [1.0, 0.8, 0.9],
        "f1": [0.1, 0.7, 0.6],
    }
)
PAIRS = pd.DataFrame(
    {"actual": ["LOC", "LOC", "no entity", "$P&R"], "predicted": ["LOC", "no entity", "LOC", "<b>"]}
)
BINS = pd.DataFrame(
    {"low": [0.8], "high": [0.9], "entities": [3], "mean_score": [0.85], "share_correct": [1.0]}
)
LABELS = pd.DataFrame({"label": ["LOC", "$P&R"], "f1": [0.5, 0.0], "support": [2, 1]})
DRAWINGS = {
    "curve": lambda: draw_curve(CURVE, 2),
    "one-epoch": lambda: draw_curve(CURVE[:1], 1),
    "forty-epochs": lambda: draw_curve(pd.concat([CURVE] * 14).assign(epoch=range(1, 43)), 40),
    "confusion": lambda: draw_confusion(PAIRS),
    "no-pairs": lambda: draw_confusion(PAIRS[:0]),
    "reliability": lambda: draw_reliability(BINS, 0.1),
    "no-bins": lambda: draw_reliability(BINS[:0], 0.0),
    "labels": lambda: draw_labels(LABELS),
    "no-labels": lambda: draw_labels(LABELS[:0]),
}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", DRAWINGS)
def test_a_figure_has_the_same_bytes_each_time_and_page_colours(tmp_path, name):
    """As SVG and as PNG, without a warning, also where there is nothing to draw."""
    pages = [write_figures(tmp_path / run, {name: DRAWINGS[name]}) for run in "ab"]
    assert pages[0] == pages[1]
    for form in ("svg", "png"):
        files = [tmp_path / run / f"{name}.{form}" for run in "ab"]
        assert files[0].read_bytes() == files[1].read_bytes()
    with Image.open(tmp_path / f"a/{name}.png") as image:
        assert image.info.keys() <= {"dpi"}
    page = pages[0][name]
    assert not any(colour in page for colour in PAGE_COLOURS)
    assert "<style" not in page
    assert f'id="{name}-axes_1"' in page


def test_labels_are_text_and_no_markup_or_formula(tmp_path):
    page = write_figures(tmp_path, {"confusion": DRAWINGS["confusion"]})["confusion"]
    assert ">$P&amp;R</text>" in page
    assert ">&lt;b&gt;</text>" in page


def test_the_kept_epoch_is_marked(tmp_path):
    assert "kept: epoch 2" in write_figures(tmp_path, {"curve": DRAWINGS["curve"]})["curve"]
