"""A small transfer study end to end: what counts, resuming, and independence of the rest."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from advkit.attacks import ATTACKS, parse
from advkit.benchmarks.classical_targets import classical_targets
from advkit.benchmarks.independent_nets import loaded, plan_nets, trained
from advkit.benchmarks.transfer import members_of, transfer
from advkit.benchmarks.transfer_runs import Key, Net, file_name
from advkit.data import load_data
from advkit.data.samples import take
from advkit.errors import EmptyError, InputError, UsageError
from advkit.evaluate.store import open_store
from advkit.models.classifier import Classifier
from advkit.pages.transfers import write_page

ARCHITECTURES = ("logistic", "mlp?width=16&depth=1")
TRAIN = load_data("bundled:digits?split=train")
TEST = load_data("bundled:digits", limit=40)
RECIPE = {"epochs": 8, "batch_size": 32}


@pytest.fixture(scope="module")
def nets(tmp_path_factory: pytest.TempPathFactory) -> list[Net]:
    plans = plan_nets(len(TRAIN.ids), ARCHITECTURES, 2, **RECIPE)
    files = trained(plans, TRAIN, tmp_path_factory.mktemp("nets"), jobs=1, progress=silent)
    cpu = torch.device("cpu")
    found = [Net(plan.name, plan.recipe.arch, net)
             for plan, net in zip(plans, loaded(plans, files, cpu), strict=True)]  # fmt: skip
    return [*found, *classical_targets(TRAIN, 10)[-1:]]


def silent(_what: str, _done: int, _total: int) -> None:
    pass


def study(nets: list[Net], out: Path, **changes: Any) -> dict[str, Any]:
    given = {"attacks": ("fgsm", "bim"), "eps": (0.1, 0.2), "steps": 3, "jobs": 1}
    return transfer(nets, TEST, out=out, **{**given, **changes})


@pytest.fixture(scope="module")
def done(nets: list[Net], tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], Path]:
    out = tmp_path_factory.mktemp("study")
    return study(nets, out), out


def two_nets(nets: list[Net], out: Path, **changes: Any) -> str:
    """Return the table of a study that takes a second."""
    given = {"attacks": ("bim", "dim"), "eps": (0.2,), "targets": None}
    study(nets[:2], out, **{**given, **changes})
    return (out / "transfer.csv").read_text()


@pytest.fixture(scope="module")
def quick(nets: list[Net], tmp_path_factory: pytest.TempPathFactory) -> str:
    return two_nets(nets, tmp_path_factory.mktemp("quick"))


def test_every_cell_is_what_the_nets_say_of_the_saved_examples(
    nets: list[Net], done: tuple[dict[str, Any], Path]
) -> None:
    rows = pd.read_csv(done[1] / "transfer.csv")
    x, y = TEST.x, TEST.y
    for source in nets[:2]:
        with open_store(done[1] / "sources" / file_name(source.name)) as store:
            found = store.frame("results")
        found = found[(found["attack"] == "bim") & (found["eps"] == 0.2)]
        x_adv = x.clone()
        with open_store(done[1] / "sources" / file_name(source.name)) as store:
            for row in found.to_dict("records"):
                example = store.example(row["shard"], row["row"])
                x_adv[TEST.ids.index(row["id"])] = torch.from_numpy(example)
        assert ((x_adv - x).abs() <= 0.2 + 1e-6).all()
        for target in nets:
            right = (source.model(x).argmax(1) == y) & (target.model(x).argmax(1) == y)
            fooled = right & (target.model(x_adv).argmax(1) != y)
            between = (rows["source"] == source.name) & (rows["target"] == target.name)
            how = (rows["attack"] == "bim") & (rows["eps"] == 0.2) & ~rows["targeted"]
            row = rows[between & how]
            assert row["n"].item() == int(right.sum())
            assert row["count"].item() == int(fooled.sum())
            assert row["white_box"].item() == (source is target)


def test_malice_is_above_noise_and_itself_above_others(done: tuple[dict[str, Any], Path]) -> None:
    ranked = {row["attack"]: row for row in done[0]["ranked"]}
    noise = ranked["noise:draws=1"]["success"]
    assert ranked["bim"]["success"]["low"] > noise["high"]
    assert ranked["bim"]["white_box"]["value"] > ranked["bim"]["success"]["value"]
    assert ranked["bim"]["success"]["pairs"] == 12
    assert ranked["fgsm"]["forwards"] == 1
    assert ranked["bim"]["backwards"] == 3
    assert any("one step over many" in text.lower() for text in done[0]["findings"])
    assert [row["sources"] for row in done[0]["ensembles"]] == [1, 2, 3]
    assert done[0]["shown"] in ("fgsm", "bim")
    assert done[0]["verdict"].startswith("An image perturbed within Linf 0.2")
    assert " tries on images that both classify correctly" in done[0]["verdict"]


def test_a_target_without_gradients_is_a_target_only(
    nets: list[Net], done: tuple[dict[str, Any], Path]
) -> None:
    rows = pd.read_csv(done[1] / "transfer.csv")
    assert set(rows["target"]) == {net.name for net in nets}
    assert set(rows["source"]) == {net.name for net in nets[:4]}
    fitted = nets[-1].model.net.fitted
    said = torch.from_numpy(fitted.predict(TEST.x.flatten(1).double().numpy()))
    assert (nets[-1].model(TEST.x).argmax(1) == said).all()


def test_neither_batches_nor_workers_matter(nets: list[Net], quick: str, tmp_path: Path) -> None:
    assert two_nets(nets, tmp_path, batch_size=7, jobs=2) == quick


def test_a_study_that_was_stopped_goes_on(nets: list[Net], quick: str, tmp_path: Path) -> None:
    seen: list[str] = []

    def stop(what: str, _done: int, _total: int) -> None:
        seen.append(what)
        if len(seen) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        two_nets(nets, tmp_path, progress=stop)
    again: list[str] = []
    assert two_nets(nets, tmp_path, progress=lambda what, *_: again.append(what)) == quick
    assert again
    assert set(seen[:2]).isdisjoint(again)
    with pytest.raises(InputError, match="other attacks"):
        two_nets(nets, tmp_path, steps=4)
    assert two_nets(nets, tmp_path, steps=4, fresh=True) != quick


def test_one_perturbation_for_all_is_learned_on_all(nets: list[Net], tmp_path: Path) -> None:
    found = study(nets[:2], tmp_path, attacks=("universal:steps=3", "admix:mixes=1,scales=1"),
                  eps=(0.2,), batch_size=5, targets=None)  # fmt: skip
    assert {row["attack"] for row in found["ranked"]} >= {"universal:steps=3"}
    with open_store(tmp_path / "sources" / file_name(nets[0].name)) as store:
        costs = store.frame("costs")
    assert (costs["attack"] == "universal:steps=3").sum() == 1


def test_the_page_of_a_study(done: tuple[dict[str, Any], Path]) -> None:
    page = write_page(done[1]).read_text(encoding="utf-8")
    for text in (done[0]["verdict"][:40], "nearest neighbours", "One image, every net", "Mantel"):
        assert text in page


def test_all_walk_as_long_and_none_stops() -> None:
    texts = ["bim", "pgd:steps=7,stop=true", "fgsm", "mifgsm+dim", "universal"]
    members = {member.label: member for member in members_of(texts, "Linf", 5)}
    assert (members["bim"].options["step"], members["universal"].options["step"]) == (0.2, 0.2)
    assert members["mifgsm+dim"].options["step"] == 0.2
    assert members["bim"].options["steps"] == 5
    assert members["bim"].options["stop"] is False
    assert members["pgd:steps=7,stop=true"].options["steps"] == 7
    assert members["pgd:steps=7,stop=true"].options["stop"] is True
    assert members["mifgsm+dim"].options["steps"] == 5
    assert next(iter(members)) == "noise:draws=1"
    with pytest.raises(UsageError, match="no norm L1"):
        members_of(["dim"], "L1", 5)


def test_what_is_no_study(nets: list[Net], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="too few"):
        study(nets[:1], tmp_path)
    with pytest.raises(UsageError, match="given twice"):
        study([nets[0], nets[0]], tmp_path)
    assert Key("a", "fgsm", 0.1)._replace(targeted=True) != Key("a", "fgsm", 0.1)
    assert parse("noise:draws=1", ATTACKS).options == {"draws": 1}


def test_nets_share_neither_images_nor_initialisation() -> None:
    plans = plan_nets(101, ["cnn", "mlp"], 3)
    assert len({plan.recipe.seed for plan in plans}) == 6
    parts = [set(plan.seen) for plan in plans[:3]]
    assert set.union(*parts) == set(range(101))
    assert sum(map(len, parts)) == 101
    assert [set(plan.seen) for plan in plans[3:]] == parts
    assert {plan.seen for plan in plan_nets(9, ["cnn"], 2, split="shared")} == {tuple(range(9))}
    for wrong in ({"split": "halves"}, {"seeds": 0}):
        with pytest.raises(UsageError):
            plan_nets(9, ["cnn"], **{"seeds": 2, **wrong})


def test_training_in_processes_gives_the_same_weights_once(tmp_path: Path) -> None:
    some = take(TRAIN, range(120))
    plans = plan_nets(120, ("logistic", "mlp?width=8&depth=1"), 1, epochs=2, batch_size=30)
    here = trained(plans, some, tmp_path / "here", jobs=1, progress=silent)
    there = trained(plans, some, tmp_path / "there", jobs=2, progress=silent)
    for one, other in zip(here, there, strict=True):
        assert one.read_bytes() == other.read_bytes()
        assert one.name == other.name
    told: list[str] = []
    trained(plans, some, tmp_path / "here", jobs=1, progress=lambda what, *_: told.append(what))
    assert not told, "what is there is not trained again"
    other = plan_nets(60, ("logistic",), 1, epochs=2, batch_size=30)
    (file,) = trained(other, take(TRAIN, range(60)), tmp_path / "here", jobs=1, progress=silent)
    assert file not in here, "other images, another file"


def test_a_training_that_fails_tells_why(tmp_path: Path) -> None:
    plans = plan_nets(40, ("cmn", "mlp"), 1, epochs=1)
    with pytest.raises(UsageError, match="no architecture 'cmn'"):
        trained(plans, take(TRAIN, range(40)), tmp_path, jobs=2, progress=silent)


def test_the_image_that_is_shown_is_the_median_one(
    nets: list[Net], done: tuple[dict[str, Any], Path]
) -> None:
    saved = np.load(done[1] / "one_image.npz")
    assert saved["adversarial"].shape == (4, 1, 8, 8)
    assert np.abs(saved["adversarial"] - saved["clean"]).max() <= 0.2 + 1e-6


def test_nets_that_read_no_image_right_together_are_refused(
    nets: list[Net], tmp_path: Path
) -> None:
    """Each reads some: there is still nothing that could be fooled twice."""
    first = nets[0].model(TEST.x).argmax(1) == TEST.y
    opposite = torch.nn.Sequential(nets[1].model, Turned())
    other = Net("turned", "turned", Classifier(opposite, name="turned"))
    right = other.model(TEST.x).argmax(1) == TEST.y
    kept = take(TEST, ((first != right).nonzero()[:, 0]).tolist())
    given: dict[str, Any] = {"attacks": ("fgsm",), "eps": (0.1,), "steps": 1, "jobs": 1}
    with pytest.raises(
        EmptyError, match=r"classified correctly by two of the nets; of \d+ images: .*turned"
    ):
        transfer([nets[0], other], kept, out=tmp_path / "run", **given)


class Turned(torch.nn.Module):
    def forward(self, logits: torch.Tensor) -> torch.Tensor:
        return -logits
