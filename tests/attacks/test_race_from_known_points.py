"""A race that starts from known points: smaller distances, within its budget of passes."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from advkit.attacks.known_points import from_known
from advkit.attacks.options import defaults, goes_on
from advkit.attacks.projected_gradient import pgd
from advkit.attacks.race_of_targets import race
from advkit.attacks.race_schedule import PACES
from advkit.data import Samples, load_data
from advkit.data.samples import take
from advkit.engine import metered
from advkit.engine.objectives import margins
from advkit.errors import UsageError
from advkit.models import Classifier, load_model
from tests.attacks.problems import distances, tanh_net

every_norm = pytest.mark.parametrize("norm", PACES)


@pytest.fixture(scope="module")
def robust() -> Classifier:
    return load_model("bundled:fashion-mnist-cnn-robust")


@pytest.fixture(scope="module")
def images() -> Samples:
    return take(load_data("bundled:fashion-mnist"), range(40, 64))


def problem(n: int = 7) -> tuple[nn.Module, Tensor, Tensor, list[str]]:
    model, x = tanh_net(), torch.rand(n, 20, generator=torch.Generator().manual_seed(1))
    return model, x, model(x).argmax(1), [f"s{i}" for i in range(n)]


@every_norm
@pytest.mark.parametrize("steps", [1, 2, 40, 90, 150])
def test_it_never_ends_further_away_and_keeps_to_its_passes(norm: str, steps: int) -> None:
    model, x, y, ids = problem()
    known = race(model, x, y, norm=norm, steps=20, ids=ids)
    before = distances(model, x, y, known, norm)
    with metered(model) as meter:
        after = race(model, x, y, norm=norm, steps=steps, ids=ids, starting_points=known)
    assert before.isfinite().all()
    assert (distances(model, x, y, after, norm) <= before * (1 + 1e-6)).all()
    assert meter.forwards <= (steps + 2) * len(x)
    assert meter.backwards <= steps * len(x)


@every_norm
def test_where_a_point_does_not_fool_the_race_begins_at_the_image(norm: str) -> None:
    model, x, y, ids = problem()
    given: dict[str, Any] = {"norm": norm, "ids": ids}
    afresh = race(model, x, y, steps=59, **given)
    assert race(model, x, y, steps=60, starting_points=x, **given).equal(afresh)
    beside = (x + 1e-3).clamp(0, 1)
    assert (margins(model(beside), y) < 0).all()
    assert race(model, x, y, steps=60, starting_points=beside, **given).equal(afresh)


@every_norm
@pytest.mark.parametrize("eps", [False, True])
def test_a_sample_finds_the_same_alone(norm: str, eps: bool) -> None:
    model, x, y, ids = problem()
    known = race(model, x, y, norm=norm, steps=20, ids=ids)
    known[::3] = x[::3]
    radius = 0.97 * distances(model, x, y, known, norm).nan_to_num(posinf=1.0) if eps else None

    def of(rows: list[int]) -> Tensor:
        some, names = radius if radius is None else radius[rows], [ids[i] for i in rows]
        return race(model, x[rows], y[rows], eps=some, norm=norm, steps=91, ids=names,
                    starting_points=known[rows])  # fmt: skip

    together, alone = of([*range(7)]), [of([k]) for k in range(7)]
    torch.testing.assert_close(together, torch.cat(alone), rtol=0, atol=1e-5)


def test_points_beside_the_box_are_brought_in_and_other_shapes_refused() -> None:
    model, x, y, ids = problem()
    known = race(model, x, y, norm="L2", steps=20, ids=ids)
    after = race(model, x, y, norm="L2", steps=1, ids=ids, starting_points=x + 4 * (known - x))
    assert ((after >= 0) & (after <= 1)).all()
    with pytest.raises(UsageError, match="starting_points are"):
        race(model, x, y, norm="L2", ids=ids, starting_points=known[:3])


def test_targets_are_kept() -> None:
    model, x, y, ids = problem(9)
    targets = (y + 1) % 4
    known = race(model, x, y, norm="L2", steps=30, targets=targets, ids=ids)
    known[0] = race(model, x[:1], y[:1], norm="L2", steps=30, ids=ids[:1])[0]
    after = race(model, x, y, norm="L2", steps=60, targets=targets, ids=ids, starting_points=known)
    assert (after != x).any(1).all()
    assert (model(after).argmax(1) == targets).all()


@pytest.mark.parametrize("norm", ["L2", "L1"])
def test_who_lags_behind_the_distance_asked_for_leaves(
    robust: Classifier, images: Samples, norm: str
) -> None:
    known = race(robust, images.x, images.y, steps=60, norm=norm, ids=images.ids)
    far = distances(robust, images.x, images.y, known, norm)
    right = (far > 0).nonzero().squeeze(1)
    x, y, known, far = images.x[right], images.y[right], known[right], far[right]
    ids, paid = [images.ids[i] for i in right], {}
    for share in (0.99, 0.5):
        with metered(robust) as meter:
            race(robust, x, y, eps=share * far, steps=300, norm=norm, ids=ids,
                 starting_points=known)  # fmt: skip
        paid[share] = meter.backwards / len(x)
    assert paid[0.5] < (30 if norm == "L2" else 1)
    assert paid[0.99] > 60


def test_going_on_finds_as_much_as_a_race_from_the_image_for_fewer_passes(
    robust: Classifier,
) -> None:
    x, y, ids, *_ = take(load_data("bundled:fashion-mnist"), range(64, 112))
    known = race(robust, x, y, norm="L2", steps=60, ids=ids)
    eps = 0.97 * distances(robust, x, y, known, "L2")
    with metered(robust) as paid:
        on = race(robust, x, y, eps=eps, norm="L2", steps=300, ids=ids, starting_points=known)
    with metered(robust) as more:
        anew = race(robust, x, y, eps=eps, norm="L2", steps=300, ids=ids)
    found, rivals = (int((each != x).flatten(1).any(1).sum()) for each in (on, anew))
    assert rivals > 15
    assert found >= 0.9 * rivals
    assert paid.forwards < 0.8 * more.forwards


def test_an_attack_from_known_points_has_the_face_of_the_attack() -> None:
    model, x, y, ids = problem()
    known = race(model, x, y, norm="L2", steps=20, ids=ids)
    attack = from_known(race, dict(zip(ids, known, strict=True)))
    assert goes_on(race)
    assert not goes_on(pgd)
    assert defaults(attack) == defaults(race)
    assert "starting_points" not in defaults(race)
    with pytest.raises(UsageError, match="always starts at the image"):
        from_known(pgd, {})
    order = [4, 0, 2]
    got = attack(model, x[order], y[order], norm="L2", steps=50, ids=[ids[i] for i in order])
    wanted = race(model, x[order], y[order], norm="L2", steps=50, ids=[ids[i] for i in order],
                  starting_points=known[order])  # fmt: skip
    assert got.equal(wanted)
