"""Invalid calls raise a one-line error immediately; valid ones are not rejected."""

import inspect
import pickle
import re
import warnings
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import advkit
from advkit.attacks import ATTACKS, norms_of, restarted, strongest
from advkit.engine.objectives import Model
from advkit.errors import UsageError
from tests.attacks.subjects import SUBJECTS

X, Y = torch.rand(4, 1, 3, 3, generator=torch.Generator().manual_seed(0)), torch.arange(4) % 3


def net(x: Tensor) -> Tensor:
    return x.flatten(1)[:, :3]


def never(_x: Tensor) -> Tensor:
    raise AssertionError("the model was asked")


def call(name: str, model: Model = never, x: Any = X, y: Any = Y, **given: Any) -> Tensor:
    return ATTACKS[name](model, x, y, **{"eps": 0.1, "norm": norms_of(ATTACKS[name])[0]} | given)


WRONG: list[tuple[dict[str, Any], str, str]] = [
    ({"norm": "L7"}, "NAME has no norm L7", "it has "),
    ({"norm": 7}, "NAME has no norm 7", "it has "),
    ({"eps": "8/255"}, "NAME: eps='8/255' is not a radius", "a number, or one per sample: 8 / 255"),
    ({"eps": -0.1}, "NAME: eps=-0.1 is not a radius", "0 or more"),
    ({"eps": float("nan")}, "NAME: eps=nan is not a radius", "0 or more"),
    ({"eps": torch.tensor([0.1, -1, 0, 0])}, "NAME: eps of sample 1 is -1", "0 or more"),
    ({"eps": np.ones(4)}, "NAME: eps is a ndarray", "torch.as_tensor(eps)"),
    ({"eps": [0.1] * 4}, "NAME: eps is a list", "torch.as_tensor(eps)"),
    ({"eps": torch.ones(3)}, r"NAME: eps has the shape \(3,\) for 4 samples", "one per sample"),
    ({"x": X.numpy()}, "NAME: x is a ndarray", "torch.from_numpy"),
    ({"x": (X * 255).byte()}, "NAME: x holds torch.uint8", "x.float()"),
    ({"x": X * 255}, r"NAME: x ranges from .* to 2.*, not from 0 to 1", "divide by 255"),
    ({"x": X - 0.5}, r"NAME: x ranges from -0.* to 0.*, not from 0 to 1", "normalisation"),
    ({"x": X * torch.nan}, "NAME: x holds NaN", "leave"),
    ({"y": Y[:3]}, "NAME: x has 4 samples and y has 3", "one label per sample"),
    ({"y": Y.float()}, "NAME: y holds torch.float32", "whole numbers"),
    ({"y": Y.tolist()}, "NAME: y is a list", "torch.tensor"),
    ({"y": torch.eye(4).long()}, r"NAME: y has the shape \(4, 4\)", "argmax"),
    ({"y": Y - 1}, "NAME: y holds -1", "from 0 up"),
    ({"targets": Y - 1}, "NAME: targets holds -1", "from 0 up"),
    ({"targets": 2}, "NAME: targets is a int", "torch.tensor"),
    ({"ids": ["a"]}, "NAME: x has 4 samples and ids has 1", "one name per sample"),
    ({"seed": "a"}, "NAME: seed='a' is not possible", "a whole number"),
    ({"esp": 0.1}, "NAME has no option 'esp'", "did you mean eps?"),
]


@pytest.mark.parametrize("name", ATTACKS)
def test_what_cannot_be_meant_is_refused_before_the_model_is_asked(name: str) -> None:
    for given, told, hint in WRONG:
        with pytest.raises(ValueError, match=told.replace("NAME", name)) as caught:
            call(name, **given)
        assert isinstance(caught.value, advkit.AdvkitError)
        assert hint in caught.value.hint
        assert "\n" not in str(caught.value)
        assert caught.value.__cause__ is None, "one error, not a chain"
        assert not caught.value.hint or caught.value.__notes__ == [caught.value.hint]
    assert len(call(name, x=X[:0], y=Y[:0])) == 0


@pytest.mark.parametrize(
    ("options", "told", "hint"),
    [
        ({"steps": "3"}, "pgd: steps='3' is not possible", "a whole number"),
        ({"steps": 2.5}, "pgd: steps=2.5 is not possible", "a whole number"),
        ({"steps": -1}, "pgd: steps=-1 is not possible", "0 or more"),
        ({"step": "a"}, "pgd: step='a' is not possible", "a number"),
        ({"loss": "cee"}, "pgd: loss='cee' is not possible", "did you mean ce?"),
        ({"random": "no"}, "pgd: random='no' is not possible", "True or False"),
        ({"eps": None}, "pgd: eps=None is not a radius", ""),
    ],
)
def test_options(options: dict[str, Any], told: str, hint: str) -> None:
    with pytest.raises(ValueError, match=told) as caught:
        call("pgd", **options)
    assert hint in caught.value.hint


@pytest.mark.parametrize("name", ["pgd", "ddn", "race", "square"])
def test_labels_beyond_the_classes(name: str) -> None:
    for word in ("y", "targets"):
        with pytest.raises(ValueError, match=f"{word} holds 3, but the model has 3 classes"):
            call(name, net, **{word: Y + 1})
    known = advkit.Classifier(torch.nn.Flatten(), name="net", classes="abcdefghi")
    with pytest.raises(ValueError, match="y holds 11, but the model has 9 classes"):
        call(name, known, y=Y + 9)


def test_an_error_of_the_model_is_its_own() -> None:
    def broken(x: Tensor) -> Tensor:
        raise IndexError("index 9 is out of bounds")

    with pytest.raises(IndexError, match="index 9"):
        call("pgd", broken)


def test_norms_in_any_capitals_and_at_any_door() -> None:
    first = call("pgd", net, norm="L2")
    for norm in ("l2", "L_2"):
        assert torch.equal(advkit.attacks.pgd(net, X, Y, eps=0.1, norm=norm), first)
        assert torch.equal(restarted(ATTACKS["pgd"], 1)(net, X, Y, eps=0.1, norm=norm), first)
    with pytest.raises(ValueError, match="has no norm L7"):
        restarted(ATTACKS["pgd"], 2)(net, X, Y, eps=0.1, norm="L7")


def test_scalars_of_numpy_and_labels_of_any_whole_numbers() -> None:
    given = {"targets": (Y + 1) % 3, "steps": 3, "random": True, "eps": 0.125}
    first = call("pgd", net, **given)
    as_numpy = {"steps": np.int64(3), "random": np.True_, "eps": np.float32(0.125)}
    for kind in (torch.int32, torch.int16, torch.uint8):
        small = {"targets": given["targets"].to(kind)}  # type: ignore[attr-defined]
        assert torch.equal(call("pgd", net, y=Y.to(kind), **as_numpy, **small), first)


def test_an_eps_in_255ths_is_told_once_and_infinity_is_not() -> None:
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        call("pgd", net, eps=8, steps=9)
    (only,) = told
    assert only.filename == __file__
    assert str(only.message) == (
        "pgd: eps=8 is the whole range of a pixel or more: images are in [0, 1]; "
        "did you mean 8/255 = 0.0314?"
    )
    for outer in (restarted(ATTACKS["pgd"], 2), strongest(ATTACKS["pgd"], ATTACKS["fgsm"])):
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            outer(net, X, Y, eps=8)
        assert [each.filename for each in told] == [__file__], outer.__name__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        call("pgd", net, eps=float("inf"))
        call("pgd", net, eps=8, norm="L2")
        call("pgd", net, eps=1)
        call("ddn", net, eps=None)


@pytest.mark.parametrize("name", SUBJECTS)
def test_a_checked_attack_looks_like_itself(name: str) -> None:
    attack = ATTACKS[name]
    assert getattr(advkit.attacks, name) is attack
    assert attack.__name__ == name
    assert "steps" not in inspect.signature(attack).parameters or attack.__doc__
    assert attack.__wrapped__.__module__ != "advkit.attacks"  # type: ignore[attr-defined]
    assert pickle.loads(pickle.dumps(attack)) is attack


@pytest.mark.parametrize(
    ("model", "x", "told"),
    [
        ("bundled:digits-cnn", torch.rand(2, 4), "the model is a str"),
        (lambda x: (x, x), torch.rand(2, 4), r"returns a tuple of 2.*output\[0\]"),
        (lambda x: {"logits": x}, torch.rand(2, 4), r"returns a dict .*output\['logits'\]"),
        (lambda x: x[:, :1], torch.rand(2, 4), "one number per sample"),
        (torch.nn.Linear(4, 3), torch.rand(2, 4).double(), "weights are torch.float32"),
    ],
)
def test_a_model_that_does_not_fit_is_told(model: Any, x: torch.Tensor, told: str) -> None:
    with pytest.raises(UsageError) as caught:
        advkit.attacks.pgd(model, x, torch.tensor([0, 1]), eps=0.1, norm="Linf", steps=2)
    assert re.search(told, f"{caught.value} {caught.value.hint}")


def test_without_gradients_an_attack_refuses_to_begin() -> None:
    asked = {"eps": 0.1, "norm": "Linf"}
    net, x, y = torch.nn.Linear(4, 3), torch.rand(2, 4), torch.tensor([0, 1])
    with torch.inference_mode(), pytest.raises(UsageError, match="inference_mode"):
        advkit.attacks.pgd(net, x, y, **asked)
    with torch.no_grad():
        assert not advkit.attacks.pgd(net, x, y, **asked).equal(x)
    with torch.inference_mode(), pytest.raises(UsageError, match="inference_mode"):
        advkit.attack("pgd", "bundled:digits-cnn", eps=0.1)


@pytest.mark.parametrize("name", ["fgsm", "pgd", "apgd", "ddn", "square", "hopskipjump"])
def test_images_that_require_a_gradient_give_examples_that_do_not(name: str) -> None:
    short = {"queries": 50} if name in ("square", "hopskipjump") else {}
    plain = call(name, net, **short)
    found = call(name, net, X.clone().requires_grad_(), **short)
    assert not found.requires_grad
    assert torch.equal(found, plain)


def test_a_module_in_training_mode_is_told_if_it_matters() -> None:
    plain = nn.Sequential(nn.Flatten(), nn.Linear(9, 3))
    dropping = nn.Sequential(nn.Flatten(), nn.Dropout(0.5), nn.Linear(9, 3))
    with pytest.warns(UserWarning, match=r"fgsm: the model is in training mode"):
        call("fgsm", dropping)
    with pytest.warns(UserWarning, match=r"restarted\(fgsm\): the model is in training") as seen:
        restarted(ATTACKS["fgsm"], 2)(dropping, X, Y, eps=0.1)
    assert len(seen) == 1
    with pytest.warns(UserWarning, match=r"measure: the model is in training mode"):
        advkit.measure(dropping, X, Y, X, norm="Linf", eps=0.1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        call("fgsm", plain)
        call("fgsm", dropping.eval())
