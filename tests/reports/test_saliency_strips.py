"""The maps of an audit's examples: one common scale, and no strip without maps."""

from dataclasses import replace

import numpy as np

from advkit.reports import audit_page
from advkit.reports.saliency_strips import MOST, MOST_LARGE, looks
from tests.reports.sample_audit import sample_audit, sample_cards


def test_each_row_is_image_map_example_map_and_change() -> None:
    rows = looks(sample_cards())
    assert len(rows) == MOST
    heads = [picture.head for picture in rows[0].pictures]
    assert heads == ["clean", "map before", "adversarial", "map after", "after minus before"]
    assert rows[0].pictures[-1].text == "Spearman 0.42"
    assert len({row.caption.rpartition("up to")[2] for row in rows}) == 1  # one scale
    assert len(looks(sample_cards(12, size=120))) == MOST_LARGE


def test_without_maps_there_is_no_section() -> None:
    cards = [replace(card, maps=None) for card in sample_cards()]
    assert looks(cards) == []
    assert 'id="looks"' not in audit_page(sample_audit(), cards)
    nothing = (np.zeros((28, 28)), np.zeros((28, 28)))
    assert looks([replace(card, maps=nothing) for card in cards]) == []
    assert 'id="looks"' in audit_page(sample_audit(), sample_cards())
