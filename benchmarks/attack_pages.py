"""Pages of the manual about attacks: text from their cards, pictures from a real run.

``python -m advkit.benchmarks.attack_pages docs/attacks`` rewrites all of them.
"""

import math
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.axes import Axes
from torch import Tensor

from advkit.attacks import ATTACKS, attack_card
from advkit.benchmarks.attack_families import FAMILIES
from advkit.data import Samples, load_data
from advkit.engine import NORMS
from advkit.engine.objectives import margins
from advkit.models import Classifier, load_model

MODEL, DATA = "bundled:fashion-mnist-cnn", "bundled:fashion-mnist"
SHOWN = (2, 4)  # indices among the correctly classified images
EPS = {"Linf": 0.1, "L2": 1.5, "L1": 15.0, "L0": 49.0}  # for attacks that need an eps
COLUMNS = 8  # at most


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
        f"![Two images under each attack]({family}.png)\n\n"
        f"*Two images of `{DATA}`, attacked on `{MODEL}` in the first norm of each attack: the "
        f"result above, and the perturbation below it, blue down and red up, each scaled to its "
        f"largest entry. Attacks that need `eps` have {sizes}. Under each: the size of the "
        "perturbation, and the predicted class if it fools.*"
    )


def draw(family: str, file: Path) -> None:
    """Run the attacks of a family on two images and save the pictures."""
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
    """Write all pages and pictures into the given directory; with --text only the pages."""
    folder, *options = sys.argv[1:]
    torch.set_num_threads(1)
    for family in FAMILIES:
        Path(folder, f"{family}.md").write_text(page(family), encoding="utf-8")
        if "--text" not in options:
            draw(family, Path(folder, f"{family}.png"))


if __name__ == "__main__":
    main()
