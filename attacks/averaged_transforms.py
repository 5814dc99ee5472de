"""Expectation over transformations (EOT): attacks on averaged outputs of a model."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from advkit.attacks.higher_order import Call, alone, attack_from, face_of, text_of
from advkit.attacks.options import Attack
from advkit.attacks.rooms import in_room, louder
from advkit.attacks.walks import margins_of
from advkit.engine import rows
from advkit.engine.objectives import Model, margins
from advkit.engine.seeding import keys, normal, uniform

Transform = Callable[[Tensor, Tensor, int], Tensor]
"""``(x, keys, stream) -> x``: images (n, ...), randomly transformed. ``keys`` (n,) key the random
numbers of each (`advkit.engine.seeding`), ``stream`` is the index of the draw."""


def on_average(attack: Attack, transform: Transform, draws: int = 16) -> Attack:
    """Return the attack on the model's average over random transforms (EOT, Athalye et al. 2018).

    ``attack`` sees a model whose logits are the mean over ``draws`` transformed copies of its
    input, so that it follows the gradient over all of them. The parameters of the transforms are
    drawn once per sample: the average is a fixed function, on which line searches and step rules
    can rely. The paper averages the loss; for losses linear in the logits that is the same, and the
    cross entropy of mean logits is never above the mean cross entropy.

    The attack counts a sample as fooled if it is fooled under every draw: the mean logits are
    shifted to have the margin of the worst draw, because an attack that stopped where the mean is
    fooled would fool only half of the draws. The judge queries the model itself, without
    transforms, and `fooled_share` returns under how many new transforms an example fools. Samples
    are attacked one by one, each in batches of ``draws``.
    """
    face = alone(face_of(attack), "on_average")

    def body(call: Call) -> Tensor:
        streams = keys(call.seed, call.ids, call.x, "on_average")

        def one(i: int) -> Tensor:
            part, stream = call.of(torch.tensor([i], device=call.x.device)), streams[i : i + 1]
            model = averaged(part.model, part.y, part.targets, transform, stream, draws)
            return part._replace(model=model).run(attack)

        return torch.cat([one(i) for i in range(len(call.x))])

    name, (forward, backward) = face.card.name, face.cost
    return attack_from(
        body,
        face,
        name=f"on_average({name})",
        minimum_norm=face.card.minimum_norm,
        text=text_of(
            f"Return what {name} finds on the mean logits over {draws} random transforms.",
            "The transforms are drawn once per sample (EOT, Athalye et al. 2018).",
            face,
            (f"{draws} * ({forward})", f"{draws} * ({backward})"),
            use="examples that survive a camera, and models that answer at random.",
            fails="where the transforms in the field are different.",
        ),
    )


def averaged(
    model: Model,
    y: Tensor,
    targets: Tensor | None,
    transform: Transform,
    keys: Tensor,
    draws: int,
) -> Model:
    """Return a model whose output combines all transforms of one sample, or of as many as ``y``.

    Its logits are the mean over ``draws``, with that of the label (the target) shifted so that the
    margin is that of the worst draw. For a model that returns labels, it is the commonest label if
    all draws fool, else ``y``.
    """

    def ask(x: Tensor) -> Tensor:
        n, goal = len(x), () if targets is None else (targets.expand(len(x)),)
        label, streams = y.expand(n), keys.expand(n)
        output = model(torch.cat([transform(x, streams, draw) for draw in range(draws)]))
        answers = output.reshape(draws, n, *output.shape[1:])
        if output.ndim == 1:
            fooled = (answers == goal[0] if goal else answers != label).all(0)
            return torch.where(fooled, answers.mode(0).values, label)
        mean, each = answers.mean(0), answers.detach()
        worst = torch.stack([margins(logits, label, *goal) for logits in each]).amin(0)
        excess = margins(mean.detach(), label, *goal) - worst
        shift = torch.zeros_like(mean).detach()
        if goal:
            return mean - shift.scatter(1, goal[0][:, None], excess[:, None])
        return mean + shift.scatter(1, label[:, None], excess[:, None])

    return ask


def fooled_share(
    model: Model,
    x: Tensor,
    y: Tensor,
    transform: Transform,
    *,
    targets: Tensor | None = None,
    draws: int = 32,
    seed: int = 0,
    ids: Sequence[str] | None = None,
) -> Tensor:
    """Return the share of new transforms under which ``x`` (n, ...) fools, (n,).

    New: none of those that `on_average` drew, whatever its seed.
    """
    streams = keys(seed, ids, x, "fooled_share")
    fooled = [
        margins_of(model, transform(x, streams, draw), y, targets) > 0 for draw in range(draws)
    ]
    return torch.stack(fooled).to(x.dtype).mean(0)


def unchanged() -> Transform:
    """Return the identity transform, for randomised models."""
    return lambda x, _keys, _stream: x


def noisy(deviation: float = 0.05) -> Transform:
    """Return the transform that adds Gaussian noise; it may leave [0, 1]."""
    return lambda x, keys, stream: x + deviation * normal(keys, x.shape[1:], stream).to(x.dtype)


def shifted(entries: int = 2) -> Transform:
    """Return the transform that shifts images (n, c, h, w) by up to so many pixels each way.

    Pixels moved out are lost, the border is replicated. Signals (n, d), (n, c, d) move along d.
    """

    def shift(x: Tensor, keys: Tensor, stream: int) -> Tensor:
        way = (uniform(keys, (2,), stream) * (2 * entries + 1)).floor().long() - entries
        x = _moved(x, way[:, 0], x.ndim - 1)
        return _moved(x, way[:, 1], x.ndim - 2) if x.ndim > 3 else x

    return shift


def _moved(x: Tensor, way: Tensor, dim: int) -> Tensor:
    shape = [1] * x.ndim
    shape[dim] = -1
    place = torch.arange(x.shape[dim], device=x.device).reshape(shape) - rows(way, x)
    return x.gather(dim, place.clamp(0, x.shape[dim] - 1).expand_as(x))


TRANSFORMS: dict[str, Callable[[], Transform]] = {
    "noise": noisy,
    "shift": shifted,
    "none": unchanged,
    "gain": louder,
    "room": in_room,
}
