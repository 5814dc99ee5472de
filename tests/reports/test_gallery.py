from dataclasses import replace

import numpy as np

from advkit.reports.gallery import MAX_BYTES, MAX_CARDS, gallery
from tests.reports.sample_audit import sample_cards


def test_a_card_says_what_was_seen_before_and_after() -> None:
    (shown,) = gallery(sample_cards(1), "Linf")
    assert shown.caption == "true T-shirt/top; predicted Coat (0.50); noise, Linf 0.1"
    clean, change, adversarial = shown.pictures
    assert clean.alt == "clean: true T-shirt/top, predicted T-shirt/top (0.99)"
    assert (change.head, change.text) == ("change \u00d75", "mid-grey = 0")
    assert change.alt == "perturbation, \u00d75, mid-grey = 0; Linf 0.1"
    assert adversarial.alt == "adversarial: true T-shirt/top, predicted Coat (0.50)"
    assert (clean.fooled, adversarial.fooled) == (False, True)
    assert (clean.width, clean.height, clean.pixelated) == (84, 84, True)


def test_a_card_that_is_not_fooled_says_so() -> None:
    (card,) = sample_cards(1)
    (shown,) = gallery([replace(card, after=card.before)], "Linf")
    assert "still predicted T-shirt/top" in shown.caption
    assert not shown.pictures[2].fooled


def test_at_most_24_cards() -> None:
    assert len(gallery(sample_cards(40), "Linf")) == MAX_CARDS == 24


def test_photographs_are_not_enlarged_and_stop_at_the_cap() -> None:
    noisy = [
        replace(card, adversarial=np.random.default_rng(0).random(card.clean.shape))
        for card in sample_cards(24, size=448, channels=3)
    ]
    shown = gallery(noisy, "L2")
    assert 1 < len(shown) < 24
    assert sum(len(p.uri) for one in shown for p in one.pictures) <= MAX_BYTES
    assert shown[0].smaller == "drawn at 224 \u00d7 224 of 448 \u00d7 448 pixels"
    assert not shown[0].pictures[0].pixelated


def test_ids_are_unique_even_where_samples_look_alike() -> None:
    (card,) = sample_cards(1)
    names = [
        one.name
        for one in gallery([replace(card, sample="a b"), replace(card, sample="a/b")], "Linf")
    ]
    assert names == ["image-1-a-b", "image-2-a-b"]
