import gzip
import shlex
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
import torch

from advkit.benchmarks.bundled_weights import RECIPES, make_images, unpack
from advkit.cli.train import train
from advkit.data import load_data
from advkit.engine import NORMS, ascend, last
from advkit.engine.objectives import cross_entropy, margins
from advkit.engine.rules import ball, steepest, within
from advkit.models import load_model, probe
from advkit.models.specs import bundled_models
from advkit.models.weights_file import read_about
from advkit.spec_text import literal, parse_spec

DEBIAN = Path("/usr/share/datasets/fashion-mnist")
CLEAN = {
    "digits-cnn": 0.9,
    "fashion-mnist-cnn": 0.91,
    "fashion-mnist-cnn-robust": 0.83,
    "fashion-mnist-logistic": 0.83,
    "spoken-digits-cnn": 0.97,
    "spoken-digits-linear": 0.93,
    "spoken-digits-small": 0.97,
}
IMAGES = {"digits-cnn": 1437, **{name: 2000 for name in CLEAN if name.startswith("spoken")}}


def test_every_bundled_net_has_its_recipe() -> None:
    assert bundled_models() == sorted(RECIPES) == sorted(CLEAN)


@pytest.mark.parametrize("name", RECIPES)
def test_the_file_was_made_by_its_recipe(name: str) -> None:
    words = shlex.split(RECIPES[name].format(root="root"))
    asked = train.make_context("train", [*words, "--out", "net"]).params
    arch = parse_spec(asked["arch"])
    asked |= {"arch": arch.ref, "options": {key: literal(text) for key, text in arch.query.items()}}
    about = read_about(str(files("advkit.models.bundled") / f"{name}.safetensors")) or {}
    made = about["training"]
    assert {key: asked[key] for key in made if key in asked} == {
        key: made[key] for key in made if key in asked
    }
    assert len(set(made) & set(asked)) >= 14
    assert about["data"]["name"] == Path(asked["data"].partition("?")[0]).name
    assert about["data"]["images"] == IMAGES.get(name, 60_000)


@pytest.mark.parametrize("name", CLEAN)
def test_clean_accuracy_on_images_that_were_not_trained_on(name: str) -> None:
    own = next(n for n in ("spoken-digits", "digits", "fashion-mnist") if name.startswith(n))
    data = load_data(f"bundled:{own}")
    model = load_model(f"bundled:{name}", classes=data.classes)
    assert probe(model, data.x, data.y) == []
    assert model.classes == data.classes
    right = margins(model(data.x), data.y) < 0
    assert right.double().mean() >= CLEAN[name]


def test_the_robust_net_withstands_pgd_40() -> None:
    data, radius = load_data("bundled:fashion-mnist", limit=160), torch.full((160,), 0.1)
    model, noise = load_model("bundled:fashion-mnist-cnn-robust"), torch.Generator().manual_seed(0)
    start = data.x + 0.1 * (2 * torch.rand(data.x.shape, generator=noise) - 1)
    rule = within(
        steepest(NORMS["Linf"].steepest, radius / 10), ball(NORMS["Linf"], data.x, radius)
    )
    found = last(ascend(cross_entropy(model, data.y), start.clamp(0, 1), rule, 40))
    assert (margins(model(found), data.y) < 0).double().mean() >= 0.70


@pytest.mark.skipif(not DEBIAN.exists(), reason="Debian's dataset-fashion-mnist is not installed")
def test_the_bundled_images_can_be_made_again(tmp_path: Path) -> None:
    make_images(DEBIAN, tmp_path / "again.npz")
    shipped = str(files("advkit.data.bundled") / "fashion-mnist.npz")
    with np.load(tmp_path / "again.npz") as again, np.load(shipped) as arrays:
        assert set(again) == set(arrays) == {"x", "y", "classes"}
        assert all(np.array_equal(again[key], arrays[key]) for key in arrays)


def test_the_data_set_is_laid_out_as_torchvision_wants_it(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    for part in ("train", "t10k"):
        x, y = np.arange(2 * 784).astype(np.uint8), np.array([3, 9], np.uint8)
        images = np.array([0x803, 2, 28, 28], ">i4").tobytes() + x.tobytes()
        labels = np.array([0x801, 2], ">i4").tobytes() + y.tobytes()
        (source / f"{part}-images-idx3-ubyte.gz").write_bytes(gzip.compress(images))
        (source / f"{part}-labels-idx1-ubyte.gz").write_bytes(gzip.compress(labels))
    unpack(source, tmp_path / "root")
    data = load_data(f"torchvision:FashionMNIST?root={tmp_path / 'root'}&split=train")
    assert data.y.tolist() == [3, 9]
