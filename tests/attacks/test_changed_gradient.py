"""Attacks with a substitute gradient: the predictions remain those of the model."""

from functools import partial

from torch import Tensor

from advkit.attacks import attack_card
from advkit.attacks.changed_gradient import through
from advkit.attacks.decoupled_direction_norm import ddn
from advkit.engine import straight_through
from advkit.engine.objectives import margins
from tests.attacks.problems import cnn, few, images


def test_through_a_change_the_gradient_is_another_and_the_answers_are_not() -> None:
    model, x = cnn(), images(9)
    y = model(x).argmax(1)

    def rounded(z: Tensor) -> Tensor:
        return model((z * 31).round() / 31)

    for attack, eps in ((few, 0.3), (partial(ddn, steps=20), None)):
        alone, found = (
            a(rounded, x, y, eps=eps) for a in (attack, through(attack, straight_through))
        )
        assert (margins(rounded(alone), y) > 0).sum() <= 2
        assert (margins(rounded(found), y) > 0).sum() >= 7
    assert attack_card("mine", through(few, straight_through)).name == "mine"
