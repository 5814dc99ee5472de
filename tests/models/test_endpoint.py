"""A local prediction service: its requests, their cost, and when the user is informed."""

import base64
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

import advkit
from advkit.errors import InputError, ResourceError
from advkit.models import load_model
from tests.models.served import Served


def of_png(inputs: list[str]) -> Tensor:
    files = [Image.open(io.BytesIO(base64.b64decode(each))) for each in inputs]
    assert {(file.format, file.mode) for file in files} == {("PNG", "L")}
    return torch.tensor(np.stack([np.asarray(file) for file in files]))[:, None] / 255


def of_bytes(inputs: Any) -> Tensor:
    x = torch.tensor(inputs)
    assert x.dtype == torch.int64
    return x / 255


def of_bytes_last(inputs: Any) -> Tensor:
    assert torch.tensor(inputs).shape[-1] == 1
    return of_bytes(inputs).permute(0, 3, 1, 2)


WAYS: dict[str, tuple[str, Callable[[Any], Tensor]]] = {
    "png": ("encoding=png", of_png),
    "uint8": ("encoding=uint8", of_bytes),
    "uint8, channels last": ("encoding=uint8&layout=hwc", of_bytes_last),
}


@pytest.mark.parametrize("way", WAYS)
def test_a_service_that_takes_8_bits_is_sent_them(service: Served, way: str) -> None:
    query, service.read = WAYS[way]
    model = load_model(f"{service.url}?rate=1000&{query}")
    x = torch.rand(20, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    rounded = (x * 255).round() / 255
    assert torch.allclose(model(x), service.model(rounded), atol=1e-5)
    assert service.images == 20
    model(rounded)
    assert service.images == 36, "a batch is sent once more, to see whether it answers the same"
    model(x + 1e-4 * (rounded - x).sign())
    assert service.images == 36, "what is rounded to the same is not sent again"
    assert any("8 bits" in note for note in model.notes)


def test_colours_are_sent_as_such_and_as_png_of_rgb(service: Served) -> None:
    seen: list[Any] = []

    def read(inputs: list[str]) -> Tensor:
        seen.extend(Image.open(io.BytesIO(base64.b64decode(each))) for each in inputs)
        return torch.rand(len(inputs), 1, 28, 28)

    service.read = read
    x = torch.rand(2, 3, 4, 5)
    load_model(f"{service.url}?rate=1000&encoding=png")(x)
    pixels = np.stack([np.asarray(each) for each in seen])
    assert pixels.shape == (2, 4, 5, 3)
    assert (pixels == (x * 255).round().byte().permute(0, 2, 3, 1).numpy()).all()


@pytest.mark.parametrize("way", WAYS)
def test_an_audit_of_8_bits_stays_within_its_budget(
    service: Served, tmp_path: Path, way: str
) -> None:
    query, service.read = WAYS[way]
    spec = f"{service.url}?rate=1000&budget=400&{query}"
    found = advkit.audit(spec, "bundled:fashion-mnist", eps=0.2, limit=4,
                         attacks=["square:queries=40"], out=tmp_path / "run")  # fmt: skip
    assert 4 < service.images <= 400
    assert found["clean"]["n"] == 4


def test_a_run_whose_budget_is_spent_goes_on_with_a_larger_one(
    service: Served, tmp_path: Path
) -> None:
    def run(budget: int) -> dict[str, Any]:
        spec = f"{service.url}?rate=1000&budget={budget}"
        return advkit.attack("square:queries=40", spec, "bundled:fashion-mnist", eps=0.2, limit=6,
                             batch_size=2, jobs=1, out=tmp_path / "run")  # fmt: skip

    with pytest.raises(ResourceError, match=r"budget .* is spent"):
        run(120)
    assert service.images <= 120
    assert run(1000)["clean"]["n"] == 6


class Heard(list[str]):
    """What was announced, and how many requests had been made by then."""

    def __init__(self, service: Served) -> None:
        self.service, self.asked = service, list[int]()

    def __call__(self, text: str) -> None:
        self.append(text)
        self.asked.append(self.service.requests)


@pytest.mark.parametrize("ask", ["audit", "attack"])
def test_the_cost_is_said_before_the_first_request(
    service: Served, tmp_path: Path, ask: str
) -> None:
    heard, spec = Heard(service), f"{service.url}?rate=1000&price=2"
    given: dict[str, Any] = {"eps": 0.1, "limit": 3, "out": tmp_path, "announce": heard}
    if ask == "audit":
        advkit.audit(spec, "bundled:fashion-mnist", attacks=["square:queries=20"], **given)
    else:
        advkit.attack("square:queries=20", spec, "bundled:fashion-mnist", **given)
    assert "requests per second, a price of 0.1" in heard[0]
    assert heard.asked[0] == 0 < service.requests


def test_where_nobody_asks_for_an_estimate_the_service_gives_one_itself(
    service: Served, caplog: pytest.LogCaptureFixture
) -> None:
    model = load_model(f"{service.url}?rate=1000&budget=50")
    assert caplog.messages == []
    model(torch.rand(3, 1, 28, 28))
    model(torch.rand(3, 1, 28, 28))
    (told,) = caplog.messages
    assert "the budget is 50 images" in told


def test_a_service_that_answers_at_random_is_noticed_though_answers_are_kept(
    service: Served, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Every answer used to be kept for good, so that its audit said "ok"."""
    net = service.model
    service.model = lambda x: net(x) + torch.randn(len(x), 10)  # type: ignore[assignment]
    found = advkit.audit(f"{service.url}?rate=1000", "bundled:fashion-mnist", eps=0.1, limit=3,
                         attacks=["noise:draws=1"], out=tmp_path / "run")  # fmt: skip
    checks = {row["name"]: row["state"] for row in found["trust"]["checks"]}
    assert checks["randomised_predictions"] == "fail"
    assert found["trust"]["overall"] != "ok"
    assert any("asked every time" in told for told in caplog.messages)


def test_the_first_images_that_come_again_are_sent_once_more_and_no_others(
    service: Served,
) -> None:
    model = load_model(f"{service.url}?rate=1000&batch=8")
    x = torch.rand(20, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    counted = []
    for _ in range(3):
        model(x)
        counted.append(service.images)
    assert counted == [20, 28, 28]


def test_a_shape_may_stand_in_the_address(service: Served) -> None:
    assert load_model(f"{service.url}?shape=1,28,28").shape == (1, 28, 28)
    with pytest.raises(InputError, match=r"shape = .*'wide'"):
        load_model(f"{service.url}?shape=1,wide,28")


def test_the_time_that_is_foretold_is_that_of_the_service(service: Served, tmp_path: Path) -> None:
    """What was asked before comes at once: it told "about a second" of minutes."""
    heard = Heard(service)
    advkit.audit(f"{service.url}?rate=50&batch=1", "bundled:fashion-mnist", eps=0.1, limit=2,
                 attacks=["noise:draws=50"], out=tmp_path / "run", announce=heard)  # fmt: skip
    assert "104 requests or more" in heard[0] or "100 requests or more" in heard[0]
    assert "for 2 images about " in heard[1]
    assert "about a second" not in heard[1]


def test_few_images_need_more_requests_than_full_batches(service: Served) -> None:
    asked = load_model(f"{service.url}?rate=10").net.ask
    assert "at most 9,000 images in 900 requests" in asked.estimate(9000, together=10)
    assert "at most 9,000 images in 563 requests" in asked.estimate(9000, together=100)


@pytest.mark.parametrize(
    ("status", "told"),
    [(422, "HTTP 422 .*, '.*wanted 3 channels"), (302, "HTTP 302 .* to /login, which is not")],
)
def test_what_a_service_says_of_its_refusal_is_told(
    service: Served, status: int, told: str
) -> None:
    service.status, service.answer = [status], {"error": "wanted 3 channels"}
    with pytest.raises(InputError, match=told):
        load_model(f"{service.url}?rate=1000")(torch.rand(2, 1, 28, 28))


def test_scores_below_zero_are_no_probabilities(service: Served) -> None:
    """They were cut off at 0: of log-probabilities nothing is left, and class 0 is always named."""
    service.answer = {"outputs": [[-2.0, -0.2, -3.0]]}
    with pytest.raises(InputError, match="is not a probability"):
        load_model(f"{service.url}?output=probabilities")(torch.rand(1, 1, 28, 28))


def test_inspect_tells_what_audits_of_a_service_take_and_finds_no_fault_with_its_gradients(
    service: Served,
) -> None:
    found = advkit.inspect(f"{service.url}?rate=100&batch=16&shape=1,28,28")
    assert found["cost"]["forward_seconds"] >= 0.01 / 16
    assert [row["most_passes"] for row in found["audits"]] == [312, 912, 3012]
    states = {row["name"]: row["state"] for row in found["findings"]}
    assert states["gradient"] == states["true_gradient"] == "not applicable"
    assert found["advice"] == []


def test_bounds_of_a_service_are_refused_before_it_is_asked(
    service: Served, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="a black box gives only outputs") as raised:
        advkit.certify(service.url, "bundled:fashion-mnist", limit=2, out=tmp_path / "run")
    assert "--smooth" in raised.value.hint
    assert service.requests == 0
    assert not (tmp_path / "run").exists()
