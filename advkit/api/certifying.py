"""The Python interface of `advkit certify`."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from advkit.api.checking import check_choice, check_numbers, check_words
from advkit.api.request import EPS, asked_of, load_both, model_for, new_run, pick_eps
from advkit.bounds.proof_methods import RUNGS
from advkit.bounds.tracing import check_white
from advkit.data.python_data import Data
from advkit.errors import UsageError
from advkit.evaluate.certify_run import certify as run_certify
from advkit.evaluate.smooth_run import certify_smoothed
from advkit.models.classifier import Classifier
from advkit.norm_names import norm_named
from advkit.numbers import check_eps
from advkit.pages.certificates import write_certificate


def certify(
    model: str | Classifier | None = None,
    data: Data | None = None,
    *,
    norm: str | None = None,
    eps: float | Sequence[float] | None = None,
    smooth: float | None = None,
    limit: int | None = None,
    arch: str | None = None,
    command: str = "",
    out: str | Path | None = None,
    **options: Any,
) -> dict[str, Any]:
    """Certify samples for which no perturbation within eps fools; write ``out`` with its report.

    ``options`` (method, seconds, jobs, fresh, progress, announce) are those of
    `advkit.evaluate.certify_run.certify`. With ``smooth`` the model smoothed by noise of this
    deviation is certified, in L2, with the options (draws, doubt, seed, ...) of
    `advkit.evaluate.smooth_run.certify_smoothed`. Returns the summary, the content of `run.json`,
    with the path of the report. Raises AdvkitError for errors that the user can fix.

    >>> found = advkit.certify("bundled:digits-cnn", eps=0.005, limit=10)
    >>> print(found["verdict"])
    Of 10 images the model classifies 100.0% correctly; 100.0% are certified (alpha bounds) to stay
    correct under every perturbation within Linf 0.005 (95% interval over all such images: 72.2% to
    100.0%).
    """
    model = model_for(model, data)
    norm = norm_named(norm or ("Linf" if smooth is None else "L2"), EPS)
    radii = pick_eps(eps, norm, model, data)
    check_eps(radii, norm)
    check_words(run_certify if smooth is None else certify_smoothed, options)
    check_numbers(smooth=smooth, limit=limit, **options)
    check_choice("method", options.get("method", "alpha"), RUNGS)
    if smooth is not None and norm != "L2":
        raise UsageError(
            f"smoothing certifies in L2, not in {norm}", "leave --norm out", code="E210"
        )
    samples, classifier = load_both(model, data, limit, arch, torch.device("cpu"), stream=True)
    if smooth is None:
        check_white(classifier)
    folder = Path(out) if out else new_run(str(model), samples.name, kind="certify")
    asked = asked_of(model, data, samples, command)
    given: dict[str, Any] = {"eps": radii, "out": folder, "asked": asked, **options}
    if smooth is None:
        summary = run_certify(classifier, samples, norm=norm, **given)
    else:
        summary = certify_smoothed(classifier, samples, sigma=smooth, **given)
    return {**summary, "out": str(folder), "report": str(write_certificate(folder))}
