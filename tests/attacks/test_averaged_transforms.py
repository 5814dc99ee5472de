"""Attacks on the average over transforms: its logits, its gradient, and what survives them."""

from functools import partial

import torch
from torch import Tensor

from advkit import load_data, load_model
from advkit.attacks.averaged_transforms import (
    averaged,
    fooled_share,
    noisy,
    on_average,
    shifted,
    unchanged,
)
from advkit.attacks.projected_gradient import pgd
from advkit.engine.objectives import margins
from advkit.engine.seeding import keys
from tests.attacks.problems import cnn, few, images


def test_the_average_is_that_of_the_logits_and_its_margin_the_worst_of_the_draws() -> None:
    model, x, transform = cnn(), images(5), noisy(0.2)
    names, y = keys(0, None, x, "test"), torch.tensor([0, 1, 2, 3, 0])
    each = torch.stack([model(transform(x, names, draw)) for draw in range(7)])
    for goal, at in ((None, y), ((y + 1) % 4, (y + 1) % 4)):
        logits = averaged(model, y, goal, transform, names, 7)(x)
        worst = torch.stack([margins(one, y, goal) for one in each]).amin(0)
        torch.testing.assert_close(margins(logits, y, goal), worst)
        others = torch.ones_like(logits).scatter(1, at[:, None], 0).bool()
        torch.testing.assert_close(logits[others], each.mean(0)[others])
    assert torch.equal(averaged(model, y, None, unchanged(), names, 1)(x), model(x))


def test_its_gradient_is_the_mean_over_the_draws() -> None:
    model, x, transform = cnn(), images(5), noisy(0.2)
    names, y = keys(0, None, x, "test"), torch.tensor([0, 1, 2, 3, 0])
    z = x.clone().requires_grad_()
    averaged(model, y, None, transform, names, 3)(z)[:, 2].sum().backward()
    slope = z.grad.clone()
    z.grad.zero_()
    (sum(model(transform(z, names, i))[:, 2].sum() for i in range(3)) / 3).backward()
    torch.testing.assert_close(slope, z.grad)


def test_of_labels_all_must_be_wrong() -> None:
    answers = torch.tensor([[1, 1, 2], [2, 1, 2], [2, 0, 2]])  # by draw and sample
    labels = averaged(lambda _z: answers.flatten(), torch.tensor([0, 0, 2]), None,
                      unchanged(), torch.zeros(3), 3)  # fmt: skip
    assert labels(torch.zeros(3, 2)).tolist() == [2, 0, 2]
    aimed = averaged(lambda _z: answers.flatten(), torch.tensor([0, 2, 1]),
                     torch.tensor([2, 1, 2]), unchanged(), torch.zeros(3), 3)  # fmt: skip
    assert aimed(torch.zeros(3, 2)).tolist() == [0, 2, 2]


def test_every_step_of_a_sample_sees_the_same_transforms_and_each_sample_its_own() -> None:
    seen: list[tuple[int, float]] = []

    def transform(x: Tensor, keys: Tensor, stream: int) -> Tensor:
        seen.extend((int(key), stream) for key in keys)
        return x

    model, x = cnn(), images(3)
    on_average(few, transform, 2)(model, x, model(x).argmax(1), eps=1e-6)
    assert len(seen) == 3 * 2 * 5
    assert len(set(seen)) == 3 * 2


def test_shifts_move_whole_images_and_signals() -> None:
    x = torch.arange(2 * 3 * 5 * 4).reshape(2, 3, 5, 4).double()
    names = keys(0, None, x, "shift")
    for draw in range(20):
        moved = shifted(1)(x, names, draw)
        for one, image in zip(moved, x, strict=True):
            places = [(a, b) for a in (-1, 0, 1) for b in (-1, 0, 1)]
            inner = [image[:, 1 + a : 4 + a, 1 + b : 3 + b] for a, b in places]
            assert sum(torch.equal(one[:, 1:4, 1:3], part) for part in inner) == 1
    signal = torch.arange(6).double().expand(2, 6)
    assert {float(shifted(1)(signal, names, i)[0, 2]) for i in range(20)} == {1, 2, 3}
    assert shifted(1)(x[:, 0], names, 3).shape == x[:, 0].shape


def test_examples_made_on_average_survive_the_transforms_that_others_do_not() -> None:
    model, x = load_model("bundled:digits-cnn"), load_data("bundled:digits", limit=10).x
    y, transform = model(x).argmax(1), noisy(0.1)
    attack = partial(pgd, steps=8, eps=0.2)
    plain, tough = (a(model, x, y) for a in (attack, on_average(attack, transform, 6)))
    shares = [float(fooled_share(model, z, y, transform).mean()) for z in (x, plain, tough)]
    assert shares[2] > shares[1] + 0.15, shares
    assert shares[1] > shares[0]
