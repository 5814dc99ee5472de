"""Trust checks: the conditions under which each fails, and that runs record them."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from advkit.data.samples import Samples
from advkit.data.specs import load_data
from advkit.evaluate.attack_checks import by_scores, climbing, courses
from advkit.evaluate.check_units import CLIMB, climbed
from advkit.evaluate.ledger_checks import led_by_scores
from advkit.evaluate.subject import Subject
from advkit.evaluate.trust_checks import TEXTS, Check
from advkit.models.classifier import Classifier
from advkit.models.specs import load_model
from tests.evaluate.small import digits_net, run, some_digits


def states(summary: dict[str, Any]) -> dict[str, str]:
    return {check["name"]: check["state"] for check in summary["trust"]["checks"]}


class Deaf(nn.Module):
    """Hears of tiles whose mean is away from grey by 0.06, and a little of a chequered pattern.

    Within a small eps the gradient leads to that pattern, which is not enough, and steps along it
    or at random leave all means grey; within a large one they do not.
    """

    def forward(self, x: Tensor) -> Tensor:
        tiles = functional.avg_pool2d(x, 4).flatten(1) - 0.5
        pattern = 1 - 2 * (torch.arange(28) + torch.arange(28)[:, None]).remainder(2)
        heard = 2 * (tiles.abs() - 0.06).relu().sum(1) + 0.001 * (x * pattern).flatten(1).sum(1)
        return torch.stack([torch.full_like(heard, 1.8), heard], 1)


def test_what_stands_is_checked_where_it_stands_and_not_at_the_largest_eps_alone(
    tmp_path: Path,
) -> None:
    x = 0.5 + 0.01 * torch.rand(40, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    still = Samples(x, torch.zeros(40, dtype=torch.long), tuple(map(str, range(40))), None, "grey")
    given: dict[str, Any] = {
        "model": Classifier(Deaf(), name="deaf"),
        "samples": still,
        "bounds": "off",
    }
    summary = run(tmp_path / "run", attacks=("pgd:loss=margin",), eps=(0.1, 0.45), **given)
    first = [row for row in summary["attacks"] if row["attack"].startswith("pgd")]
    assert [row["fooled"] for row in first] == [0, 40]
    assert states(summary)["black_box_wins"] == "fail", summary["trust"]
    assert summary["trust"]["overall"] == "doubtful"
    assert summary["robust"][0]["value"] == 0


def test_every_check_is_told_with_meaning_and_advice(tmp_path: Path) -> None:
    trust = run(tmp_path / "run", attacks=(), suite="quick")["trust"]
    assert [check["name"] for check in trust["checks"]] == list(TEXTS)
    for check in trust["checks"]:
        assert check["evidence"].endswith(".")
        assert check["title"]
        assert check["meaning"].endswith(".")
        assert check["advice"].endswith(".")
    assert trust["overall"] == "ok"
    assert trust["forwards"] > trust["backwards"] > 0


@pytest.mark.parametrize(
    ("spec", "n"),
    [
        ("bundled:digits-cnn", 60),
        ("bundled:fashion-mnist-logistic", 60),
        ("bundled:fashion-mnist-cnn", 24),
    ],
)
def test_honest_nets_raise_no_flag(tmp_path: Path, spec: str, n: int) -> None:
    data = "bundled:digits" if "digits" in spec else "bundled:fashion-mnist"
    summary = run(tmp_path / "run", model=load_model(spec), samples=load_data(data, limit=n),
                  attacks=(), suite="quick", eps=(0.01, 0.05))  # fmt: skip
    assert "fail" not in states(summary).values(), summary["trust"]
    assert summary["verdict"].startswith(f"Of {n} images")


def test_an_attack_that_hardly_tries_is_not_believed(tmp_path: Path) -> None:
    summary = run(tmp_path / "run", attacks=("noise:draws=1",), eps=(0.1,))
    assert states(summary)["more_steps_help"] == "fail"
    assert summary["trust"]["overall"] == "doubtful"
    assert summary["verdict"].startswith("Do not trust this number.")


def test_success_that_an_attack_saw_and_lost_is_noticed(tmp_path: Path) -> None:
    summary = run(tmp_path / "run", attacks=("tests.evaluate.small:forgetful", "pgd:steps=20"))
    assert states(summary)["silent_success"] == "fail"
    assert "forgetful" in json.dumps(summary["trust"])
    kept = run(tmp_path / "kept", attacks=("tests.evaluate.small:keeping", "pgd:steps=20"))
    assert states(kept)["silent_success"] == "pass"


class Rounded(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.net = digits_net()

    def forward(self, x: Tensor) -> Tensor:
        return self.net((x * 16).round() / 16)


def test_attacks_by_another_gradient_and_put_together_are_not_a_users_own(tmp_path: Path) -> None:
    model = Classifier(Rounded(), name="rounded")
    summary = run(tmp_path / "run", model=model, attacks=("pgd:steps=5", "mifgsm+dim"), eps=(0.1,))
    assert summary["trust"]["overall"] == "repaired"
    assert states(summary)["silent_success"] == "not applicable"


def test_a_gradient_that_is_made_up_is_held_against_more_scores(tmp_path: Path) -> None:
    given: dict[str, Any] = {"attacks": ("pgd:steps=5",), "eps": (0.02, 0.1)}
    model = Classifier(Rounded(), name="rounded")
    for name, changes, scores in (("honest", {}, 100), ("rounded", {"model": model}, 1000)):
        checks = run(tmp_path / name, **given, **changes)["trust"]["checks"]
        evidence = {check["name"]: check["evidence"] for check in checks}["black_box_wins"]
        assert evidence.startswith(f"Square, with {scores} queries,")


class Highest(nn.Module):
    """Tells how high the highest logit is, and of the others nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.net = digits_net()

    def forward(self, x: Tensor) -> Tensor:
        logits = self.net(x)
        return torch.where(logits == logits.amax(1, keepdim=True), logits, 0)


def test_where_free_attacks_fail_scores_and_the_logits_within_are_tried(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = Classifier(Highest(), name="highest")
    failed = Check("unbounded_fails", "fail", "Not one was fooled.")
    monkeypatch.setattr("advkit.evaluate.trust.unbounded", lambda _fooled: failed)
    given: dict[str, Any] = {"attacks": ("pgd:steps=2",), "samples": some_digits(20)}
    summary = run(tmp_path / "run", model=model, eps=(0.02,), **given)
    assert summary["trust"]["overall"] == "doubtful"
    labels = [row["attack"] for row in summary["attacks"]]
    assert any(label.startswith("inner_logits(") for label in labels), labels
    assert any(label.startswith("square") for label in labels), labels


def test_a_surrogate_is_tried(tmp_path: Path) -> None:
    class Deaf(nn.Module):
        """Fooled by what fools the digits net, which it computes outside torch."""

        def __init__(self) -> None:
            super().__init__()
            self.layers = [digits_net().requires_grad_(False)]

        def forward(self, x: Tensor) -> Tensor:
            _, first, _, last = self.layers[0]
            hidden = x.detach().flatten(1).numpy() @ first.weight.numpy().T + first.bias.numpy()
            logits = np.maximum(hidden, 0) @ last.weight.numpy().T + last.bias.numpy()
            return torch.from_numpy(logits) + 1e-3 * x.flatten(1)[:, :10]

    other = Classifier(digits_net(), name="twin")
    given = {"attacks": ("pgd:steps=5",), "eps": (0.2,), "model": Classifier(Deaf(), name="deaf")}
    summary = run(tmp_path / "run", surrogates=[other], **given)
    assert states(summary)["transfer_wins"] == "fail"
    assert states(run(tmp_path / "alone", **given))["transfer_wins"] == "not run"


def test_a_run_that_goes_on_does_not_check_again(tmp_path: Path) -> None:
    first = run(tmp_path / "run")
    again = run(tmp_path / "run")
    assert again["trust"] == first["trust"]


def straight(eps: float) -> Subject:
    """Return a subject with a linear model: its best margin within eps is known exactly."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.Flatten(), nn.Linear(16, 2)).requires_grad_(False)
    x = 0.5 + 0.1 * torch.rand(12, 1, 4, 4)
    y = net(x).argmax(1)
    ids = [str(i) for i in range(len(x))]
    return Subject(net, net, x, y, ids, "Linf", [eps], 0)


def test_the_way_up_ends_at_the_best_margin_of_a_linear_model() -> None:
    subject = straight(0.01)
    margins = climbed(subject)
    weight = subject.model[1].weight  # type: ignore[index]
    best = subject.margins(subject.x) + 0.01 * float((weight[0] - weight[1]).abs().sum())
    torch.testing.assert_close(margins[:, 0], subject.margins(subject.x))
    torch.testing.assert_close(margins[:, -1], best)
    assert (margins.diff(dim=1) >= 0).all()


def test_courses_are_tenths_of_the_images_and_the_one_nearest_in_the_end() -> None:
    margins = torch.tensor([[-3.0, -2.0, -2.0, -2.0, -1.0 - i] for i in range(11)])
    margins = torch.cat([margins, torch.full((1, 5), torch.nan)])
    found = courses(margins)
    assert found["steps"] == list(CLIMB)
    ends = [found[name][-1] for name in ("low", "middle", "high", "nearest")]
    assert ends == pytest.approx([-10.0, -6.0, -2.0, -1.0])
    assert courses(margins[:0]) == {}


def test_a_walk_that_still_climbs_is_told_from_one_that_has_levelled_off() -> None:
    level, rising = [-5.0, -2.0, -1.0, -0.5, -0.4], [-5.0, -4.0, -3.0, -2.0, -0.5]
    assert climbing(torch.tensor([level] * 8)).state == "pass"
    assert climbing(torch.tensor([level] * 4 + [rising] * 4)).state == "fail"
    assert climbing(torch.zeros(0, 5)).state == "not applicable"


@pytest.mark.parametrize(
    ("first", "fooled", "images", "state"),
    [
        ("race:steps=40", 5, 100, "pass"),
        ("race:steps=40", 6, 100, "fail"),
        ("race:steps=40", 4, 20, "pass"),
        ("race:steps=40", 5, 20, "fail"),
        ("fgsm", 9, 20, "pass"),  # a user's own attacks, of which it may be the strongest
    ],
)
def test_many_fooled_from_corners_that_scores_selected(
    first: str, fooled: int, images: int, state: str
) -> None:
    """As on a published net for MNIST, of which AutoAttack leaves 2.5 points less than a suite."""
    labels = [first] * 10 + ["coarse_pgd:restarts=1"] * 10 + ["apgd:steps=30"] * 10
    rows = pd.DataFrame({"attack": labels, "eps": 0.15, "fooled": True, "valid": True})
    rows.loc[10 + fooled : 19, "fooled"] = False
    rows.loc[:9, "eps"] = 0.15 if first == "fgsm" else np.inf
    store = SimpleNamespace(frame=lambda _table: rows)
    work: Any = SimpleNamespace(store=store, samples=SimpleNamespace(ids=range(images)))
    check = by_scores(torch.zeros(8, dtype=torch.bool), 100, led_by_scores(work))
    assert check.state == state
    assert (f"fools {fooled} of the 10 images" in check.evidence) is (state == "fail")
