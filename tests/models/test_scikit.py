"""scikit-learn estimators as classifiers, with exactly the same predictions."""

import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.decomposition import PCA
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_selection import SelectKBest
from sklearn.linear_model import LogisticRegression, RidgeClassifier, SGDClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    MaxAbsScaler,
    MinMaxScaler,
    PolynomialFeatures,
    RobustScaler,
    StandardScaler,
)
from sklearn.svm import SVC, LinearSVC
from sklearn.tree import DecisionTreeClassifier

from advkit.attacks import ATTACKS
from advkit.attacks.linear_distances import exact_nearest
from advkit.data import load_data
from advkit.engine.objectives import margins
from advkit.errors import InputError
from advkit.evaluate.audit import audit
from advkit.evaluate.certify_run import certify
from advkit.models import load_model
from advkit.models.affine import affine_of
from advkit.models.scikit import Scores, from_estimator
from advkit.models.scikit_layers import Decision

LINEAR = {
    "logistic": LogisticRegression(max_iter=300),
    "sgd": SGDClassifier(random_state=0),
    "svm": LinearSVC(),
    "ridge": RidgeClassifier(),
    "standard": make_pipeline(StandardScaler(), LogisticRegression(max_iter=300)),
    "scalers": make_pipeline(MinMaxScaler((-1, 2)), MaxAbsScaler(), "passthrough", RobustScaler(),
                             LinearSVC()),
    "selected": make_pipeline(SelectKBest(k=20), make_pipeline(PCA(12, whiten=True)),
                              RidgeClassifier()),
}  # fmt: skip
BLACK = {
    "kernel": SVC(),
    "probabilities": SVC(probability=True, random_state=0),
    "tree": DecisionTreeClassifier(random_state=0),
    "forest": RandomForestClassifier(20, random_state=0),
    "neighbours": KNeighborsClassifier(3),
    "squares": make_pipeline(PolynomialFeatures(2), LogisticRegression(max_iter=300)),
    "clipped": make_pipeline(MinMaxScaler(clip=True), LogisticRegression(max_iter=300)),
}


def fitted(estimator, classes):
    digits = load_data("bundled:digits?split=train", limit=400)
    x, y = digits.x.flatten(1).double().numpy(), digits.y.numpy()
    kept = y < classes
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return estimator.fit(x[kept], y[kept]), digits.x[torch.from_numpy(kept)]


@pytest.mark.parametrize("classes", [2, 10])
@pytest.mark.parametrize("name", LINEAR)
def test_the_decision_function_of_a_linear_estimator_to_a_millionth(name, classes) -> None:
    estimator, x = fitted(LINEAR[name], classes)
    model = from_estimator(estimator)
    assert isinstance(model.net, Decision)
    wanted = estimator.decision_function(x.flatten(1).double().numpy())
    found = model(x).numpy()
    assert model.n_classes == classes
    if classes == 2:
        assert (found[:, 0] == -found[:, 1]).all()
        found = 2 * found[:, 1]
    np.testing.assert_allclose(found, wanted, rtol=1e-6, atol=1e-6)
    weights = affine_of(model, x)
    last = wanted / 2 if classes == 2 else wanted[:, -1]
    np.testing.assert_allclose(weights.logits(x)[:, -1], last, atol=1e-9, rtol=1e-9)


def test_two_classes_have_a_gradient_however_sure_the_model_is() -> None:
    x = np.array([[0.0, 0.0], [1.0, 1.0]] * 10)
    estimator = LogisticRegression(C=1e9).fit(x, [0, 1] * 10)
    estimator.coef_, estimator.intercept_ = np.array([[30.0, 30.0]]), np.array([-30.0])
    model, sure = from_estimator(estimator), torch.tensor([[0.0, 0.0], [1.0, 1.0]])
    y = model(sure).argmax(1)
    assert (model(sure).softmax(1).amax(1) == 1).all(), "it must be sure to the last bit"
    found = ATTACKS["fgsm"](model, sure, y, eps=0.6)
    assert (margins(model(found), y) > 0).all()


@pytest.mark.parametrize("classes", [2, 10])
@pytest.mark.parametrize("name", BLACK)
def test_a_black_box_predicts_what_the_estimator_predicts(name, classes) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        estimator, x = fitted(BLACK[name], classes)
        model = from_estimator(estimator)
    assert isinstance(model.net, Scores)
    g = torch.Generator().manual_seed(0)
    x = torch.cat([x[:60], torch.rand(60, 1, 8, 8, generator=g)])
    said = estimator.predict(x.flatten(1).double().numpy())
    assert (model(x).argmax(1).numpy() == said).all()
    with pytest.raises(InputError, match="not linear"):
        affine_of(model, x)


def test_black_box_attacks_fool_a_forest_and_gradients_say_nothing() -> None:
    estimator, x = fitted(RandomForestClassifier(20, random_state=0), 10)
    model, x = from_estimator(estimator), x[:12]
    y = model(x).argmax(1)
    for name, options in (
        ("square", {"queries": 100}),
        ("hopskipjump", {"queries": 200, "norm": "Linf"}),
    ):
        found = ATTACKS[name](model, x, y, eps=0.4, **options)
        assert (margins(model(found), y) > 0).sum() >= 6, name
    assert torch.equal(ATTACKS["fgsm"](model, x, y, eps=0.4), x)


def test_what_is_not_fitted_or_no_classifier_is_refused() -> None:
    with pytest.raises(InputError, match="not fitted"):
        from_estimator(LogisticRegression())
    with pytest.raises(InputError, match="not a single-label classifier"):
        from_estimator(PCA(2).fit(np.eye(3)))


@pytest.mark.parametrize("make", [LogisticRegression, DecisionTreeClassifier])
def test_labels_are_those_of_the_data_or_refused(make) -> None:
    x = np.random.default_rng(0).random((60, 4))
    y = (3 * x[:, 0]).astype(int)
    named = make().fit(x, np.array(["cat", "ant", "bee"])[y])
    images = torch.from_numpy(x).float()
    for classes in (("cat", "ant", "bee"), ("bee", "cat", "ant"), ("x", "y", "z"), None):
        model = from_estimator(named, classes=classes)
        wanted = classes if classes and "ant" in classes else ("ant", "bee", "cat")
        assert model.classes == wanted
        said = [wanted[i] for i in model(images).argmax(1)]
        assert said == named.predict(x.astype(np.float32)).tolist()
    with pytest.raises(InputError, match="fitted on the labels 1, 2, 3"):
        from_estimator(make().fit(x, y + 1))
    assert from_estimator(make().fit(x, y.astype(float)), classes="abc").classes == tuple("abc")


def test_fingerprints_tell_estimators_apart() -> None:
    x = np.random.default_rng(0).random((60, 4))
    y = (3 * x[:, 0]).astype(int)
    for make in (RidgeClassifier, KNeighborsClassifier):
        prints = [from_estimator(make().fit(x[:n], y[:n])).fingerprint() for n in (40, 40, 60)]
        assert prints[0] == prints[1] != prints[2]


def test_an_estimator_of_the_users_own_is_a_model_spec(tmp_path) -> None:
    file = tmp_path / "own.py"
    file.write_text(
        "from sklearn.datasets import load_digits\n"
        "from sklearn.linear_model import RidgeClassifier\n"
        "def make(alpha=1.0):\n"
        "    found = load_digits()\n"
        "    return RidgeClassifier(alpha).fit(found.data[:300] / 16, found.target[:300])\n"
        "fitted = make()\n"
    )
    images = load_data("bundled:digits", limit=100)
    model = load_model(f"{file}:make?alpha=10", classes=images.classes)
    assert model.classes == images.classes
    assert (model(images.x).argmax(1) == images.y).float().mean() > 0.7
    assert load_model(f"{file}:fitted").n_classes == 10
    with pytest.raises(InputError, match=r"not a torch\.nn\.Module"):
        load_model(str(_weights(tmp_path)), arch=f"{file}:make")


def _weights(folder):
    from safetensors.torch import save_file

    save_file({"weight": torch.zeros(2, 2)}, folder / "a.safetensors")
    return folder / "a.safetensors"


@pytest.mark.parametrize("norm", ["Linf", "L2"])
@pytest.mark.parametrize("name", ["logistic", "standard"])
@pytest.mark.parametrize("classes", [2, 10])
def test_a_linear_one_is_certified_up_to_its_exact_distances(
    tmp_path: Path, name: str, norm: str, classes: int
) -> None:
    estimator, x = fitted(LINEAR[name], classes)
    model = from_estimator(estimator)
    x = x[:20]
    samples = load_data("bundled:digits", limit=20)._replace(x=x, y=model(x).argmax(1), classes=())
    exact = exact_nearest(model.net.weight, model.net.bias, x, samples.y, norm).distance.numpy()
    eps = (0.5 * float(exact.min()), float(exact.max()))
    certify(model, samples, norm=norm, eps=eps, out=tmp_path)
    radius = pd.read_csv(tmp_path / "samples.csv")["certified"].to_numpy()
    assert (radius < exact).all()
    assert (radius[exact < 0.9 * exact.max()] > 0.8 * exact[exact < 0.9 * exact.max()]).all()


def test_an_mlp_is_certified_soundly(tmp_path: Path) -> None:
    estimator, x = fitted(MLPClassifier((12,), max_iter=60, random_state=0), 10)
    model = from_estimator(estimator)
    samples = load_data("bundled:digits", limit=20)._replace(x=x[:20], y=model(x[:20]).argmax(1))
    found = certify(model, samples, norm="Linf", eps=(0.01,), out=tmp_path)
    assert found["certified"][0]["count"] > 0
    audit(model, samples, norm="Linf", eps=(0.01,), attacks=("pgd:steps=20",), bounds="crown",
          out=tmp_path / "audit")  # fmt: skip
