"""The effect of noise on maps: none for the gradient of a linear net, which predicts it all."""

from pathlib import Path

import pytest
import torch

import advkit
from advkit.data import Samples


def test_the_gradient_of_a_linear_net_foretells_all_and_stays_as_it_is(tmp_path: Path) -> None:
    net = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3 * 8 * 8, 4))
    model = advkit.Classifier(net, name="linear", shape=(3, 8, 8))
    x = torch.rand(3, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    samples = Samples(x, torch.tensor([0, 1, 2]), ("a", "b", "c"), None, "noise")
    found = advkit.explain(
        model, samples, methods=["gradient", "occlusion"], target="0", faithfulness=True,
        out=tmp_path / "run",
    )  # fmt: skip
    gradient, occlusion = found["faithfulness"]["methods"]
    assert gradient["max_sensitivity"] == 0
    assert 0.2 < occlusion["infidelity"] <= 1
    page = Path(found["report"]).read_text(encoding="utf-8")
    assert "max-sensitivity" in page
    assert f"{occlusion['infidelity']:.2f}" in page
    assert gradient["infidelity"] == pytest.approx(0, abs=0.02)
