"""Any attack on a faster copy of a model, with results confirmed on the model itself."""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from advkit.attacks.bisection import between, bisect
from advkit.attacks.higher_order import Call, alone, attack_from, face_of, text_of
from advkit.attacks.minimum import Nearest
from advkit.attacks.options import Attack
from advkit.attacks.walks import margins_of, radii
from advkit.engine import NORMS, rows
from advkit.engine.objectives import Model

OUTWARDS = (1.01, 1.02, 1.04, 1.08, 1.16)  # of the line to a point that only the copy calls fooled
HALVINGS = 3  # between the last of these that does not fool the model and the first that does


def on_a_copy(
    attack: Attack, copy: Callable[[Model], Model], name: str, *, exact: bool = False
) -> Attack:
    """Return the attack on ``copy(model)``, cheaper and similar; the model confirms results.

    Every result is evaluated on the model, in full precision. If only the copy is fooled, a
    minimum-norm result is extended along its line, by up to 16%, until it fools the model (at most
    5 forward passes, then 3 of bisection). If that fails, the sample is attacked again on the
    model; so is any for which a minimum-norm attack found nothing: close to the boundary the copy
    is not exact enough. For fixed budgets results that do not fool the copy are returned unchanged,
    also within ``eps`` for an ``exact`` copy: one of the same precision, different by rounding
    only. A sample that is never fooled costs what ``attack`` costs, twice if that is minimum norm,
    and two forward passes to check the result. ``name`` is the name of the copy on cards.
    """
    face = alone(face_of(attack), name)

    def body(call: Call) -> Tensor:
        full = call._replace(model=_in_full(call.model))
        quick = call._replace(model=copy(call.model))
        return _confirmed(full, quick, attack, minimum_norm=face.card.minimum_norm, exact=exact)

    inner, (forward, backward) = face.card.name, face.cost
    if face.card.minimum_norm:
        forward, backward = f"2 * ({forward})", f"2 * ({backward})"
    return attack_from(
        body,
        face,
        name=f"{name}({inner})",
        minimum_norm=face.card.minimum_norm,
        text=text_of(
            f"Return what {inner} finds {name.replace('_', ' ')}, confirmed by the model itself.",
            "What fools only the copy is repaired.",
            face,
            (f"{forward} + 2", backward),
            use="large nets on hardware where the copy is faster.",
            fails="where a pass costs little; bfloat16 is slower on old processors.",
        ),
    )


def _confirmed(
    full: Call, quick: Call, attack: Attack, *, minimum_norm: bool, exact: bool
) -> Tensor:
    """Return the result of ``attack`` on ``quick``, repaired if ``full`` is not fooled."""
    found = quick.run(attack).clone()
    doubtful = (~(full.margins(found) > 0)).nonzero().squeeze(1)
    claimed = quick.of(doubtful).margins(found[doubtful]) > 0
    again, wrong = doubtful[~claimed], doubtful[claimed]
    if not minimum_norm or (exact and full.eps is not None):
        again = again[:0]  # nothing found within eps is a valid result
    if minimum_norm and len(wrong):
        moved = _outwards(full.of(wrong), found[wrong])
        found[wrong] = moved.x
        wrong = wrong[moved.distance.isinf()]
    if len(again := torch.cat([again, wrong]).sort().values):
        found[again] = full.of(again).run(attack)
    return found


def _in_full(model: Model) -> Model:
    def ask(x: Tensor) -> Tensor:
        with torch.autocast(x.device.type, enabled=False):
            return model(x)

    return ask


def _outwards(call: Call, x_adv: Tensor) -> Nearest:
    """Extend ``x_adv``, which does not fool, along its line until it does, within ``eps``."""

    def fooled(part: Call, end: Tensor, share: Tensor) -> Tensor:
        point = between(part.x, end, share)
        return margins_of(part.model, point, part.y, part.targets) > 0

    low = torch.ones(len(x_adv), dtype=x_adv.dtype, device=x_adv.device)
    high = torch.full_like(low, torch.inf)
    for factor in OUTWARDS:
        left = high.isinf().nonzero().squeeze(1)
        held = fooled(call.of(left), x_adv[left], torch.full_like(low[left], factor))
        high[left[held]], low[left[~held]] = factor, factor
    index = high.isfinite().nonzero().squeeze(1)
    holds = partial(fooled, call.of(index), x_adv[index])
    high[index] = bisect(holds, low[index], high[index], HALVINGS)[1]
    moved = between(call.x, x_adv, high.where(high.isfinite(), 1))
    size = torch.where(high.isfinite(), NORMS[call.norm].size(moved - call.x), torch.inf)
    limit = torch.full_like(size, torch.inf) if call.eps is None else radii(call.eps, call.x)
    size = torch.where(size <= limit, size, torch.inf)
    return Nearest(torch.where(rows(size.isinf(), x_adv), call.x, moved), size)
