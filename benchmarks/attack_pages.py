"""The pages of the manual about attacks: text from their cards, pictures from a real run.

``python -m advkit.benchmarks.attack_pages docs/attacks`` writes all of it again.
"""

import math
import sys
from pathlib import Path
from typing import NamedTuple

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.axes import Axes
from torch import Tensor

from advkit.attacks import ATTACKS, attack_card
from advkit.data import Samples, load_data
from advkit.engine import NORMS
from advkit.engine.objectives import margins
from advkit.models import Classifier, load_model

MODEL, DATA = "bundled:fashion-mnist-cnn", "bundled:fashion-mnist"
SHOWN = (2, 4)  # which of the images that the model reads right
EPS = {"Linf": 0.1, "L2": 1.5, "L1": 15.0, "L0": 49.0}  # for attacks that need one
COLUMNS = 8  # at most


class Family(NamedTuple):
    """One page: what these attacks have in common, and their names."""

    title: str
    about: str
    names: tuple[str, ...]


FAMILIES = {
    "fixed-budget": Family(
        "Fixed budget",
        "They are given a radius `eps`, stay within it, and look for the point of highest margin. "
        "Ask them whether a model holds at one size; ask [minimum-norm attacks](minimum-norm.md) "
        "at which size it gives way. Each takes any of several losses; `margin` is the difference "
        "of logits itself, `ce` the cross entropy, `dlr` is free of the logits' scale, "
        "`probability` rises as the difference of probabilities but never saturates.",
        ("fgsm", "bim", "pgd", "coarse_pgd", "mifgsm", "apgd", "apgd_targeted", "md", "pma"),
    ),
    "transfer": Family(
        "Transfer: examples for other nets",
        "They make examples on a net at hand that are to fool others ([the study of "
        "it](../transfer.md)). All walk their whole way: a sample that fools the net at hand walks "
        "on, and the end of the walk is returned. Names with + between put methods together, with "
        "the options of all: `mifgsm+dim+tim:steps=20,sigma=2`; `bim` in the place of `mifgsm` "
        "leaves the momentum out. `fgsm`, and `bim`, `pgd` and `mifgsm` with `stop=false`, are the "
        "plain ones to compare with.",
        (
            "nifgsm",
            "vmifgsm",
            "pifgsm",
            "pgn",
            "dim",
            "tim",
            "sim",
            "admix",
            "bsr",
            "ila",
            "ens",
            "svre",
        ),
    ),
    "minimum-norm": Family(
        "Minimum norm",
        "They look for the nearest image that fools, however far it is. One run answers for every "
        "`eps` at once: a model is robust at those that are smaller than the distance. Given an "
        "`eps` they stop as soon as something within it fools.",
        (
            "linear",
            "race",
            "fmn",
            "ddn",
            "fab",
            "deepfool",
            "superdeepfool",
            "pdpgd",
            "pdgd",
            "alma",
            "cw",
            "ead",
            "lbfgs",
            "distortion",
        ),
    ),
    "sparse": Family(
        "Few entries (L0)",
        "They change as few entries as they can, by as much as they like. L0 counts entries; with "
        "`unit=pixels` all channels of a pixel change together, and still every entry counts.",
        ("thinning", "sigma_zero", "vfga", "jsma", "one_pixel", "sparse_rs"),
    ),
    "score-based": Family(
        "Black box: scores",
        "They see the logits of what they ask about and no gradient, and work on any function "
        "from images to logits. Use them as a check on gradients: where one of these fools what "
        "no white-box attack does, the gradients of that model mislead.",
        ("square", "simba", "nes", "spsa", "zoo"),
    ),
    "decision-based": Family(
        "Black box: decisions",
        "They see the predicted class alone, and work on any function from images to logits or "
        "to labels. They begin at an image that is read as something else and follow the decision "
        "boundary towards the original.",
        ("hopskipjump", "geoda", "boundary", "pointwise"),
    ),
    "spatial-and-common": Family(
        "Turns, blur, noise: sanity baselines",
        "What happens to photographs without any malice. Each is a family of images that grows "
        "more severe; the nearest member that fools is found with forward passes alone. A model "
        "that these break needs no attack.",
        ("noise", "gaussian_blur", "contrast", "salt_and_pepper", "rotation_translation"),
    ),
    "universal-and-patch": Family(
        "One for all: universal perturbations and patches",
        "They learn one perturbation from all samples, so that every result depends on the set: "
        "they run by `advkit attack`, not in an audit. `learn_universal` and `learn_patch` in "
        "`advkit.attacks.one_for_all` and `advkit.attacks.printed_patch` learn on one set what can "
        "then be tried on another.",
        ("universal", "patch"),
    ),
}


def page(family: str) -> str:
    """Return the Markdown of a page."""
    title, about, names = FAMILIES[family]
    parts = [f"# {title}", about, _caption(family)]
    for name in names:
        card = attack_card(name, ATTACKS[name])
        options = ", ".join(f"`{key}={value}`" for key, value in card.options.items())
        forward, backward = card.passes()
        kind = "minimum norm, or within `eps`" if card.minimum_norm else "within `eps`"
        parts += [
            f"## `{name}`",
            card.summary,
            card.formula,
            f"- norms: {', '.join(card.norms)}; {kind}",
            f"- knows: {card.knows}",
            f"- passes: {card.cost} ({forward:,} and {backward:,} at the defaults, 10 classes)",
            f"- use: {card.use}",
            f"- fails: {card.fails}",
            f"- options: {options or 'none'}",
            f"- source: {card.paper}",
        ]
    text = "\n\n".join(parts).replace("``", "`")
    return text.replace("\n\n- ", "\n- ").replace("\n- norms", "\n\n- norms") + "\n"


def _caption(family: str) -> str:
    sizes = ", ".join(f"{norm} {eps:g}" for norm, eps in EPS.items())
    return (
        f"![What they do to images]({family}.png)\n\n"
        f"*Two images of `{DATA}`, attacked on `{MODEL}` in the first norm of each attack: the "
        f"result above, and the change below it, blue down and red up, each scaled to its largest "
        f"entry. Attacks that need `eps` have {sizes}. Under each: the size of the change, and "
        "whether it fools.*"
    )


def draw(family: str, file: Path) -> None:
    """Run the attacks of a family on two images and save what they do."""
    model, samples = load_model(MODEL), load_data(DATA, limit=50)
    right = (model(samples.x).argmax(1) == samples.y).nonzero().squeeze(1)[list(SHOWN)]
    x, y, names = samples.x[right], samples.y[right], FAMILIES[family].names
    bands = math.ceil(len(names) / COLUMNS)
    columns, lines = math.ceil(len(names) / bands), 2 * len(x) * bands
    figure, axes = plt.subplots(
        lines,
        columns,
        figsize=(1.3 * columns, 1.5 * lines),
        dpi=80,
        squeeze=False,
        layout="constrained",
    )
    for axis in axes.flat:
        axis.axis("off")
    for place, name in enumerate(names):
        norm = attack_card(name, ATTACKS[name]).norms[0]
        found = _attacked(name, norm, model, x, y)
        for i, image in enumerate(found):
            line = (place // columns * len(x) + i) * 2
            above, below = axes[line, place % columns], axes[line + 1, place % columns]
            _show(above, below, image, x[i], _words(model, samples, image, x[i], y[i], norm))
            above.set_title("" if i else name, fontsize=8)
    figure.savefig(file, metadata={"Software": None})
    plt.close(figure)


def _attacked(name: str, norm: str, model: Classifier, x: Tensor, y: Tensor) -> Tensor:
    card = attack_card(name, ATTACKS[name])
    return ATTACKS[name](model, x, y, eps=None if card.minimum_norm else EPS[norm], norm=norm)


def _words(
    model: Classifier, samples: Samples, image: Tensor, x: Tensor, y: Tensor, norm: str
) -> str:
    logits = model(image[None])
    size = float(NORMS[norm].size((image - x)[None]))
    fooled = bool((margins(logits, y[None]) > 0).item())
    classes = samples.classes or ()
    return f"{norm} {size:.3g}\n{classes[int(logits.argmax())] if fooled else 'not fooled'}"


def _show(above: Axes, below: Axes, image: Tensor, x: Tensor, words: str) -> None:
    change = (image - x)[0].numpy()
    most = max(float(np.abs(change).max()), 1e-9)
    above.imshow(image[0], cmap="gray", vmin=0, vmax=1)
    below.imshow(change, cmap="RdBu_r", vmin=-most, vmax=most)
    below.axis("on")
    below.set(xticks=[], yticks=[], frame_on=False)
    below.set_xlabel(words, fontsize=7)


def main() -> None:
    """Write all pages and pictures into the directory that is named, or only pages by --text."""
    folder, *options = sys.argv[1:]
    torch.set_num_threads(1)
    for family in FAMILIES:
        Path(folder, f"{family}.md").write_text(page(family), encoding="utf-8")
        if "--text" not in options:
            draw(family, Path(folder, f"{family}.png"))


if __name__ == "__main__":
    main()
