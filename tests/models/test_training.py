import json
import math
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from advkit.data import load_data
from advkit.engine import NORMS, ascend, last
from advkit.engine.objectives import cross_entropy, margins
from advkit.engine.rules import ball, steepest, within
from advkit.engine.seeding import keys
from advkit.errors import InputError, ResourceError, UsageError
from advkit.models import Classifier, load_model
from advkit.models.checkpoint import checkpoint_of
from advkit.models.inner_attack import hardened
from advkit.models.recipe import SCHEDULES, Recipe, radius_at
from advkit.models.train import fit

TRAIN = load_data("bundled:digits?split=train")
TEST = load_data("bundled:digits?split=test")
SMALL = Recipe(options={"width": 8, "hidden": 32}, epochs=2, batch_size=32, rate=0.01)


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def trained(out: Path, recipe: Recipe, **options: Any) -> Classifier:
    for _ in fit(TRAIN.x, TRAIN.y, out, recipe, classes=TRAIN.classes, **options):
        pass
    return load_model(str(out))


def accuracy(model: Classifier, x: Tensor) -> float:
    return (margins(model(x), TEST.y) < 0).double().mean().item()


def attacked(model: Classifier, norm: str, eps: float) -> Tensor:
    radius = torch.full((len(TEST.x),), eps)
    rule = within(steepest(NORMS[norm].steepest, radius / 5), ball(NORMS[norm], TEST.x, radius))
    return last(ascend(cross_entropy(model, TEST.y), TEST.x, rule, 10))


def test_two_epochs_on_digits_and_a_file_that_describes_itself(tmp_path: Path) -> None:
    out = tmp_path / "digits.safetensors"
    model = trained(out, SMALL, data={"name": "digits"})
    assert accuracy(model, TEST.x) > 0.75
    assert model.classes == TRAIN.classes
    assert model.shape == (1, 8, 8)
    assert model.n_classes == 10
    assert model.mean is not None
    torch.testing.assert_close(model.mean, TRAIN.x.mean().reshape(1), rtol=1e-4, atol=1e-4)
    header = out.read_bytes()
    table = json.loads(header[8 : 8 + int.from_bytes(header[:8], "little")])
    about = json.loads(table["__metadata__"]["advkit"])
    assert about["training"]["epochs"] == 2
    assert about["data"] == {"name": "digits"}
    assert about["held_out_scores"]["robust"] is None
    assert not checkpoint_of(out).exists()
    assert [file.name for file in tmp_path.iterdir()] == ["digits.safetensors"]


@pytest.mark.parametrize(("norm", "eps"), [("Linf", 0.15), ("L2", 0.8)])
def test_adversarial_training_raises_robust_accuracy(tmp_path: Path, norm: str, eps: float) -> None:
    recipe = SMALL._replace(epochs=5, norm=norm, steps=4)
    plain = trained(tmp_path / "plain", recipe)
    hard = trained(tmp_path / "hard", recipe._replace(eps=eps, warm_up=2))
    gain = accuracy(hard, attacked(hard, norm, eps)) - accuracy(plain, attacked(plain, norm, eps))
    assert gain > 0.15
    assert accuracy(hard, TEST.x) > 0.8


@pytest.mark.parametrize("arch", ["logistic", "mlp", "resnet", "vit"])
def test_every_net_learns(tmp_path: Path, arch: str) -> None:
    options = {"resnet": {"width": 4}, "vit": {"width": 32, "depth": 1}}.get(arch, {})
    recipe = SMALL._replace(arch=arch, options=options, epochs=4, rate=0.005, weight_decay=1e-4)
    assert accuracy(trained(tmp_path / arch, recipe), TEST.x) > 0.5


def test_flat_inputs_and_labels_without_names(tmp_path: Path) -> None:
    recipe = SMALL._replace(arch="mlp", options={})
    for _ in fit(TRAIN.x.flatten(1), TRAIN.y, tmp_path / "flat", recipe):
        pass
    model = load_model(str(tmp_path / "flat"))
    assert (model.shape, model.classes, model.n_classes) == ((64,), None, 10)
    assert accuracy(model, TEST.x.flatten(1)) > 0.8


HARD = SMALL._replace(eps=0.1, steps=2, batch_size=256, arch="resnet", options={"width": 4})


@pytest.mark.parametrize("at", [1, 3, 5, 7, 10])
def test_killed_and_resumed_gives_the_same_weights(tmp_path: Path, at: int) -> None:
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    trained(whole, HARD)
    before = torch.random.get_rng_state()
    walk = fit(TRAIN.x, TRAIN.y, broken, HARD, classes=TRAIN.classes, save_every=0)
    seen = list(islice(walk, at))
    assert seen[-1].number == at
    del walk
    assert checkpoint_of(broken).exists()
    rest = list(fit(TRAIN.x, TRAIN.y, broken, HARD, classes=TRAIN.classes))
    assert [step.number for step in (*seen, *rest)] == list(range(1, 11))
    assert broken.read_bytes() == whole.read_bytes()
    assert torch.equal(torch.random.get_rng_state(), before)


def test_seeds(tmp_path: Path) -> None:
    first = trained(tmp_path / "a", SMALL._replace(epochs=1))
    torch.manual_seed(99)
    again = trained(tmp_path / "b", SMALL._replace(epochs=1))
    other = trained(tmp_path / "c", SMALL._replace(epochs=1, seed=1))
    assert first.fingerprint() == again.fingerprint()
    assert first.fingerprint() != other.fingerprint()


def test_a_checkpoint_of_another_training(tmp_path: Path) -> None:
    out = tmp_path / "net"
    next(fit(TRAIN.x, TRAIN.y, out, SMALL, save_every=0))
    with pytest.raises(InputError, match=r"started with rate 0.01 \(now 0.02\)") as caught:
        next(fit(TRAIN.x, TRAIN.y, out, SMALL._replace(rate=0.02)))
    assert "delete" in caught.value.hint
    for images, told in ((6, r": images 6, name digits \(now images 7, "), (7, " of images 7, ")):
        at, now = tmp_path / str(images), {"name": "digits", "images": 7, "sha256": "b" * 64}
        data = now | {"images": images, "sha256": "a" * 64}
        next(fit(TRAIN.x, TRAIN.y, at, SMALL, data=data, save_every=0))
        with pytest.raises(InputError, match=f"started with other images{told}"):
            next(fit(TRAIN.x, TRAIN.y, at, SMALL, data=now))
    trained(tmp_path / "whole", SMALL).fingerprint()
    (tmp_path / "whole").replace(checkpoint_of(out))
    with pytest.raises(InputError, match="not a checkpoint"):
        next(fit(TRAIN.x, TRAIN.y, out, SMALL))


def test_the_best_epoch_is_kept_not_the_last(tmp_path: Path) -> None:
    # A rate this high ruins the net sooner or later.
    recipe = SMALL._replace(epochs=6, rate=0.3, schedule="cosine", seed=2)
    steps = list(fit(TRAIN.x, TRAIN.y, tmp_path / "net", recipe, classes=TRAIN.classes))
    scores = [step.scores.clean for step in steps if step.scores]
    assert len(scores) == 6
    assert steps[-1].best is not None
    assert steps[-1].best.clean == max(scores)


@pytest.mark.parametrize("inner", ["float32", "bfloat16"])
def test_weights_stay_float32(tmp_path: Path, inner: str) -> None:
    trained(tmp_path / "net", SMALL._replace(epochs=1, eps=0.1, steps=1, inner=inner))
    assert {t.dtype for t in load_file(tmp_path / "net").values()} == {torch.float32}


@pytest.mark.parametrize("norm", ["Linf", "L2"])
def test_the_inner_attack_stays_in_ball_and_box_and_raises_the_loss(norm: str) -> None:
    model = load_model("torchvision:squeezenet1_1?num_classes=3")
    x = torch.rand(6, 3, 32, 40, generator=torch.Generator().manual_seed(0))
    y, stream = torch.arange(6) % 3, keys(0, None, x, "test")
    found = hardened(model, x, y, stream, norm=norm, eps=0.3, steps=3, step=0.3)
    assert (NORMS[norm].size(found - x) <= 0.3 * (1 + 1e-5)).all()
    assert found.min() >= 0
    assert found.max() <= 1
    alone = hardened(model, x[2:3], y[2:3], stream[2:3], norm=norm, eps=0.3, steps=3, step=0.3)
    torch.testing.assert_close(alone, found[2:3])
    start = hardened(model, x, y, stream, norm=norm, eps=0.3, steps=0, step=0.3)
    loss = [cross_entropy(model, y)(z)[0] for z in (start, found)]
    assert (loss[1] > loss[0]).all()


def test_schedules_and_the_growing_radius() -> None:
    for schedule in SCHEDULES.values():
        shares = [schedule(t / 1000) for t in range(1000)]
        assert min(shares) >= 0
        assert max(shares) == pytest.approx(1, abs=1e-3)
        assert shares[-1] < 1e-3
    recipe = SMALL._replace(eps=0.2, warm_up=2)
    assert [radius_at(recipe, epoch) for epoch in (0, 1, 2, 3)] == [0, 0.1, 0.2, 0.2]
    assert radius_at(recipe._replace(warm_up=0), 0) == 0.2


@pytest.mark.parametrize(
    "change",
    [
        {"epochs": 0},
        {"batch_size": 0},
        {"steps": 0},
        {"rate": 0},
        {"rate": math.nan},
        {"eps": -0.1},
        {"eps": math.inf},
        {"step": 0},
        {"warm_up": -1},
        {"held_out": 0},
        {"held_out": 1},
        {"norm": "L1"},
        {"schedule": "cosin"},
        {"inner": "float16"},
        {"arch": "cmn"},
        {"options": {"widht": 3}},
    ],
)
def test_recipes_that_are_not_possible(tmp_path: Path, change: dict[str, Any]) -> None:
    key = next(iter(change))
    with pytest.raises(UsageError, match=str(change[key]) if key != "options" else "widht"):
        next(fit(TRAIN.x, TRAIN.y, tmp_path / "net", SMALL._replace(**change)))


def test_a_rate_of_0_is_not_said_to_be_allowed(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        next(fit(TRAIN.x, TRAIN.y, tmp_path / "net", SMALL._replace(rate=0.0)))
    assert caught.value.hint == "a finite number, above 0"


def test_data_that_cannot_be_trained_on(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="1 images"):
        next(fit(TRAIN.x[:1], TRAIN.y[:1], tmp_path / "net", SMALL))
    with pytest.raises(InputError, match="labels up to 9 for 2 classes"):
        next(fit(TRAIN.x, TRAIN.y, tmp_path / "net", SMALL, classes=["a", "b"]))
    two = list(fit(TRAIN.x[:2], TRAIN.y[:2], tmp_path / "net", SMALL))
    assert len(two) == 2


def test_a_loss_that_is_not_a_number(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"the loss is .* at step") as caught:
        list(fit(TRAIN.x, TRAIN.y, tmp_path / "net", SMALL._replace(rate=1e30, epochs=3)))
    assert "--rate" in caught.value.hint


def test_a_full_disk_leaves_no_half_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, data: bytes) -> int:
        with path.open("wb") as file:
            file.write(data[:100])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(ResourceError, match=r"cannot be written \(\d+ bytes\): No space"):
        trained(tmp_path / "net", SMALL)
    assert list(tmp_path.iterdir()) == []
