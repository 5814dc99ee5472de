"""Bounds of robust accuracy: certified images are never fooled, nor fooled ones certified."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from advkit.errors import InputError, UsageError
from advkit.evaluate import bracket, proofs
from advkit.evaluate.certify_run import certify
from advkit.evaluate.merging import merge
from advkit.evaluate.portions import Portion
from advkit.evaluate.proof_checks import UnsoundError
from advkit.models.black_box import BlackBox
from advkit.models.classifier import Classifier
from tests.evaluate.small import EPS, classifier, run, some_digits, table


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict, dict, Path]:
    out = tmp_path_factory.mktemp("bracket")
    attacks = ("fgsm", "pgd:steps=20,loss=margin")
    with_proofs = run(out / "with", attacks=attacks)
    return with_proofs, run(out / "without", attacks=attacks, bounds="off"), out


def test_proofs_change_no_upper_bound_and_save_attacks(both: tuple[dict, dict, Path]) -> None:
    proved, attacked, _ = both
    assert [row["count"] for row in proved["robust"]] == [
        row["count"] for row in attacked["robust"]
    ]
    tried = [sum(row["tried"] for row in one["attacks"]) for one in (proved, attacked)]
    assert tried[0] < tried[1] - 50


def test_fooled_certified_and_open_are_all_that_is_right(both: tuple[dict, dict, Path]) -> None:
    summary, _, out = both
    rows = summary["bracket"]["certified"]
    assert [row["eps"] for row in rows] == list(EPS)
    for row, robust in zip(rows, summary["robust"], strict=True):
        assert row["count"] + row["open"] + row["fooled"] == summary["clean"]["count"]
        assert row["count"] <= robust["count"]
    assert rows[0]["count"] > 60
    assert rows[-1]["count"] < rows[0]["count"]
    samples = pd.read_csv(out / "with" / "samples.csv")
    assert (samples["certified"] < samples["distance"])[samples["right"]].all()
    curve = {point["eps"]: point["count"] for point in summary["bracket"]["curve"]}
    assert curve[0.0] == summary["clean"]["count"]
    assert [curve[row["eps"]] for row in rows] == [row["count"] for row in rows]


def test_no_certified_sample_was_attacked_within_its_radius(both: tuple[dict, dict, Path]) -> None:
    *_, out = both
    radius = pd.read_csv(out / "with" / "samples.csv", dtype={"id": str}).set_index("id")
    rows = table(out / "with")
    rows = rows[rows["attack"].isin(["fgsm", "pgd:steps=20,loss=margin"])]
    assert (radius["certified"].loc[rows["id"]].to_numpy() < rows["eps"].to_numpy()).all()


def test_where_nothing_can_be_proved_the_run_says_so(tmp_path: Path) -> None:
    odd = nn.Sequential(classifier().net, nn.ELU())
    model = Classifier(odd, name="odd")
    summary = run(tmp_path / "auto", model=model, attacks=("fgsm",))
    assert "ELU" in summary["bracket"]["why"]
    assert not summary["bracket"]["curve"]
    with pytest.raises(InputError, match="ELU"):
        run(tmp_path / "asked", model=model, attacks=("fgsm",), bounds="crown")


def test_nothing_can_be_proved_about_a_black_box(tmp_path: Path) -> None:
    net = BlackBox(lambda x: x.reshape(len(x), -1)[:, :10], bytes(32))
    model = Classifier(net, name="black")
    summary = run(tmp_path / "run", model=model, attacks=("noise:draws=2",))
    assert "black box" in summary["bracket"]["why"]
    with pytest.raises(InputError, match="a black box gives only outputs"):
        run(tmp_path / "asked", model=model, attacks=("noise:draws=2",), bounds="crown")


def test_proofs_that_do_not_pay_are_given_up_after_a_few(tmp_path: Path) -> None:
    summary = run(tmp_path / "run", attacks=(), suite="quick", eps=(0.02, 0.4))
    small, large = summary["bracket"]["certified"]
    assert small["count"] > 0
    assert large["tried"] <= 16
    assert "not worth it" in large["why"]


def test_where_nothing_is_proved_of_the_first_few_no_eps_is_tried(tmp_path: Path) -> None:
    summary = run(tmp_path / "run", attacks=("fgsm",), eps=(0.4, 0.5))
    assert "would not pay" in summary["bracket"]["why"]
    assert [row["tried"] for row in summary["bracket"]["certified"]] == [3, 0]
    assert summary["bracket"]["curve"] == []


def test_a_trial_ends_where_a_proof_costs_more_than_the_attacks(tmp_path: Path) -> None:
    certified(tmp_path / "whole", eps=(0.4,), method="crown")
    run(tmp_path / "run", attacks=("noise:draws=2",), eps=(0.4,))
    whole, tried = (table(tmp_path / name, "proofs") for name in ("whole", "run"))
    assert len(tried) == 3
    assert (tried["lower"] < -1e29).all()
    both = tried.merge(whole, on=["id", "eps"], suffixes=("", "_whole"))
    assert len(both) == 3
    assert (both["passes"] < 0.8 * both["passes_whole"]).all()


def test_what_is_misread_is_not_proved_at_eps_zero(tmp_path: Path) -> None:
    samples = some_digits()
    wrong = samples._replace(y=samples.y.clone().index_fill(0, torch.arange(9), 0))
    summary = run(tmp_path / "run", samples=wrong, attacks=("fgsm",), eps=(0.0,))
    clean = summary["clean"]["value"]
    assert 0 < clean < 1
    assert (
        f"exactly {clean:.1%} stay correct, as is proved (95% interval over all such images: "
        in (summary["verdict"])
    )


def test_where_no_image_is_read_right_there_is_nothing_to_check(tmp_path: Path) -> None:
    samples = some_digits()
    wrong = samples._replace(y=(samples.y + 1) % 10)
    model = classifier()
    right = (model(wrong.x).argmax(1) == wrong.y).nonzero().squeeze(1)
    wrong.y[right] = (wrong.y[right] + 1) % 10
    summary = run(tmp_path / "run", samples=wrong, attacks=("fgsm",), eps=(0.1,))
    black = Classifier(
        BlackBox(lambda x: model(torch.from_numpy(x)).detach().numpy(), bytes(32)), name="black"
    )
    told = run(tmp_path / "black", model=black, samples=wrong, attacks=("noise:draws=2",))
    for trust in (summary["trust"], told["trust"]):
        assert trust["overall"] == "doubtful"
        assert trust["headline"].endswith("nothing was attacked, so there is nothing to trust.")
        failed = [check["name"] for check in trust["checks"] if check["state"] == "fail"]
        assert failed == ["no_better_than_guessing"]
    assert summary["verdict"] == told["verdict"]
    assert summary["verdict"].startswith("None of 90 images is classified correctly")
    assert "No image is classified correctly" in summary["bracket"]["why"]


@pytest.mark.parametrize("only", [True, False])
def test_a_net_that_ignores_its_input_is_proved_so_its_attacks_do_not_matter(
    tmp_path: Path, only: bool
) -> None:
    linear = nn.Linear(64, 10)
    nn.init.zeros_(linear.weight)
    linear.bias.data = torch.arange(10.0)
    model = Classifier(nn.Sequential(nn.Flatten(), linear), name="constant")
    samples = some_digits()
    nines = samples._replace(y=torch.full_like(samples.y, 9)) if only else samples
    summary = run(tmp_path / "run", model=model, samples=nines, attacks=("pgd:steps=5",))
    trust = summary["trust"]
    assert all(row["open"] == 0 for row in summary["bracket"]["certified"])
    failed = [check["name"] for check in trust["checks"] if check["state"] == "fail"]
    if only:
        assert (trust["overall"], failed) == ("ok", [])
        assert trust["headline"].startswith("This number is proved")
    else:
        assert (trust["overall"], failed) == ("doubtful", ["no_better_than_guessing"])
        assert "guessing" in trust["headline"]
    unbounded = next(check for check in trust["checks"] if check["name"] == "unbounded_fails")
    assert unbounded["state"] == "not applicable"
    assert "The number does not depend on it" in unbounded["evidence"]


@pytest.mark.parametrize("attack", ["pgd:steps=5", "noise:draws=2"])
def test_an_example_within_a_proof_ends_the_run(
    attack: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By an attack at a larger eps, or where these are too weak by the attack on a few."""
    honest = proofs.certify

    def boastful(graph, region, y, **options):
        found = honest(graph, region, y, **options)
        small = (region.high - region.low).flatten(1).amax(1) < 0.3
        return found._replace(lower=torch.where(small, 1.0, -1.0))

    with monkeypatch.context() as patch:
        patch.setattr(proofs, "certify", boastful)
        with pytest.raises(UnsoundError, match="was proved safe"):
            run(tmp_path / "run", attacks=(attack,), eps=(0.1, 0.2), bounds="crown")


@pytest.mark.parametrize(
    ("eps", "bounds"), [((0.02, 0.1), "auto"), ((0.02, 0.4), "auto"), ((0.05,), "intervals")]
)
def test_a_shard_proves_its_own_share_and_together_they_are_the_whole_run(
    eps: tuple[float, ...], bounds: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bracket, "COMMON", 8)
    given = {"eps": eps, "bounds": bounds, "attacks": ("fgsm", "pgd:steps=20,loss=margin")}
    whole = run(tmp_path / "whole", **given)
    folders = [tmp_path / f"shard-{i}-of-3" for i in (1, 2, 3)]
    for i, folder in enumerate(folders, 1):
        run(folder, shard=Portion(i, 3), **given)
    merge(folders, tmp_path / "merged")
    merged = run(tmp_path / "merged", **given)
    for name, key in (("results", ["attack", "eps", "id"]), ("proofs", ["eps", "id"])):
        one, two = (
            table(tmp_path / out, name)
            .drop(columns=["seconds", "passes", "shard", "row"], errors="ignore")
            .sort_values(key, ignore_index=True)
            for out in ("whole", "merged")
        )
        pd.testing.assert_frame_equal(one, two, check_exact=True)
    assert merged["verdict"] == whole["verdict"]
    told = [[(row["why"], row["count"]) for row in each["bracket"]["certified"]]
            for each in (merged, whole)]  # fmt: skip
    assert told[0] == told[1]
    assert [point["count"] for point in merged["bracket"]["curve"]] == [
        point["count"] for point in whole["bracket"]["curve"]
    ]
    n = len(table(tmp_path / "whole", "proofs"))
    assert all(len(table(folder, "proofs")) < n / 3 + 0.2 * n for folder in folders)


def certified(out: Path, **changes) -> dict:
    given = {"eps": EPS, "out": out, "jobs": 1, **changes}
    return certify(classifier(), some_digits(), **given)


def test_certify_alone_goes_on_where_it_was_stopped(tmp_path: Path) -> None:
    def stop(what: str, done: int, total: int) -> None:
        if what != "clean" and done >= 32:
            raise KeyboardInterrupt

    whole = certified(tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        certified(tmp_path / "parts", progress=stop)
    parts = certified(tmp_path / "parts", jobs=2)
    rows = [
        table(tmp_path / name, "proofs").drop(columns=["seconds", "passes"])
        for name in ("whole", "parts")
    ]
    pd.testing.assert_frame_equal(*rows)
    for one, other in zip(whole["certified"], parts["certified"], strict=True):
        assert one["count"] == other["count"]
    with pytest.raises(InputError, match="method"):
        certified(tmp_path / "parts", method="crown")


def test_a_dearer_method_proves_no_less_and_the_curve_falls(tmp_path: Path) -> None:
    runs = [certified(tmp_path / name, method=name) for name in ("intervals", "crown", "alpha")]
    counts = np.array([[row["count"] for row in one["certified"]] for one in runs])
    assert (np.diff(counts, axis=0) >= 0).all()
    curve = [point["count"] for point in runs[-1]["curve"]]
    assert curve == sorted(curve, reverse=True)
    assert len(curve) > 10
    last = runs[-1]["certified"][-1]
    assert len(runs[-1]["open"]) == runs[-1]["clean"]["count"] - last["count"]


def test_an_unknown_method_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="crwn"):
        certified(tmp_path / "run", method="crwn")
