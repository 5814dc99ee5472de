"""Restarts, chosen targets, strongest of several: each equals a plain loop over its runs."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Literal

import pytest
import torch
from torch import Tensor

from advkit.attacks import norms_of
from advkit.attacks.decoupled_direction_norm import ddn
from advkit.attacks.fast_gradient import fgsm
from advkit.attacks.minimised_budget import minimised
from advkit.attacks.options import Attack
from advkit.attacks.projected_gradient import pgd
from advkit.attacks.restarts_on_survivors import restarted
from advkit.attacks.strongest_of_several import strongest
from advkit.attacks.targets_per_sample import choose_targets, targeted
from advkit.engine import NORMS
from advkit.engine.objectives import Model, margins
from advkit.engine.seeding import reseeded
from advkit.errors import UsageError
from advkit.models.classifier import Classifier
from tests.attacks.problems import cnn, few, images, lucky


def by_hand(
    runs: Sequence[Callable[..., Tensor]], model: Model, x: Tensor, y: Tensor, **common: Any
) -> list[Tensor]:
    """Return per sample the point of highest margin, one sample after the other, or the nearest."""
    chosen, minimum = [], common.get("eps") is None
    for i in range(len(x)):
        best, top = x[i : i + 1], -torch.inf
        for run in runs:
            found = run(model, x[i : i + 1], y[i : i + 1], ids=[str(i)], **common)
            margin = float(margins(model(found), y[i : i + 1]))
            size = float(NORMS[common["norm"]].size(found - x[i : i + 1]))
            score = (-size if margin > 0 else -torch.inf) if minimum else margin
            if score > top:
                best, top = found, score
            if top >= 0 if minimum else top > 0:
                break
        chosen.append(best)
    return torch.cat(chosen)


@pytest.mark.parametrize(("inner", "eps", "norm"), [(few, 0.03, "Linf"), (lucky, None, "L2")])
def test_restarts_are_the_plain_loop_over_seeds(inner: Attack, eps: Any, norm: str) -> None:
    model, x = Classifier(cnn(), name="small"), images(16)
    y = model(x).argmax(1)
    found = restarted(inner, 4)(model, x, y, eps=eps, norm=norm, seed=7)
    seeds = [partial(inner, seed=reseeded(7, i)) for i in range(4)]
    assert torch.equal(found, by_hand(seeds, model, x, y, eps=eps, norm=norm))
    once = inner(model, x, y, eps=eps, norm=norm, seed=7)
    assert torch.equal(restarted(inner, 1)(model, x, y, eps=eps, norm=norm, seed=7), once)
    assert (margins(model(found), y) > 0).sum() > (margins(model(once), y) > 0).sum()


def test_seeds_of_runs_are_those_of_no_neighbour() -> None:
    assert reseeded(5, 0) == 5
    assert len({reseeded(seed, run) for seed in range(50) for run in range(50)}) == 2500


def test_targets_are_chosen_by_the_logits_or_by_the_key() -> None:
    model, x = cnn(6), images(40)
    logits = model(x)
    y = logits.argmax(1)
    y[:8] = (y[:8] + 1) % 6  # some are misread
    second, least, luck = (
        choose_targets(model, x, y, choice) for choice in ("second", "least_likely", "random")
    )
    for i in range(40):
        others = [c for c in range(6) if c != y[i]]
        assert second[i] == max(others, key=lambda c: logits[i, c])
        assert least[i] == min(others, key=lambda c: logits[i, c])
    assert (luck != y).all()
    assert set((luck - y).remainder(6).tolist()) == {1, 2, 3, 4, 5}
    ids = [str(i) for i in range(40)]
    assert torch.equal(choose_targets(model, x[9:], y[9:], "random", ids=ids[9:]), luck[9:])
    assert not torch.equal(choose_targets(model, x, y, "random", seed=1), luck)
    found = targeted(few, "second")(model, x, y, eps=0.05)
    assert torch.equal(found, few(model, x, y, eps=0.05, targets=second))


def test_all_targets_are_the_plain_loop_over_classes() -> None:
    model, x = Classifier(cnn(5), name="small"), images(12)
    logits = model(x)
    y = logits.argmax(1)
    order = logits.argsort(1, descending=True)[:, 1:]

    def towards(place: int, inner: Attack) -> Callable[..., Tensor]:
        def run(model: Model, x: Tensor, y: Tensor, **common: Any) -> Tensor:
            goal = order[int(common["ids"][0]), place : place + 1]
            return inner(model, x, y, targets=goal, **common)

        return run

    for inner, eps, norm in ((few, 0.04, "Linf"), (partial(ddn, steps=10), None, "L2")):
        found = targeted(inner, "all")(model, x, y, eps=eps, norm=norm)
        runs = [towards(place, inner) for place in range(4)]
        assert torch.equal(found, by_hand(runs, model, x, y, eps=eps, norm=norm))


def test_given_targets_must_be_given() -> None:
    model, x = cnn(), images(4)
    with pytest.raises(UsageError, match="does not choose"):
        targeted(few, "given")(model, x, model(x).argmax(1), eps=0.1)
    with pytest.raises(UsageError, match="cannot be chosen by 'secnd'") as caught:
        targeted(few, "secnd")
    assert "did you mean second?" in caught.value.hint


def test_the_strongest_is_the_plain_loop_over_attacks() -> None:
    model, x = Classifier(cnn(), name="small"), images(8)
    y = model(x).argmax(1)
    fixed = (fgsm, few, partial(pgd, loss="dlr", steps=8))
    found = strongest(*fixed)(model, x, y, eps=0.03)
    assert torch.equal(found, by_hand(fixed, model, x, y, eps=0.03, norm="Linf"))
    assert norms_of(strongest(fgsm, ddn)) == ("L2",)
    mixed = (partial(ddn, steps=10), lucky, minimised(few))
    found = strongest(partial(ddn, steps=10), lucky, few)(model, x, y)
    assert torch.equal(found, by_hand(mixed, model, x, y, eps=None, norm="L2"))
    with pytest.raises(UsageError, match="without a common norm"):
        strongest(ddn, partial(_linf_only))


def _linf_only(model: Model, x: Tensor, y: Tensor, *, eps: float, norm: Literal["Linf"] = "Linf"
               ) -> Tensor:  # fmt: skip
    return x
