"""Models with random outputs: what the judge asks, and whether its verdicts hold."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from advkit.engine import metered
from advkit.evaluate.randomised import ASKED, MOST, OnAverage, Settled, seeded
from advkit.evaluate.store import open_store
from advkit.models.classifier import Classifier
from tests.evaluate.small import digits_net, run, some_digits, table
from tests.evaluate.test_trust import states


class Noisy(nn.Module):
    def __init__(self, width: float) -> None:
        super().__init__()
        self.net, self.width = digits_net(), width

    def forward(self, x: Tensor) -> Tensor:
        return self.net(x + self.width * torch.randn_like(x))


def test_a_random_model_gets_the_same_verdict_again_and_when_it_goes_on(tmp_path: Path) -> None:
    given = {"model": Classifier(Noisy(0.05), name="noisy"), "attacks": ("pgd:steps=5",),
             "samples": some_digits(20), "eps": (0.1,)}  # fmt: skip
    first = run(tmp_path / "a", **given)
    again, resumed = run(tmp_path / "b", **given), run(tmp_path / "a", **given)
    assert states(first)["randomised_predictions"] == "fail"
    assert table(tmp_path / "a").equals(table(tmp_path / "b"))
    for other in (again, resumed):
        assert (other["robust"], other["verdict"]) == (first["robust"], first["verdict"])


@pytest.mark.parametrize(
    ("width", "images", "least"),
    [(0.05, 40, 0.9), (0.4, 60, 0.88)],  # of the latter 0.81 if each is judged by 32 passes
)
def test_what_fools_a_random_model_fools_it_on_average(
    tmp_path: Path, width: float, images: int, least: float
) -> None:
    model, samples = Classifier(Noisy(width), name="noisy"), some_digits(images)
    run(tmp_path / "run", model=model, samples=samples, attacks=("pgd:steps=10",), eps=(0.15,))
    places = {name: i for i, name in enumerate(samples.ids)}
    with open_store(tmp_path / "run") as store:
        rows = store.frame("results")
        rows = rows[rows["fooled"] & rows["valid"]]
        saved = [store.example(row["shard"], row["row"]) for _, row in rows.iterrows()]
    y = samples.y[[places[name] for name in rows["id"]]]
    with seeded("again"):
        logits = OnAverage(model, 1024)(torch.from_numpy(np.stack(saved)))
    assert len(rows) > images / 2
    assert (logits.argmax(1) != y).float().mean() >= least


def test_the_judge_of_a_random_model_asks_until_the_classes_are_apart() -> None:
    class Wavering(nn.Module):
        """Class 0 leads by x standard deviations of an answer."""

        def forward(self, x: Tensor) -> Tensor:
            lead = x.flatten(1) + torch.randn(len(x), 1)
            return torch.cat([lead, torch.zeros_like(lead)], 1)

    model = Classifier(Wavering(), name="wavering")
    close, clear = torch.full((400, 1, 1, 1), 0.1), torch.full((400, 1, 1, 1), 1.0)
    with seeded("judge"), metered(model) as meter:
        assert (Settled(model, ASKED)(clear).argmax(1) == 0).all()
    assert meter.forwards < 1.1 * ASKED * len(clear)
    with seeded("judge"), metered(model) as meter:
        wrong = [
            (judge(model, ASKED)(close).argmax(1) == 1).sum() for judge in (OnAverage, Settled)
        ]
    assert MOST * 0.7 < meter.forwards / len(close) - ASKED <= MOST
    assert wrong[0] > 80  # of 400: a normal deviate is 0.57 below its mean in 28 of 100 cases
    assert wrong[1] < 20  # 2.26 below: in 1 of 100
