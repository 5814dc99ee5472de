"""Black-box attacks compared with the same attacks of other libraries, at equal queries.

Our attack gets at most as many queries per image as the peer used on average.
"""

import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from torch import Tensor

import advkit
from advkit.attacks import ATTACKS
from advkit.data.samples import take
from advkit.engine import metered
from advkit.evaluate.measure import measure
from advkit.models.classifier import Classifier

WHY = "the peers are installed apart"
Attack = Callable[[Tensor, Tensor], Tensor]
Peer = Callable[[Classifier, str, float | None], Attack]


def art(name: str, **options: Any) -> Peer:
    """Return an attack of ART on logits, an image at a time where it asks for that."""

    def make(model: Classifier, _norm: str, _eps: float | None) -> Attack:
        evasion = pytest.importorskip("art.attacks.evasion", reason=WHY)
        from art.estimators.classification import PyTorchClassifier

        probabilities = torch.nn.Sequential(model, torch.nn.Softmax(1))
        estimator = PyTorchClassifier(
            probabilities, torch.nn.CrossEntropyLoss(), input_shape=(1, 28, 28), nb_classes=10,
            clip_values=(0.0, 1.0), device_type="cpu",
        )  # fmt: skip
        attack = getattr(evasion, name)(estimator, **options)
        labels = np.eye(10, dtype=np.float32)
        return lambda x, y: torch.from_numpy(attack.generate(x.numpy(), labels[y.numpy()]))

    return make


def foolbox(name: str, **options: Any) -> Peer:
    """Return an attack of foolbox that ends at the least distance it can."""

    def make(model: Classifier, _norm: str, _eps: float | None) -> Attack:
        library = pytest.importorskip("foolbox", reason=WHY)
        attack = getattr(library.attacks, name)(**options)
        wrapped = library.PyTorchModel(model.eval(), bounds=(0, 1))
        return lambda x, y: attack.run(wrapped, x, y)  # type: ignore[no-any-return]

    return make


def torchattacks(name: str, **options: Any) -> Peer:
    """Return an attack of torchattacks within eps."""

    def make(model: Classifier, _norm: str, eps: float | None) -> Attack:
        library = pytest.importorskip("torchattacks", reason=WHY)
        return getattr(library, name)(model, eps=eps, **options)  # type: ignore[no-any-return]

    return make


class Race(NamedTuple):
    attack: str
    norm: str
    eps: float | None  # None: the nearest example is asked for
    n: int
    options: Callable[[int], dict[str, Any]]  # given the peer's queries per image
    peer: Peer


def queries(most: int) -> dict[str, Any]:
    """Return the options that give every image as many queries as the peer took on average."""
    return {"queries": most}


def same(most: int) -> Callable[[int], dict[str, Any]]:
    """Return the options that set the same limit as the peer's, where both stop early."""
    return lambda _asked: {"queries": most}


RACES = {
    "square Linf": Race(
        "square", "Linf", 0.06, 200, same(501),
        torchattacks("Square", norm="Linf", n_queries=500, p_init=0.8, seed=0),
    ),
    "square L2": Race(
        "square", "L2", 1.0, 200, same(501),
        torchattacks("Square", norm="L2", n_queries=500, p_init=0.8, seed=0),
    ),
    "hopskipjump L2": Race(
        "hopskipjump", "L2", None, 24, queries,
        foolbox("HopSkipJumpAttack", steps=8, stepsize_search="geometric_progression"),
    ),
    "hopskipjump Linf": Race(
        "hopskipjump", "Linf", None, 24, queries,
        foolbox("HopSkipJumpAttack", steps=8, constraint="linf"),
    ),
    "boundary": Race(
        "boundary", "L2", None, 24, queries, foolbox("BoundaryAttack", steps=2000),
    ),
    "simba": Race(
        "simba", "L2", 2.0, 24, lambda most: {"queries": most, "basis": "pixels"},
        art("SimBA", attack="px", max_iter=700, epsilon=0.2, order="random", verbose=False),
    ),
    "zoo": Race(
        "zoo", "L2", None, 6, lambda most: {"steps": most // 65 - 1, "searches": 1, "c": 10.0},
        art("ZooAttack", max_iter=300, binary_search_steps=1, initial_const=10.0, nb_parallel=32,
            use_resize=False, use_importance=False, learning_rate=0.1, verbose=False),
    ),
    "pointwise": Race(
        "pointwise", "L0", None, 24, queries, foolbox("PointwiseAttack"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", RACES)
def test_no_weaker_than_the_peer_at_its_queries(name: str) -> None:
    race = RACES[name]
    model = advkit.load_model("bundled:fashion-mnist-cnn")
    data = advkit.load_data("bundled:fashion-mnist", limit=2 * race.n)
    data = take(data, (model(data.x).argmax(1) == data.y).nonzero().flatten()[: race.n])
    peer = race.peer(model, race.norm, race.eps)
    theirs, asked = judged(model, data, peer, race)
    options = race.options(int(asked))

    def ours(x: Tensor, y: Tensor) -> Tensor:
        return ATTACKS[race.attack](
            model, x, y, eps=race.eps, norm=race.norm, ids=data.ids, **options
        )

    own, spent = judged(model, data, ours, race)
    assert spent <= 1.02 * asked
    if race.eps is not None:
        assert np.isinf(own).sum() <= np.isinf(theirs).sum() + race.n / 200
    else:
        assert (own < theirs).sum() > (own > theirs).sum()


def judged(
    model: Classifier, data: Any, attack: Attack, race: Race
) -> tuple[np.ndarray[Any, Any], float]:
    """Return the distance per image, infinite where not fooled, and queries per image."""
    np.random.seed(0)
    torch.manual_seed(0)
    with metered(model) as meter, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = attack(data.x.clone(), data.y.clone()).detach()
    far = float("inf") if race.eps is None else race.eps
    rows = measure(model, data.x, data.y, found, norm=race.norm, eps=far)
    distance = np.where(rows.fooled & rows.valid, rows[race.norm], np.inf)
    return distance, meter.forwards / len(data.x)
