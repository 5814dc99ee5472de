"""The names of `advkit`: each has an example that works."""

import doctest
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import advkit
from advkit.errors import UsageError

MODULES = ("attacks", "insight")
NETS = ["bundled:fashion-mnist-cnn", "bundled:fashion-mnist-logistic"]


def test_there_are_about_fifteen_names() -> None:
    assert len(advkit.__all__) <= 18
    assert set(advkit.__all__) <= set(dir(advkit))


@pytest.mark.parametrize("name", [name for name in advkit.__all__ if name != "__version__"])
def test_the_example_of_a_name_works(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    thing = getattr(advkit, name)
    space = {"advkit": advkit, "torch": torch, "Path": Path}
    test = doctest.DocTestParser().get_doctest(thing.__doc__, space, name, None, None)
    assert test.examples, f"advkit.{name} has no example in its docstring"
    told: list[str] = []
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    runner.run(test, out=told.append)
    assert not runner.failures, "".join(told)


LATE = "nowhere.safetensors"
FACES: dict[str, tuple[object, ...]] = {
    "audit": (LATE, "bundled:digits"), "attack": ("pgd", LATE, "bundled:digits"),
    "certify": (LATE, "bundled:digits"), "explain": (LATE, "bundled:digits"),
    "transfer": ([LATE, LATE], "bundled:digits"), "linearity": ("npz:nowhere.npz",),
}  # fmt: skip


@pytest.mark.parametrize(
    ("face", "word", "value"),
    [
        ("audit", "bounds", "none"), ("audit", "bound", "off"), ("audit", "suite", "slow"),
        ("audit", "attacks", ["pdg"]), ("audit", "seconds", float("nan")), ("audit", "seed", "a"),
        ("audit", "seed", True), ("audit", "batch_size", 0), ("audit", "jobs", 10_000),
        ("audit", "unit_seconds", -1.0), ("audit", "limit", -1), ("audit", "eps", -1.0),
        ("attack", "sed", 1), ("attack", "restarts", 0), ("attack", "transform", "shake"),
        ("attack", "unit_seconds", 0), ("attack", "jobs", 10_000), ("attack", "limit", 2.5),
        ("certify", "method", "beta"), ("certify", "seconds", -1.0), ("certify", "smooth", 0.0),
        ("certify", "methods", "alpha"), ("certify", "limit", -1), ("explain", "methods", []),
        ("explain", "norm", "L3"), ("audit", "norm", "L0"), ("attack", "norm", "L3"),
        ("explain", "fesh", True), ("transfer", "targets", "first"),
        ("transfer", "steps", 0), ("transfer", "step", 1), ("transfer", "attacks", ["pdg"]),
        ("linearity", "parts", ["nothing"]), ("linearity", "part", "nets"),
        ("linearity", "seed", 0.5),
    ],
)  # fmt: skip
def test_what_is_wrong_with_an_option_is_told_before_anything_is_loaded(
    face: str, word: str, value: object
) -> None:
    with pytest.raises(UsageError) as caught:
        getattr(advkit, face)(*FACES[face], **{word: value})
    assert caught.value.hint


@pytest.mark.parametrize("norm", ["l2", "L_2"])
def test_a_norm_is_known_in_any_capitals(tmp_path: Path, norm: str) -> None:
    given = {"norm": norm, "eps": 0.5, "limit": 3, "out": tmp_path / norm}
    audited = advkit.audit("bundled:digits-cnn", attacks=["fgsm"], bounds="off", **given)
    attacked = advkit.attack("fgsm", "bundled:digits-cnn", **given | {"out": tmp_path / "b"})
    assert (audited["norm"], attacked["norm"]) == ("L2", "L2")
    x = torch.zeros(2, 3)
    found = advkit.measure(lambda x: x, x, torch.tensor([0, 1]), x + 0.5, norm=norm, eps=0.6)
    assert not found["valid"].any()


@pytest.mark.parametrize("face", ["audit", "attack", "certify", "explain"])
def test_data_of_ones_own_without_a_model_is_refused_and_the_bundled_one_named(face: str) -> None:
    words = ["pgd"] if face == "attack" else []
    with pytest.raises(UsageError, match="does not imply a model") as caught:
        getattr(advkit, face)(*words, data="npz:mine.npz")
    assert "--model bundled:fashion-mnist-cnn-robust" in caught.value.hint


def test_a_bare_module_is_refused_by_name_and_is_not_changed() -> None:
    net = torch.nn.Linear(4, 2)
    with pytest.raises(UsageError, match="the model is a Linear") as caught:
        advkit.audit(net, "bundled:digits")  # type: ignore[arg-type]
    assert "advkit.Classifier(net" in caught.value.hint
    assert net.weight.requires_grad


def digits(**other: Any) -> advkit.Samples:
    return advkit.load_data("bundled:digits", limit=12)._replace(**other)


def test_ids_that_are_numbers_do_not_lose_what_was_found(tmp_path: Path) -> None:
    words = {"eps": 0.2, "limit": 10, "out": tmp_path / "a"}
    found = advkit.attack(advkit.attacks.fgsm, "bundled:digits-cnn", digits(ids=range(12)), **words)
    assert found["clean"]["n"] == 10
    assert found["success"]["count"] > 0
    data = (digits().x.numpy(), digits().y.numpy())
    words = {"eps": np.float32(0.2), "targets": 3, "out": tmp_path / "b"}
    assert advkit.attack("fgsm", "bundled:digits-cnn", data, **words)["clean"]["n"] == 12


@pytest.mark.parametrize(
    ("word", "value", "told"),
    [
        ("name", abs, "is not a name"), ("eps", [0.1, 0.2], "not a single number"),
        ("eps", "8/255", "is a string"), ("targets", [1, 2], "targets is a list, not one class"),
    ],
)  # fmt: skip
def test_words_of_another_kind_are_told_in_one_line(word: str, value: object, told: str) -> None:
    words: dict[str, Any] = {"name": "fgsm", "model": "bundled:digits-cnn", "eps": 0.1}
    with pytest.raises(UsageError, match=told) as caught:
        advkit.attack(**words | {word: value})
    assert caught.value.hint


@pytest.mark.parametrize(
    ("face", "words", "told"),
    [
        ("explain", {"methods": "gradient"}, "methods='gradient' is one string"),
        ("transfer", {"models": "bundled:digits-cnn"}, "models=.* is one string"),
        ("transfer", {"attacks": "pgd"}, "attacks='pgd' is one string"),
        ("audit", {"surrogates": "bundled:digits-cnn"}, "surrogates=.* is one string"),
        ("load_model", {"spec": None}, "the model is a NoneType"),
        ("load_model", {"spec": torch.nn.Linear(2, 2)}, "the model is a Linear"),
        ("load_data", {"spec": (1, 2)}, "the data is a tuple"),
        ("audit", {"model": Path("net.pt"), "data": "bundled:digits"}, "the model is a PosixPath"),
        ("Classifier", {"net": abs, "name": "mine"}, "mine is a builtin_function_or_method, not a"),
        ("Classifier", {"net": torch.nn.Identity(), "name": "mine", "mean": [123.0]}, "0 to 255"),
    ],
)  # fmt: skip
def test_what_is_of_another_kind_is_told_in_one_line(
    face: str, words: dict[str, Any], told: str
) -> None:
    with pytest.raises(advkit.AdvkitError, match=told) as caught:
        getattr(advkit, face)(**words)
    assert caught.value.hint


def test_models_and_data_in_memory_are_studied_and_compared(tmp_path: Path) -> None:
    nets = [advkit.load_model(each) for each in NETS]
    data = advkit.load_data("bundled:fashion-mnist", limit=10)
    words: dict[str, Any] = {"attacks": ["fgsm"], "eps": 0.1}
    found = advkit.transfer(nets, data, **words, out=str(tmp_path / "t"))
    assert Path(found["report"]).is_file()
    words |= {"bounds": "off"}
    one, two = (advkit.audit(net, data, **words, out=tmp_path / net.name[-4:]) for net in nets)
    assert advkit.compare(one, two)["n"] == 10


@pytest.mark.parametrize(
    ("face", "words"),
    [
        ("linearity", {"parts": ["numbers"], "limit": 20}),
        ("transfer", {"models": NETS, "data": "bundled:fashion-mnist", "limit": 9}),
        ("attack", {"name": "fgsm", "model": "bundled:digits-cnn", "eps": 0.1, "limit": 9}),
    ],
)
def test_a_place_that_cannot_be_written_is_told(
    face: str, words: dict[str, Any], tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(advkit.AdvkitError, match="cannot write to --out"):
        getattr(advkit, face)(**words, out=tmp_path / "file" / "run")
