"""Models and inputs that every attack must accept: any shape, type and number of classes."""

import pytest
import torch
from torch import Tensor, nn

from advkit.attacks import ATTACKS
from advkit.engine import NORMS
from advkit.engine.objectives import margins
from tests.attacks.problems import cnn, images
from tests.attacks.subjects import CARDS, CASES, EPS, each, each_attack, run

BLIND = [(name, norm) for name, norm in CASES if not CARDS[name].knows.startswith("gradients")]
each_blind = pytest.mark.parametrize(("name", "norm"), BLIND)


@each_blind
def test_a_bare_function_without_gradients_will_do(name: str, norm: str) -> None:
    model, x = cnn(), images(8)
    y = model(x).argmax(1)

    def bare(z: Tensor) -> Tensor:
        assert not z.requires_grad
        return torch.from_numpy(model(z).numpy())

    wanted = run(name, model, x, y, norm=norm)
    assert torch.equal(run(name, bare, x, y, norm=norm), wanted)
    if CARDS[name].knows == "decisions":
        assert torch.equal(run(name, lambda z: bare(z).argmax(1), x, y, norm=norm), wanted)


@each
@pytest.mark.parametrize("classes", [2, 3, 8])
def test_any_number_of_classes(name: str, norm: str, classes: int) -> None:
    model, x = cnn(classes), images(6)
    y = model(x).argmax(1)
    assert run(name, model, x, y, norm=norm).isfinite().all()


@each
@pytest.mark.parametrize("shape", [(5,), (1, 11), (2, 3, 4), (3, 8, 5), (1, 1, 1)])
def test_any_shape(name: str, norm: str, shape: tuple[int, ...]) -> None:
    size = int(torch.tensor(shape).prod())
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = nn.Sequential(nn.Flatten(), nn.Linear(size, 4)).requires_grad_(False)
    x = torch.rand(5, *shape, generator=torch.Generator().manual_seed(0))
    found = run(name, model, x, model(x).argmax(1), norm=norm)
    assert found.shape == x.shape
    assert (NORMS[norm].size(found - x) <= EPS[norm] * (1 + 1e-5)).all()


@each
def test_double_precision_and_channels_last(name: str, norm: str) -> None:
    model, x = cnn(channels=3).double(), images(6, 3).double()
    y = model(x).argmax(1)
    found = run(name, model, x, y, norm=norm)
    assert found.dtype == torch.float64
    other = run(name, model, x.to(memory_format=torch.channels_last), y, norm=norm)
    torch.testing.assert_close(other, found, rtol=0, atol=1e-9)


@each
def test_models_without_a_slope_or_with_nan_do_no_harm(name: str, norm: str) -> None:
    x = images(4)
    y = torch.tensor([0, 1, 2, 3])
    constant = nn.Sequential(nn.Flatten(), nn.Linear(63, 4)).requires_grad_(False)
    nn.init.zeros_(constant[1].weight)
    for model in (constant, nn.Sequential(constant, _Nan())):
        found = run(name, model, x, y, norm=norm)
        assert ((found >= 0) & (found <= 1)).all()


class _Nan(nn.Module):
    def forward(self, logits: Tensor) -> Tensor:
        return logits * torch.nan


def test_one_answer_that_is_nan_does_not_end_the_search_of_square() -> None:
    model, x = cnn(), images(16)
    y, calls = model(x).argmax(1), []

    def once(z: Tensor) -> Tensor:
        calls.append(len(z))
        return model(z) * (torch.nan if len(calls) in (1, 5) else 1.0)

    found = ATTACKS["square"](once, x, y, eps=0.2, queries=300)
    assert (margins(model(found), y) > 0).float().mean() > 0.5


@each_attack
def test_an_empty_batch(name: str) -> None:
    x = images(4)[:0]
    assert run(name, cnn(), x, torch.zeros(0, dtype=torch.long)).shape == x.shape


@each_attack
def test_the_model_and_the_images_are_left_as_they_were(name: str) -> None:
    model, x = cnn(), images(4)
    y, copy = model(x).argmax(1), x.clone()
    state = {k: v.clone() for k, v in model.state_dict().items()}
    run(name, model, x, y)
    assert torch.equal(x, copy)
    assert not x.requires_grad
    assert all(torch.equal(v, state[k]) for k, v in model.state_dict().items())
    assert all(p.grad is None for p in model.parameters())
