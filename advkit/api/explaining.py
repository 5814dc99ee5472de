"""The Python interface of saliency maps: explain a model."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from advkit.api.checking import check_list, check_numbers, check_words
from advkit.api.request import asked_of, load_both, model_for, new_run, pick_device
from advkit.data.masks import read_masks
from advkit.data.python_data import Data
from advkit.evaluate.explain_plan import USUAL
from advkit.evaluate.explain_plan import planned as planned_maps
from advkit.evaluate.explain_run import explain as run_explain
from advkit.models.classifier import Classifier
from advkit.norm_names import norm_named
from advkit.numbers import check_eps, radius_of
from advkit.pages.explanations import beliefs_of, verdict, write_explanation


def explain(
    model: str | Classifier | None = None,
    data: Data | None = None,
    *,
    methods: Sequence[str] = USUAL,
    target: str = "predicted",
    layer: str = "",
    segment: bool = False,
    faithfulness: bool = False,
    attack: str = "pgd",
    eps: float | None = None,
    norm: str = "Linf",
    seed: int = 0,
    limit: int | None = 8,
    truth: str | None = None,
    arch: str | None = None,
    device: str = "auto",
    command: str = "",
    out: str | Path | None = None,
    **options: Any,
) -> dict[str, Any]:
    """Compute saliency maps of the first ``limit`` images; write the run directory ``out``.

    Parameters up to ``seed`` are those of `advkit.evaluate.explain_plan.planned`; ``truth`` is an
    npz file with ``masks`` (n, height, width); ``options`` (fresh, progress) are those of
    `advkit.evaluate.explain_run.explain`. Returns the summary, the content of `run.json`, with the
    paths of the maps and of the page. Raises AdvkitError for errors that the user can fix.

    >>> found = advkit.explain("bundled:digits-cnn", methods=["gradient", "grad_cam"], limit=2)
    >>> sorted(file.name for file in Path(found["maps"]).iterdir())
    ['grad_cam.npy', 'gradient.npy']
    """
    check_words(run_explain, options)
    check_list("methods", methods)
    check_numbers(seed=seed, limit=limit)
    model, norm = model_for(model, data), norm_named(norm)
    eps = None if eps is None else radius_of(eps)
    plan = planned_maps(methods, target=target, layer=layer, segment=segment, eps=eps, norm=norm,
                        faithfulness=faithfulness, attack=attack, seed=seed)  # fmt: skip
    check_eps(() if eps is None else (eps,), norm)
    samples, classifier = load_both(model, data, limit, arch, pick_device(device))
    folder = Path(out) if out else new_run(str(model), samples.name, kind="explain")
    masks = read_masks(truth, samples) if truth else None
    summary = run_explain(classifier, samples, plan, out=folder, truth=masks,
                          asked=asked_of(model, data, samples, command), **options)  # fmt: skip
    page = write_explanation(folder)
    told = verdict(summary, beliefs_of(summary["faithfulness"]))
    return {**summary, "verdict": told, "out": str(folder), "maps": str(folder / "maps"),
            "report": str(page)}  # fmt: skip
