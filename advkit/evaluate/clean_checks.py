"""Check that clean accuracy is above that of guessing."""

from advkit.evaluate.intervals import Share, wilson
from advkit.evaluate.stage_context import Work, right_when_clean
from advkit.evaluate.trust_checks import Check


def may_guess(clean: Share, n_classes: int) -> bool:
    """Return whether the accuracy ``clean`` is compatible with guessing among all classes."""
    return clean["low"] <= 1 / n_classes


def above_guessing(work: Work) -> Check:
    """Compare the lower end of the interval of clean accuracy with 1 / n_classes."""
    clean, classes = (
        wilson(len(right_when_clean(work)), len(work.samples.ids)),
        work.model.n_classes,
    )
    seen = (
        f"Clean accuracy is {clean['value']:.3f} of {clean['n']:,} images, and its 95% interval "
        f"begins at {clean['low']:.3f}; guessing among {classes} classes gives {1 / classes:.3f}."
    )
    return Check("no_better_than_guessing", "fail" if may_guess(clean, classes) else "pass", seen)
