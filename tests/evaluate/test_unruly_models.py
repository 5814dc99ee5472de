"""Models that fail on some samples, change their state, return NaN, or have side effects."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from torch import Tensor, nn

from advkit.benchmarks.soak import held
from advkit.errors import InputError
from advkit.evaluate.run_folder import read_json
from advkit.evaluate.shards import FailedUnitsError
from advkit.evaluate.store import open_store
from advkit.evaluate.unit_runner import bench, same_as
from advkit.evaluate.units import Failed, Pool, Shard, Unit
from advkit.models.classifier import Classifier
from tests.evaluate.small import digits_net, run, some_digits, table

BAD = 7
"""The sample on which a model fails."""
ATTACKS = ("fgsm", "pgd:steps=3")
GIVEN: dict[str, Any] = {"attacks": ATTACKS, "bounds": "off", "fold": False}


class Unruly(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.net = digits_net()

    def forward(self, x: Tensor) -> Tensor:
        return self.net(x)  # type: ignore[no-any-return]


class FailsOnOne(Unruly):
    """Raise where a gradient is asked for near one sample."""

    cured = False

    def forward(self, x: Tensor) -> Tensor:
        if x.requires_grad and not self.cured:
            near = (x - some_digits().x[BAD]).abs().flatten(1).amax(1) < 0.25
            if bool(near.any()):
                raise RuntimeError("index out of range in self")
        return super().forward(x)


class Drifts(Unruly):
    """Shift one logit a little with every answer: less than the check of five answers sees."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("seen", torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        self.seen += 1e-6
        return super().forward(x) + self.seen * torch.eye(10)[0]


class SometimesNan(Unruly):
    """Answer NaN to some images that an attack makes, never to a clean one."""

    def forward(self, x: Tensor) -> Tensor:
        odd = (x * 16).round().sub(x * 16).abs().flatten(1).amax(1) > 0.01
        struck = odd & ((x.flatten(1).sum(1) * 1e3).round() % 3 == 0)
        return torch.where(struck[:, None], torch.nan, super().forward(x))


class Leaks(Unruly):
    """Hook itself once more at every answer, and answer by how many hooks there are."""

    def forward(self, x: Tensor) -> Tensor:
        self.net[1].register_forward_hook(lambda _module, _inputs, output: output * 1.000001)
        return super().forward(x)


def recipe(model: Classifier) -> dict[str, Any]:
    about = {"same": same_as(model, some_digits()), "norm": "Linf", "seed": 0}
    return {**about, "fold": False, "targets": None, "keep_all": False}


def classifier_of(net: nn.Module) -> Classifier:
    return Classifier(net, name="digits")


def test_a_worker_finds_the_sample_on_which_the_model_fails() -> None:
    model = classifier_of(FailsOnOne())
    do = bench(model, some_digits(), recipe(model))
    found = do(Unit("fgsm", 0.02, list(range(20))))
    (failed,) = [one for one in found if isinstance(one, Failed)]
    assert failed.unit.at == [BAD]
    assert "index out of range" in failed.error
    assert sum(len(one.rows) for one in found if isinstance(one, Shard)) == 19


@contextmanager
def as_if_elsewhere(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Do units as a worker does, in this process."""

    @contextmanager
    def pooled(_crew: Any, model: Classifier, samples: Any, *_: Any, **__: Any) -> Iterator[Pool]:
        do = bench(model, samples, recipe(model))
        yield Pool(lambda units: (do(unit) for unit in units), lambda _label: True, 1)

    with monkeypatch.context() as patch:
        patch.setattr("advkit.evaluate.audit.pooled", pooled)
        yield


def test_what_failed_is_kept_and_no_number_told_until_it_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    net = FailsOnOne()
    model, name = classifier_of(net), some_digits().ids[BAD]
    with as_if_elsewhere(monkeypatch):
        for _ in range(2):  # the second does not try what failed again
            with pytest.raises(FailedUnitsError, match=f"on {name}: .*index out of range") as error:
                run(tmp_path / "run", model=model, **GIVEN)
    assert f"advkit retry --errors {tmp_path / 'run'}" in error.value.hint
    assert error.value.exit_code == 7
    rows = table(tmp_path / "run")
    assert name not in set(rows["id"])
    assert len(set(rows["id"])) > 50, "the others are done"
    with open_store(tmp_path / "run") as store:
        assert store.forget_failures() == 6  # two attacks at three eps
    net.cured = True
    run(tmp_path / "run", model=model, **GIVEN)
    run(tmp_path / "whole", model=model, **GIVEN)
    order = ["eps", "attack", "id"]
    whole, mended = (table(tmp_path / one).sort_values(order, ignore_index=True)
                     for one in ("whole", "run"))  # fmt: skip
    pd.testing.assert_frame_equal(whole, mended, check_exact=True)


@pytest.mark.parametrize("net", [Drifts, Leaks])
@pytest.mark.parametrize("jobs", [1, 2])
def test_a_model_that_does_not_stay_the_same_is_refused(
    tmp_path: Path, net: type[nn.Module], jobs: int
) -> None:
    with pytest.raises(InputError, match="no longer answers as it did"):
        run(tmp_path, model=classifier_of(net()), jobs=jobs, **GIVEN)
    assert len(table(tmp_path)) == 0, "rows of a model that is no longer the same"


def test_nan_now_and_then_never_counts_as_fooled_and_is_told(tmp_path: Path) -> None:
    summary = run(tmp_path, model=classifier_of(SometimesNan()), **GIVEN)
    rows = table(tmp_path)
    lost = rows[rows["margin"].isna()]
    assert 0 < len(lost) < len(rows)
    assert not lost["fooled"].any()
    assert summary["not_finite"] == len(lost)
    assert summary["trust"]["overall"] == "doubtful"
    assert "not finite" in summary["notes"][-1]


class SlopeIsNan(Unruly):
    """Answer as the net does, with a way back that is infinity times zero."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) + 0 * (x.flatten(1).sum(1, keepdim=True) * 0).sqrt()


def test_gradients_that_are_nan_are_counted_and_told(tmp_path: Path) -> None:
    summary = run(tmp_path, model=classifier_of(SlopeIsNan()), eps=(0.1,), **GIVEN)
    told = [check["evidence"] for check in summary["trust"]["checks"] if check["state"] == "fail"]
    assert "zero or not finite at 16 of 16 images" in " ".join(told)
    assert summary["trust"]["overall"] == "doubtful"


class FewClasses(Unruly):
    """The net, for digits that are numbered modulo ``classes``."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.classes = classes

    def forward(self, x: Tensor) -> Tensor:
        z = super().forward(x)
        return torch.stack([z[:, k :: self.classes].amax(1) for k in range(self.classes)], 1)


@pytest.mark.parametrize("classes", [2, 3])
def test_few_classes_are_attacked_by_the_whole_suite(tmp_path: Path, classes: int) -> None:
    digits = some_digits()
    given = digits._replace(y=digits.y % classes, classes=())
    summary = run(tmp_path, model=classifier_of(FewClasses(classes)), samples=given, eps=(0.1,),
                  attacks=(), bounds="off")  # fmt: skip
    assert summary["robust"][0]["value"] < summary["clean"]["value"]
    assert summary["trust"]["overall"] == "ok"


def test_jumps_of_the_clock_change_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(tmp_path / "calm", **GIVEN)
    jumps = iter(range(10**9))
    true = time.time

    def jumping() -> float:
        i = next(jumps)
        return true() + (-1) ** i * i * 1e7

    monkeypatch.setattr(time, "time", jumping)
    run(tmp_path / "jumps", **GIVEN)
    a, b = table(tmp_path / "calm"), table(tmp_path / "jumps")
    pd.testing.assert_frame_equal(a, b, check_exact=True)
    seconds = table(tmp_path / "jumps", "costs")["seconds"]
    assert ((seconds > 0) & (seconds < 60)).all()
    noted = read_json(tmp_path / "jumps", "progress.json")
    assert 0 < noted["seconds"] < 60
    assert 0 <= noted["left"] < 600


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs /proc")
def test_many_audits_in_one_process_leave_nothing_behind(tmp_path: Path) -> None:
    """The short form of 2,000: `python -m advkit.benchmarks.scale --soak 2000` is the long one."""
    model = classifier_of(digits_net())
    samples = some_digits(20)

    def once(i: int) -> None:
        run(tmp_path / str(i), model=model, samples=samples, eps=(0.05,), attacks=("fgsm",),
            jobs=1 + i % 2)  # fmt: skip

    for i in range(4):
        once(i)
    before = held(model)
    for i in range(4, 12):
        once(i)
    after = held(model)
    assert after[1:] == before[1:]
    assert after.memory - before.memory < 24
