"""Gradient checks: steps along the gradient compared with gradient-free steps."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import cast

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from advkit.benchmarks.lying_gradients import OfAnother, half, label_alone, turned_for_some
from advkit.benchmarks.masked_gradients import After, Before
from advkit.engine import before_softmax, inner_logits
from advkit.evaluate import trust
from advkit.evaluate.gradient_checks import followed, same_predictions, true_gradient
from advkit.evaluate.stage_context import Work
from advkit.evaluate.subject import Subject
from advkit.evaluate.suites import SUITES
from advkit.evaluate.surrogates import best_guide, change_named, changed, reached
from advkit.evaluate.trust_checks import Check
from advkit.models.classifier import Classifier
from tests.evaluate.small import digits_net, some_digits


def subject_of(net: nn.Module) -> Subject:
    """Return the net with digits that it reads right."""
    model, digits = Classifier(net, name="net"), some_digits(30)
    right = model(digits.x).argmax(1) == digits.y
    ids = [name for name, kept in zip(digits.ids, right, strict=True) if kept]
    return Subject(model, model, digits.x[right], digits.y[right], ids, "Linf", [0.05, 0.1], 0)


def trained(make: Callable[[], nn.Module], classes: int = 10) -> nn.Module:
    """Return a net for the digits, numbered modulo ``classes``, after 60 steps."""
    digits = some_digits(500)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = make()
        optimiser = torch.optim.Adam(net.parameters(), 0.01)
        for _ in range(60):
            optimiser.zero_grad()
            F.cross_entropy(net(digits.x), digits.y % classes).backward()
            optimiser.step()
    return net


def with_hidden(activation: nn.Module, *last: nn.Module) -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 32), activation, nn.Linear(32, 10), *last)


class Mean(nn.Module):
    """Two nets that give their mean."""

    def __init__(self) -> None:
        super().__init__()
        self.nets = nn.ModuleList([with_hidden(nn.ReLU()), with_hidden(nn.GELU())])

    def forward(self, x: Tensor) -> Tensor:
        return torch.stack([net(x) for net in self.nets]).mean(0)


HONEST: dict[str, Callable[[], nn.Module]] = {
    "ReLU6": lambda: with_hidden(nn.ReLU6()),
    "GELU": lambda: with_hidden(nn.GELU()),
    "SiLU": lambda: with_hidden(nn.SiLU()),
    "softplus": lambda: with_hidden(nn.Softplus()),
    "linear": lambda: nn.Sequential(nn.Flatten(), nn.Linear(64, 10)),
    "average pooling": lambda: nn.Sequential(
        nn.Conv2d(1, 16, 3), nn.ReLU(), nn.AvgPool2d(2), nn.Flatten(), nn.Linear(144, 10)
    ),
    "log softmax": lambda: with_hidden(nn.ReLU(), nn.LogSoftmax(1)),
    "100 classes": lambda: nn.Sequential(nn.Flatten(), nn.Linear(64, 100)),
    "two nets": Mean,
    "temperature": lambda: After(with_hidden(nn.ReLU()), lambda z: z / 3),
}


@pytest.mark.parametrize("name", HONEST)
def test_an_honest_net_passes(name: str) -> None:
    subject = subject_of(trained(HONEST[name]))
    found = true_gradient(subject)
    assert found.state == "pass", found.evidence
    changes, better = best_guide(subject)
    assert not changes
    assert better.state == "pass", better.evidence


def test_half_a_gradient_shows_in_steps_that_do_not_follow_it() -> None:
    found = followed(subject_of(Before(digits_net(), half)))
    assert float(found.along.median()) == pytest.approx(1, abs=0.05)
    assert float(found.aside.median()) > 0.5
    assert found.misleads()
    honest = followed(subject_of(digits_net()))
    assert float(honest.aside.median()) < 0.05


def test_a_gradient_that_is_turned_at_some_images_alone_misleads() -> None:
    found = followed(subject_of(Before(digits_net(), turned_for_some)))
    assert 0.1 < float((found.along < 0).float().mean()) < 0.6
    assert found.misleads()
    one = found._replace(along=torch.tensor([1.0] * 20 + [-1.0]), aside=torch.zeros(21))
    assert not one.misleads()
    assert not one._replace(along=torch.zeros(0), aside=torch.zeros(0)).misleads()


def test_the_other_gradient_that_leads_further_is_found_at_an_eps_at_which_none_leads_far() -> None:
    subject = subject_of(OfAnother(digits_net(), 2.0))._replace(eps=[0.002])
    changes, better = best_guide(subject)
    assert better.state == "fail", better.evidence
    by_it = reached(subject._replace(guide=changed(subject.guide, changes)), 0.002)
    true = reached(subject._replace(guide=digits_net()), 0.002)
    torch.testing.assert_close(by_it, true)


class Rippled(nn.Module):
    """The net, its logits times what rises and falls over and over on the way to any boundary."""

    def __init__(self) -> None:
        super().__init__()
        self.net = digits_net()

    def forward(self, x: Tensor) -> Tensor:
        return self.net(x) * (1 + 50 * (300 * x.flatten(1).sum(1, keepdim=True)).sin() ** 2)


def test_progress_does_not_depend_on_a_scale_that_comes_and_goes() -> None:
    changes, better = best_guide(subject_of(Rippled()))
    assert "inner_logits" in changes, better.evidence


def test_a_gradient_that_is_far_too_small_is_not_taken_for_none() -> None:
    net = digits_net()
    found = followed(subject_of(Before(net, lambda x: 1e-6 * x + (1 - 1e-6) * x.detach())))
    assert len(found.along)
    assert found.misleads()


def test_of_labels_alone_the_logits_within_are_attacked() -> None:
    subject = subject_of(After(digits_net(), label_alone))
    changes, better = best_guide(subject)
    assert list(changes)[:1] == ["inner_logits"], better.evidence
    model = subject.model
    assert same_predictions(model, inner_logits(model), subject.x)
    assert not same_predictions(model, model, subject.x)


def refusing(x: Tensor) -> Tensor:
    """Return ``x``; refuse what is no image."""
    if x.amin() < 0 or x.amax() > 1:
        raise ValueError("no image")
    return x


def test_a_net_that_refuses_what_is_no_image_passes() -> None:
    subject = subject_of(Before(digits_net(), refusing))
    assert true_gradient(subject).state == "pass"
    assert not best_guide(subject)[0]


@pytest.mark.parametrize(
    "end",
    [
        lambda z: F.softmax(100 * z, 1).clamp(1e-3, 1 - 1e-3),
        lambda z: torch.from_numpy(F.softmax(100 * z, 1).detach().numpy().round(2)),
    ],
)
def test_logits_within_are_found_where_a_softmax_is_not_the_last(
    end: Callable[..., Tensor],
) -> None:
    subject = subject_of(After(digits_net(), end))._replace(eps=[0.1, 0.2])
    changes, better = best_guide(subject)
    assert "inner_logits" in changes, better.evidence
    by_it = reached(subject._replace(guide=changed(subject.guide, changes)), 0.2) > 0
    true = reached(subject._replace(model=digits_net(), guide=digits_net()), 0.2) > 0
    assert int(by_it.sum()) >= int(true.sum()) - 1


def cut_off(x: Tensor) -> Tensor:
    """Return ``x``; its gradient comes back cut off so low that its sign alone is left."""
    same = x.view_as(x)
    if same.requires_grad:
        same.register_hook(lambda slope: slope.clamp(-1e-4, 1e-4))  # type: ignore[no-untyped-call]
    return same


def test_a_true_gradient_is_kept_in_place_of_one_cut_off_that_leads_as_far() -> None:
    subject = subject_of(Before(digits_net(), cut_off))
    assert true_gradient(subject).state == "fail"
    changes, _ = best_guide(subject)
    assert list(changes) == ["straight_through"]
    assert true_gradient(subject._replace(guide=changed(subject.guide, changes))).state == "pass"


def is_sound(net: nn.Module, names: list[str], monkeypatch: pytest.MonkeyPatch) -> bool:
    """Return whether the gradient of ``net`` with these changes is taken to be sound."""
    subject = subject_of(net)
    monkeypatch.setattr(trust, "right_ones", lambda *_: subject)
    changes = {name: change_named(name, subject) for name in names}
    work = cast(Work, SimpleNamespace(model=subject.model))
    found = trust.Findings([Check("randomised_predictions", "pass", "")], changes)
    return trust.sound(work, [0.05], SUITES["quick"]["Linf"].care, found)


@pytest.mark.parametrize(("names", "wanted"), [
    (["straight_through", "smoothed"], True), (["smoothed"], False), (["straight_through"], True),
])  # fmt: skip
def test_smoothing_counts_for_nothing_when_a_gradient_is_judged(
    names: list[str], wanted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    net = Before(digits_net(), lambda x: (x * 16).round() / 16)
    assert is_sound(net, names, monkeypatch) is wanted


class Vote(nn.Module):
    """Three nets, and the share of them that is for each class."""

    def __init__(self, *nets: nn.Module) -> None:
        super().__init__()
        self.nets = nn.ModuleList(nets)

    def forward(self, x: Tensor) -> Tensor:
        every = [net(x) for net in self.nets]
        return torch.stack([(z == z.amax(1, keepdim=True)).float() for z in every]).mean(0)


def test_logits_of_one_voter_are_no_guide_to_a_vote(monkeypatch: pytest.MonkeyPatch) -> None:
    net = digits_net()
    others = [OfAnother(net, off).other for off in (0.2, 0.3)]
    assert same_predictions(Vote(*others, net), net, subject_of(net).x[:8])
    assert not is_sound(Vote(*others, net), ["inner_logits"], monkeypatch)


def votes(logits: Tensor) -> Tensor:
    """Return one vote for the largest of the logits, and one for that of a part of them."""
    some = F.one_hot((logits * torch.arange(10).lt(9)).argmax(1), 10)
    return (F.one_hot(logits.argmax(1), 10) + some).float() / 2


@pytest.mark.parametrize(("names", "wanted"), [
    (["straight_through"], False), (["inner_logits", "straight_through"], True),
])  # fmt: skip
def test_a_gradient_past_a_vote_is_a_guess_unless_logits_are_found_within(
    names: list[str], wanted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert is_sound(After(digits_net(), votes), names, monkeypatch) is wanted


def test_a_random_net_without_a_softmax_has_no_logits_before_one() -> None:
    net = Before(digits_net(), lambda x: x + 1e-3 * torch.rand_like(x))
    assert not same_predictions(net, before_softmax(net), subject_of(digits_net()).x)
