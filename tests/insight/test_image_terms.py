"""Total variation, Gram matrices and the spectrum compared with values computed by hand."""

import math

import pytest
import torch
from torch import Tensor

from advkit.engine.gradient import Objective, evaluate
from advkit.engine.image_terms import alpha_norm, gram, gram_distance, total_variation
from advkit.engine.seeding import keys
from advkit.engine.spectrum import changes_of, colour_matrix, image_of, spectrum_noise
from tests.insight.nets import noise

N = 6


def six(kind: str) -> Tensor:
    x = torch.zeros(1, 1, N, N, dtype=torch.float64)
    if kind == "step":
        x[..., 3:] = 1
    elif kind == "ramp":
        x[:] = torch.arange(N, dtype=torch.float64)
    elif kind == "checker":
        x[:] = (torch.arange(N)[:, None] + torch.arange(N)) % 2
    elif kind == "pixel":
        x[..., 2, 3] = 1
    return x


@pytest.mark.parametrize(
    ("kind", "first", "second"),
    [("flat", 0, 0), ("step", 6, 6), ("ramp", 30, 30), ("pixel", 2 + math.sqrt(2), 4),
     ("checker", 25 * math.sqrt(2) + 10, 60)],
)  # fmt: skip
def test_total_variation_of_known_images(kind: str, first: float, second: float) -> None:
    assert float(total_variation(six(kind), 1)) == pytest.approx(first, abs=1e-12)
    assert float(total_variation(six(kind), 2)) == pytest.approx(second, abs=1e-12)


@pytest.mark.parametrize("beta", [1.0, 1.5, 2.0])
def test_laws_of_total_variation(beta: float) -> None:
    x = noise(2, 3, 7, 5).double()
    once = total_variation(x, beta)
    assert torch.allclose(total_variation(x + 3, beta), once)
    assert torch.allclose(total_variation(-2 * x, beta), 2**beta * once)


@pytest.mark.parametrize("beta", [1.0, 2.0])
def test_the_slope_of_total_variation(beta: float) -> None:
    objective = Objective(lambda x: (total_variation(x, beta), x))
    assert torch.equal(evaluate(objective, six("flat")).gradient, torch.zeros(1, 1, N, N).double())
    x, d = noise(1, 2, 5, 4).double(), noise(1, 2, 5, 4, seed=1).double()
    h = 1e-6
    rise = (total_variation(x + h * d, beta) - total_variation(x - h * d, beta)) / (2 * h)
    assert float(rise) == pytest.approx(
        float((evaluate(objective, x).gradient * d).sum()), rel=1e-7
    )


def test_alpha_norm() -> None:
    x = torch.tensor([[1.0, -2.0, 3.0]])
    assert float(alpha_norm(x, 3)) == 1 + 8 + 27  # the sign does not count, odd powers too


def test_gram_of_constant_maps() -> None:
    maps = torch.tensor([1.0, 2.0, 3.0]).view(1, 3, 1, 1).expand(1, 3, 4, 5)
    assert torch.equal(gram(maps)[0], 20 * torch.tensor([[1.0, 2, 3], [2, 4, 6], [3, 6, 9]]))


def test_laws_of_gram() -> None:
    maps = noise(2, 6, 2, 2).double()
    found = gram(maps)
    shuffled = maps.flatten(2)[:, :, torch.tensor([2, 0, 3, 1])].view_as(maps)
    assert torch.allclose(gram(shuffled), found)
    values = torch.linalg.eigvalsh(found)
    assert (values > -1e-12).all()
    assert (torch.linalg.matrix_rank(found) == 4).all()  # no more than there are places


def test_the_slope_of_the_style_loss() -> None:
    maps = noise(1, 3, 2, 4).double()
    wanted = gram(noise(1, 3, 2, 4, seed=1).double())[0]
    slope = evaluate(Objective(lambda f: (gram_distance(f, wanted), f)), maps).gradient
    closed = (gram(maps) - wanted) @ maps.flatten(2) / (3**2 * 8**2)
    assert torch.allclose(slope.flatten(2), closed)
    assert float(gram_distance(maps, gram(maps)[0])) == 0


@pytest.mark.parametrize("shape", [(3, 8, 8), (3, 7, 9), (1, 5, 6)])
def test_the_spectrum(shape: tuple[int, ...]) -> None:
    like = torch.zeros(2, 1)
    z = spectrum_noise(keys(0, None, like, "test"), shape)
    assert torch.equal(image_of(torch.zeros_like(z), shape[2]), torch.full((2, *shape), 0.5))
    assert image_of(z, shape[2]).shape == (2, *shape)
    weights = noise(2, *shape)
    point = evaluate(
        Objective(lambda z: ((weights * image_of(z, shape[2])).flatten(1).sum(1), z)), z
    )
    real = point.gradient[..., 0]
    assert (real != 0).all()


def test_the_longest_colour_is_of_length_one() -> None:
    lengths = torch.linalg.vector_norm(colour_matrix(torch.zeros(1, dtype=torch.float64)), dim=0)
    assert float(lengths.max()) == pytest.approx(1)


@pytest.mark.parametrize("shape", [(3, 8, 8), (1, 7, 9)])
def test_no_change_is_the_image_itself(shape: tuple[int, ...]) -> None:
    x = noise(1, *shape)
    image, z = changes_of(x)
    assert torch.allclose(image(z), x, atol=1e-5)
    far = image(z + 100 * noise(*z.shape))
    assert far.min() == 0
    assert far.max() == 1
