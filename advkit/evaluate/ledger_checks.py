"""Checks on the rows of the ledger, without another pass through the model."""

import numpy as np

from advkit.attacks.coarse_corners import coarse_pgd
from advkit.evaluate.gradient_checks import FEW
from advkit.evaluate.stage_context import Work
from advkit.evaluate.trust_checks import Check

LUCK = 4
"""Images that coarse PGD may add on any net, by chance, even to few."""


def led_by_scores(work: Work) -> str:
    """Return what coarse PGD fooled of the images that attacks from the image left; '' for few.

    It starts from corners selected by scores. On a net with a useful gradient it adds little to a
    suite, which begins with a minimum-norm attack; where it adds much, scores lead where gradients
    do not, and find more with more queries.
    """
    results = work.store.frame("results")
    corners = results[results["attack"].str.contains(coarse_pgd.__name__)]
    fooled = (corners["fooled"] & corners["valid"]).groupby(corners["eps"]).sum()
    after_others = np.isinf(results["eps"]).any() and len(fooled)
    if not after_others or fooled.max() <= max(LUCK, FEW * len(work.samples.ids)):
        return ""
    eps = fooled.idxmax()
    return (
        f"At eps {eps:.4g} PGD from corners that scores selected fools {fooled.max():,} of the "
        f"{(corners['eps'] == eps).sum():,} images that attacks from the image left."
    )


def valid(work: Work) -> Check:
    """Check that all examples in the ledger are in the ball and the box, with finite outputs."""
    results = work.store.frame("results")
    bad = results[~results["valid"].astype(bool) | results["margin"].isna()]
    names = ", ".join(sorted(set(bad["attack"])))
    seen = f"{len(bad):,} of {len(results):,} examples are invalid" + (
        f": {names}." if names else "."
    )
    return Check("invalid_examples", "fail" if len(bad) else "pass", seen)
