"""Estimators in skops files: exact for linear ones and nets, by predictions for all others."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from advkit.attacks import pgd
from advkit.errors import AdvkitError, InputError, UnsafeError
from advkit.models import load_model
from advkit.models.load_policy import unsafe_loads_allowed

io = pytest.importorskip("skops.io", reason="pip install skops")
R = np.random.default_rng(0)
X = R.random((90, 6)).astype(np.float32)
Y = (X[:, 0] * 3).astype(int).clip(0, 2)


def loaded(estimator: Any, to: Path) -> Any:
    io.dump(estimator.fit(X, Y), to / "net.skops")
    return load_model(str(to / "net.skops"))


@pytest.mark.parametrize(
    "estimator",
    [
        LogisticRegression(),
        make_pipeline(StandardScaler(), LogisticRegression()),
        MLPClassifier((8, 5), max_iter=60, tol=0.1, random_state=0),
        MLPClassifier((4,), activation="tanh", max_iter=60, tol=0.1, random_state=0),
    ],
    ids=["linear", "scaled", "mlp", "tanh"],
)
def test_probabilities_are_those_of_scikit_learn_and_have_a_gradient(
    tmp_path: Path, estimator: Any
) -> None:
    model, x = loaded(estimator, tmp_path), torch.from_numpy(X)
    said = model(x).double().softmax(1).numpy()
    np.testing.assert_allclose(said, estimator.predict_proba(X), atol=1e-5)
    assert not model.black_box
    there = x.clone().requires_grad_(True)
    model(there).square().sum().backward()
    assert there.grad is not None
    assert (there.grad.abs().sum(1) > 0).float().mean() > 0.95  # a rectifier may be off


def test_a_forest_is_a_black_box_with_its_own_probabilities(tmp_path: Path) -> None:
    """Trees are trusted file by file: their compiled code follows the indices in it."""
    forest = RandomForestClassifier(5, random_state=0)
    with pytest.raises(UnsafeError, match="Tree"):
        loaded(forest, tmp_path)
    with unsafe_loads_allowed():
        model = loaded(forest, tmp_path)
    said = model(torch.from_numpy(X)).softmax(1).numpy()
    assert (said.argmax(1) == forest.predict_proba(X).argmax(1)).all()
    assert model.black_box


def test_an_estimator_is_attacked_from_its_file(tmp_path: Path) -> None:
    model, x = loaded(LogisticRegression(), tmp_path), torch.from_numpy(X)
    y = model(x).argmax(1)
    found = pgd(model, x, y, eps=0.5, steps=20)
    assert (model(found).argmax(1) != y).float().mean() > 0.5


class Unknown(LogisticRegression):
    """A type that skops does not know to be harmless."""


def test_unknown_types_are_refused_unless_the_file_is_trusted(tmp_path: Path) -> None:
    io.dump(Unknown().fit(X, Y), tmp_path / "own.skops")
    with pytest.raises(UnsafeError, match="Unknown"):
        load_model(str(tmp_path / "own.skops"))


def test_what_is_cut_is_said(tmp_path: Path) -> None:
    loaded(LogisticRegression(), tmp_path)
    whole = (tmp_path / "net.skops").read_bytes()
    (tmp_path / "net.skops").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(AdvkitError) as caught:
        load_model(str(tmp_path / "net.skops"))
    assert isinstance(caught.value, InputError | UnsafeError)
