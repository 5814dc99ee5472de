"""Standard and adversarial training of the small nets, as a generator of steps."""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from advkit.engine.objectives import margins
from advkit.engine.seeding import keys
from advkit.errors import InputError
from advkit.models.checkpoint import checkpoint_of, load_checkpoint, save_checkpoint
from advkit.models.inner_attack import hardened
from advkit.models.recipe import SCHEDULES, Recipe, radius_at
from advkit.models.training import Training, begin, shuffled
from advkit.models.weights_file import write_weights

JUDGING_STEPS = 10
"""Steps of the attack on the held-out images."""


class Scores(NamedTuple):
    """Accuracy on the held-out images; ``robust`` is None in standard training."""

    clean: float
    robust: float | None


class Step(NamedTuple):
    """One step of the training; ``scores`` at the end of each epoch."""

    number: int
    total: int
    loss: float
    scores: Scores | None
    best: Scores | None


def fit(
    x: Tensor,
    y: Tensor,
    out: Path,
    recipe: Recipe,
    *,
    classes: Sequence[str] | None = None,
    data: dict[str, Any] | None = None,
    save_every: float = 30.0,
) -> Iterator[Step]:
    """Train on images ``x`` (n, ...) in [0, 1] and labels ``y`` (n,), and write ``out``.

    The file is written after the last step and describes itself: `load_model` needs nothing else.
    Every ``save_every`` seconds and after each epoch the state is written to ``out`` +
    '.checkpoint'; a killed training resumes there and ends with the same weights. The weights of
    the epoch with the best robust (standard training: clean) accuracy on the held-out images are
    kept. Raises UsageError, InputError, ResourceError.
    """
    training, fixed = begin(x, y, recipe, classes, data)
    path, start = checkpoint_of(out), 0
    best: dict[str, Tensor] = {}
    history: list[Scores] = []
    if path.exists():
        best, about = load_checkpoint(path, training.net, training.optimizer, fixed)
        start, history = int(about["step"]), [Scores(*scores) for scores in about["history"]]
    total, saved = recipe.epochs * training.per_epoch, time.monotonic()
    for number, index in _batches(training, start, total):
        loss, scores = _move(training, number, total, index), None
        if (number + 1) % training.per_epoch == 0:
            scores = _judge(training)
            if all(_rank(scores) > _rank(earlier) for earlier in history):
                best = {k: v.detach().clone() for k, v in training.net.state_dict().items()}
            history.append(scores)
        if scores or time.monotonic() - saved >= save_every:
            about = {"step": number + 1, "history": history, "fixed": fixed}
            save_checkpoint(path, training.net, training.optimizer, best, about)
            saved = time.monotonic()
        yield Step(number + 1, total, loss, scores, max(history, key=_rank, default=None))
    chosen = max(history, key=_rank)
    write_weights(out, best, {**fixed, "held_out_scores": chosen._asdict()})
    path.unlink(missing_ok=True)


def _rank(scores: Scores) -> float:
    return scores.clean if scores.robust is None else scores.robust


def _batches(training: Training, start: int, total: int) -> Iterator[tuple[int, Tensor]]:
    """Yield the number and the images of every step; each epoch has its own order."""
    size, order = training.recipe.batch_size, training.seen
    for number in range(start, total):
        epoch, place = divmod(number, training.per_epoch)
        if place == 0 or number == start:
            mixed = shuffled(len(training.seen), training.recipe.seed, "epoch", epoch)
            order = training.seen[mixed]
        yield number, order[place * size : (place + 1) * size]


def _move(training: Training, number: int, total: int, index: Tensor) -> float:
    """Take step ``number`` of ``total`` on the images ``index`` and return its loss."""
    recipe = training.recipe
    x, y = training.x[index], training.y[index]
    eps = radius_at(recipe, number / training.per_epoch)
    if eps > 0:
        with torch.autocast(x.device.type, torch.bfloat16, recipe.inner == "bfloat16"):
            x = _attacked(training, index, eps, recipe.steps, recipe.step, number)
    for group in training.optimizer.param_groups:
        group["lr"] = recipe.rate * SCHEDULES[recipe.schedule](number / total)
    training.optimizer.zero_grad(set_to_none=True)
    loss = F.cross_entropy(training.logits(x), y)
    if not math.isfinite(loss.item()):
        raise InputError(f"the loss is {loss.item()} at step {number}", "give a lower --rate")
    loss.backward()  # type: ignore[no-untyped-call]
    training.optimizer.step()
    return loss.item()


def _attacked(
    training: Training, index: Tensor, eps: float, steps: int, step: float, purpose: int | str
) -> Tensor:
    recipe, x = training.recipe, training.x[index]
    stream = keys(recipe.seed, [str(int(i)) for i in index], x, "train", purpose)
    with _eval_mode(training.net):
        return hardened(
            training.logits, x, training.y[index], stream, norm=recipe.norm, eps=eps, steps=steps,
            step=step,
        )  # fmt: skip


@contextmanager
def _eval_mode(net: nn.Module) -> Iterator[None]:
    """Attack the net as it will be used; batch norm must not learn from adversarial images."""
    net.eval()
    try:
        yield
    finally:
        net.train()


def _judge(training: Training) -> Scores:
    """Return the accuracy on the held-out images, clean and under attack at the full radius."""
    recipe = training.recipe
    clean = torch.zeros(0, dtype=torch.bool)
    robust = clean.clone()
    for index in torch.split(training.held, recipe.batch_size):
        right = _right(training, training.x[index], index)
        clean = torch.cat([clean, right])
        if recipe.eps > 0:
            x = _attacked(training, index, recipe.eps, JUDGING_STEPS, 0.25, "held out")
            robust = torch.cat([robust, right & _right(training, x, index)])
    share: Callable[[Tensor], float] = lambda hits: hits.double().mean().item()  # noqa: E731
    return Scores(share(clean), share(robust) if recipe.eps > 0 else None)


def _right(training: Training, x: Tensor, index: Tensor) -> Tensor:
    with _eval_mode(training.net), torch.no_grad():
        return margins(training.logits(x), training.y[index]) < 0
