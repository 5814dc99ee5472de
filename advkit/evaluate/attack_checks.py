"""Checks of the attacks: they must beat baselines, and stronger attacks must change nothing."""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor

from advkit.attacks import Member
from advkit.attacks.projected_gradient import pgd
from advkit.engine import NORMS
from advkit.evaluate.check_units import CLIMB
from advkit.evaluate.subject import Subject, share
from advkit.evaluate.trust_checks import Check, State

LUCK = 0.03
"""Share of images by which the weaker of two attacks may win by chance; at least one image."""

NONE_STANDS = "No image survives at the smallest eps."


def beats_noise(eps: float, lucky: Tensor, attacked: Tensor) -> Check:
    """Check that PGD fools (``attacked``) the images that noise fools (``lucky``), at ``eps``."""
    return _against("noise_beats_attack", lucky & ~attacked, lucky, attacked,
                    f"At eps {eps:.4g} noise fools {{}} images and PGD {{}}")  # fmt: skip


def beats_one_step(eps: float, one: Tensor, many: Tensor) -> Check:
    """Check that PGD fools (``many``) the images that FGSM fools (``one``), at ``eps``."""
    return _against("one_step_beats_many", one & ~many, one, many,
                    f"At eps {eps:.4g} one step fools {{}} images and PGD {{}}")  # fmt: skip


def monotone(attacked: Sequence[Tensor]) -> Check:
    """Check that PGD alone fools (``attacked``, by ascending eps) no fewer at a larger eps."""
    if len(attacked) < 2:
        return Check("not_monotone", "not applicable", "Only one eps was requested.")
    fooled, n = [int(each.sum()) for each in attacked], len(attacked[0])
    counts, fall = ", ".join(map(str, fooled)), max(a - b for a, b in pairwise(fooled))
    seen = f"PGD alone fools {counts} of {n} images at the audited eps."
    return Check("not_monotone", "fail" if fall > _luck(n) else "pass", seen)


def unbounded(fooled: Tensor) -> Check:
    """Check that PGD without an eps limit has ``fooled`` every image (Athalye et al. 2018)."""
    seen = f"With no limit on the perturbation PGD fools {share(fooled)} images."
    return Check("unbounded_fails", _beyond_luck(~fooled), seen)


def by_effort(broken: Tensor, steps: int) -> Check:
    """Check that longer attacks have ``broken`` none of the surviving images."""
    if not len(broken):
        return Check("more_steps_help", "not applicable", NONE_STANDS)
    seen = f"Longer attacks, of {3 * steps} steps, fool {share(broken)} surviving images."
    return Check("more_steps_help", _beyond_luck(broken), seen)


def climbing(margins: Tensor) -> Check:
    """Check that the margin under PGD no longer rises so fast that twice the steps would fool.

    After the incomplete optimisation of Pintor et al. (2022). ``margins`` are those of `climbed`.
    """
    if not len(margins):
        return Check("still_climbing", "not applicable", NONE_STANDS)
    some, more = margins[:, -2], margins[:, -1]
    soon = (more <= 0) & (2 * more - some > 0)
    seen = (
        f"From step {CLIMB[-2]} to {CLIMB[-1]} PGD progressed so fast on {share(soon)} surviving "
        "images that as many steps again would fool them."
    )
    return Check("still_climbing", _beyond_luck(soon), seen)


def courses(margins: Tensor) -> dict[str, list[float]]:
    """Return quantiles of the margins of `climbed` per number of steps; empty if none survives.

    ``low``, ``middle`` and ``high`` are the 10%, 50% and 90% quantiles over the images; ``nearest``
    is the image with the highest final margin.
    """
    margins = margins[margins.isfinite().all(1)] if len(margins) else margins
    if not len(margins):
        return {}
    tenths = margins.double().quantile(torch.tensor([0.1, 0.5, 0.9], dtype=torch.double), dim=0)
    low, middle, high = tenths.tolist()
    nearest = margins[margins[:, -1].argmax()].tolist()
    return {"steps": list(CLIMB), "low": low, "middle": middle, "high": high, "nearest": nearest}


def by_scores(broken: Tensor, queries: int, corners: str) -> Check:
    """Check that Square, which uses scores only, has ``broken`` none of the surviving images.

    ``corners`` is what starts selected by scores fooled in the audit itself, if they fooled many.
    """
    if not len(broken):
        return Check("black_box_wins", "not applicable", NONE_STANDS)
    seen = f"Square, with {queries} queries, fools {share(broken)} surviving images. {corners}"
    return Check("black_box_wins", "fail" if corners else _beyond_luck(broken), seen.strip())


def by_transfer(subject: Subject, eps: Tensor, others: dict[str, Subject]) -> Check:
    """Check that no example made for another model fools an image that survives ``eps`` (n,)."""
    if not others:
        return Check("transfer_wins", "not run", "No --surrogate model was given.")
    if not len(subject.x):
        return Check("transfer_wins", "not applicable", NONE_STANDS)
    broken = {name: subject.margins(other.after(pgd, eps, loss="margin")) > 0
              for name, other in others.items()}  # fmt: skip
    name, most = max(broken.items(), key=lambda each: int(each[1].sum()))
    seen = f"Examples made for {name} fool {share(most)} surviving images."
    return Check("transfer_wins", _beyond_luck(most), seen)


def keeps_success(subject: Subject, members: Sequence[Member]) -> Check:
    """Check that a user's own attacks return a fooling point if they evaluated one."""
    own = [member for member in members if member.own]
    if not own:
        seen = "advkit's attacks return the best point that they saw, by a test of each."
        return Check("silent_success", "not applicable", seen)
    lost = [member.label for member in own if _loses(subject, member)]
    if not lost:
        return Check("silent_success", "pass", f"None of your {len(own)} attacks lost a success.")
    seen = f"Of your {len(own)} attacks, {len(lost)} lost a success: {', '.join(lost)}."
    return Check("silent_success", "fail", seen)


def _loses(subject: Subject, member: Member) -> bool:
    """Return whether the attack evaluated a fooling point but returned another one."""
    eps, size = subject.eps[-1], NORMS[subject.norm].size
    for i in range(min(len(subject.x), 8)):
        one = subject.only([i])
        seen: list[bool] = []

        def watched(x: Tensor, one: Subject = one, seen: list[bool] = seen) -> Tensor:
            logits = subject.guide(x)
            with torch.no_grad():
                inside = (size(x - one.x) <= one.radius(eps)) & ((x >= 0) & (x <= 1)).flatten(
                    1
                ).all(1)
                seen.append(bool(((logits.argmax(1) != one.y) & inside).any()))
            return logits

        reached = one._replace(guide=watched).reached(member.attack)
        if any(seen) and not bool((reached > 0).all()):
            return True
    return False


def _against(name: str, lost: Tensor, weak: Tensor, strong: Tensor, form: str) -> Check:
    seen = (
        form.format(share(weak), share(strong))
        + f"; {int(lost.sum())} are fooled by the former alone."
    )
    return Check(name, _beyond_luck(lost), seen)


def _beyond_luck(bad: Tensor) -> State:
    return "fail" if int(bad.sum()) > _luck(len(bad)) else "pass"


def _luck(n: int) -> float:
    return max(1, LUCK * n)
