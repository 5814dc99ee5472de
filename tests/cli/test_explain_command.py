"""`advkit explain` and `advkit inspect` on the command line."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch

import advkit
from advkit.cli.explain import listed
from advkit.data.specs import load_data
from advkit.errors import InputError
from advkit.insight import ABOUT, METHODS, saliency
from advkit.models.specs import load_model
from tests.cli.run_cli import Cli

ROOT = Path(__file__).parents[2]
NET, DATA = "bundled:digits-cnn", "bundled:digits"
COMMON = ("explain", "--model", NET, "--data", DATA, "--images", 3, "--no-progress")


def test_maps_beside_the_page_are_raw_and_those_of_python(cli: Cli, tmp_path: Path) -> None:
    out = tmp_path / "run"
    done = cli(*COMMON, "--method", "gradient,grad_cam", "--out", out)
    assert done.code == 0, done.err
    assert str(out / "report.html") in done.out
    x = load_data(DATA, limit=3).x
    model = load_model(NET)
    found = np.load(out / "maps" / "gradient.npy")
    assert np.array_equal(found, saliency(model, x).numpy())
    cam = np.load(out / "maps" / "grad_cam.npy")
    assert cam.shape[1] < x.shape[2]  # of the layer's own size
    large = torch.nn.functional.interpolate(torch.from_numpy(cam)[:, None], x.shape[2:],
                                            mode="bilinear")[:, 0]  # fmt: skip
    assert torch.equal(large, saliency(model, x, method="grad_cam"))
    page = (out / "report.html").read_text(encoding="utf-8")
    assert "grad cam" in page
    assert load_data(DATA, limit=3).ids[0] in page


BLIND = """
import torch
import advkit

net = advkit.load_model("bundled:digits-cnn")

def ask(x):
    with torch.no_grad():
        return net(torch.from_numpy(x)).numpy()
"""


def test_a_black_box_gets_no_maps_of_gradients_that_it_does_not_have(
    cli: Cli, tmp_path: Path
) -> None:
    """They were 0 everywhere, and shown as maps beside those of methods that do apply."""
    (tmp_path / "blind.py").write_text(BLIND)
    box = ("explain", "--model", f"predict:{tmp_path}/blind.py:ask", "--data", DATA, "--images", 2,
           "--no-progress")  # fmt: skip
    done = cli(*box, "--method", "gradient,grad_cam,occlusion", "--out", tmp_path / "run")
    assert done.code == 0, done.err
    assert done.out.count("does not apply to a black box") == 2
    assert [file.name for file in (tmp_path / "run" / "maps").iterdir()] == ["occlusion.npy"]
    none = cli(*box, "--method", "gradient", "--out", tmp_path / "none")
    assert none.code == 3
    assert "occlusion" in none.err
    attacked = cli(*box, "--eps", "0.1", "--out", tmp_path / "attacked")
    assert attacked.code == 2
    assert "pgd needs gradients" in attacked.err
    believed = cli(*box, "--method", "occlusion", "--faithfulness", "--out", tmp_path / "believed")
    assert believed.code == 3
    assert "leave --faithfulness out" in believed.err, "it ended in a division by zero"
    assert not (tmp_path / "believed").exists()


def test_everything_at_once_as_json(cli: Cli, tmp_path: Path) -> None:
    out = tmp_path / "run"
    masks = np.zeros((3, *load_data(DATA, limit=3).x.shape[2:]), dtype=bool)
    masks[:2, 2:6, 2:6] = True
    np.savez(tmp_path / "truth.npz", masks=masks)
    words = ("--method", "gradient", "--method", "hires_cam", "--segment", "--faithfulness",
             "--eps", "0.3", "--truth", tmp_path / "truth.npz", "--out", out, "--json")  # fmt: skip
    done = cli(*COMMON, *words)
    assert done.code == 0, done.err
    told = json.loads(done.out)
    assert told["made_of"] == json.loads((out / "run.json").read_text())["made_of"]
    assert [row["label"] for row in told["methods"]] == ["gradient", "hires_cam"]
    objects = told["segmentation"]["objects"]
    assert [("iou" in one) for one in objects] == [True, True, False]  # the third truth is empty
    rows = told["faithfulness"]["methods"]
    assert all(row["pointing"]["n"] == 2 for row in rows)
    assert all(row["cascade"][0] == [0.0, 1.0] for row in rows)
    assert told["attack"]["n"] == 3
    after = np.load(out / "adversarial" / "gradient.npy")
    x_adv = torch.from_numpy(np.load(out / "adversarial.npz")["x_adv"])
    target = torch.tensor([one["target"] for one in told["samples"]])
    assert np.array_equal(after, saliency(load_model(NET), x_adv, target).numpy())
    assert (out / "report.html").read_text().count('class="strip"') == 3 + 3 + 6


def test_what_was_made_is_kept_and_another_question_is_refused(cli: Cli, tmp_path: Path) -> None:
    out = tmp_path / "run"
    words = (*COMMON, "--method", "gradient,occlusion", "--out", out)
    assert cli(*words).code == 0
    file = out / "maps" / "occlusion.npy"
    marked = np.load(file) + 1
    np.save(file, marked)
    assert cli(*words).code == 0
    assert np.array_equal(np.load(file), marked)
    np.savez(tmp_path / "truth.npz", masks=np.ones((3, 8, 8), bool))
    other = cli(*words, "--truth", tmp_path / "truth.npz")
    assert other.code == 3
    assert "other truth" in other.err
    again = cli(*words, "--target", "second")
    assert again.code == 3
    assert "other target" in again.err
    assert cli(*words, "--fresh").code == 0
    assert not np.array_equal(np.load(file), marked)
    (out / "run.json").write_text('{"schema": "advkit/audit/1"}')
    assert "another kind of run" in cli(*words, "--fresh").err


def test_a_folder_of_other_files_is_left_alone(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "maps").mkdir()
    (tmp_path / "maps" / "mine.npy").write_text("mine")
    refused = cli(*COMMON, "--method", "gradient", "--out", tmp_path, "--fresh")
    assert refused.code == 3
    assert f"--out {tmp_path} holds other files" in refused.err
    assert [file.name for file in tmp_path.rglob("*.*")] == ["mine.npy"]


def test_a_stage_that_was_done_is_not_done_again(cli: Cli, tmp_path: Path) -> None:
    words = (*COMMON, "--method", "gradient", "--faithfulness", "--out", tmp_path / "run", "--json")
    first = json.loads(cli(*words).out)
    file = tmp_path / "run" / "faithfulness.json"
    kept = json.loads(file.read_text())
    kept["methods"][0]["edges"] = 0.125
    file.write_text(json.dumps(kept))
    again = json.loads(cli(*words).out)
    assert again["faithfulness"] == kept
    assert {**again["faithfulness"]["methods"][0], "edges": 0} == {
        **first["faithfulness"]["methods"][0], "edges": 0}  # fmt: skip
    assert again["started"] == first["started"]


def test_a_method_that_does_not_apply_is_refused_alone(cli: Cli, tmp_path: Path) -> None:
    words = ("--method", "attention_rollout,gradient", "--out", tmp_path / "run")
    done = cli(*COMMON, *words)
    assert done.code == 0
    assert "does not apply: attention rollout needs attention" in " ".join(done.out.split())
    alone = cli(*COMMON, "--method", "attention_rollout", "--out", tmp_path / "other")
    assert alone.code == 3
    assert "whole image" in alone.err


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("--method", "gradeint"), 2, "did you mean gradient?"),
        (("--method", "rise:mask=3"), 2, "did you mean masks?"),
        (("--method", "grad_cam", "--layer", "cov"), 2, "there is no layer 'cov'"),
        (("--target", "dgo"), 2, "there is no target 'dgo'"),
        (("--target", "0[99,0,0]"), 3, "outside the layer"),
        (("--eps", "0.1", "--attack", "pdg"), 2, "did you mean pgd?"),
        (("--truth", "missing.npz"), 3, "missing.npz"),
        (("--eps", "2"), 2, "whole range"),
    ],
)
def test_what_is_wrong_is_said_in_a_line(
    cli: Cli, tmp_path: Path, words: tuple[str, ...], code: int, said: str
) -> None:
    done = cli(*COMMON, "--out", tmp_path / "run", *words)
    assert done.code == code, done.err
    assert said in done.err
    assert "Traceback" not in done.err


def test_methods_with_options_in_a_list() -> None:
    assert listed(["gradient, rise:masks=9,cells=3,grad_cam", "occlusion"]) == [
        "gradient",
        "rise:masks=9,cells=3",
        "grad_cam",
        "occlusion",
    ]


def test_help_and_manual_name_every_method(cli: Cli) -> None:
    told = cli("explain", "--help").out
    (listing,) = re.findall(r"Methods:\n(.*?)\n\s*\n", told, re.S)
    assert sorted(re.findall(r"\w+", listing)) == sorted(METHODS)
    manual = (ROOT / "docs/explain.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (`.*?`) \|", manual.partition("## Methods")[2], re.M)
    named = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    assert set(METHODS) == set(ABOUT) <= named


def test_truth_that_does_not_fit(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "truth.npz"
    for arrays, said in (
        ({"masks": np.zeros((3, 5, 5), bool)}, "shape (3, 5, 5)"),
        ({"masks": np.zeros((1, 8, 8), bool)}, "no mask for 2 images"),
        ({"other": np.zeros(3)}, "has no array 'masks'"),
        ({"masks": np.array([None])}, "object array"),
    ):
        np.savez(file, **arrays)
        done = cli(*COMMON, "--truth", file, "--out", tmp_path / "run")
        assert done.code in (3, 4)
        assert said in done.err


def test_inspect_lists_the_layers_in_the_order_of_a_pass(cli: Cli) -> None:
    done = cli("inspect", NET, "--layers", "--json")
    told = json.loads(done.out)
    layers = told["layers"]
    assert layers[0]["name"] == "0"
    assert layers[0]["shape"][1:] == told["shape"][1:]
    assert layers[-1]["shape"] == [10]
    assert sum(row["parameters"] for row in layers) == told["parameters"]
    maps = [row["name"] for row in layers if row["map"]]
    text = cli("inspect", NET, "--layers").out
    assert all(f"\n{name} " in text for name in maps)
    x = load_data(DATA, limit=2).x
    for name in maps:
        assert saliency(load_model(NET), x, method="hires_cam", layer=name).any()


def test_inspect_needs_a_shape_where_the_model_does_not_say(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "net.py"
    file.write_text("from torch import nn\ndef make():\n    return nn.Sequential(nn.Flatten(), "
                    "nn.Linear(12, 2))\n")  # fmt: skip
    assert cli("inspect", f"{file}:make").code == 2
    done = cli("inspect", f"{file}:make", "--shape", "3,2,2")
    assert done.code == 0, done.err
    assert "classes  2" in done.out
    wrong = cli("inspect", f"{file}:make", "--shape", "3,x")
    assert wrong.code == 2
    assert "--shape 3,x" in wrong.err


def test_the_score_of_a_softmax_is_called_a_probability(tmp_path: Path) -> None:
    net = advkit.load_model("bundled:digits-cnn")
    soft = advkit.Classifier(torch.nn.Sequential(net, torch.nn.Softmax(1)), name="soft")
    given = {"methods": ["gradient"], "limit": 2}
    found = advkit.explain(soft, "bundled:digits", out=tmp_path / "a", **given)
    assert found["target"] == "the probability of the predicted class"
    assert advkit.explain(net, "bundled:digits", out=tmp_path / "b", **given)["target"] == (
        "the logit of the predicted class"
    )


def test_classes_in_another_order_are_refused(tmp_path: Path) -> None:
    net = advkit.load_model("bundled:digits-cnn")
    net.classes = net.classes[::-1]
    with pytest.raises(InputError, match="the same in another order"):
        advkit.explain(net, "bundled:digits", out=tmp_path, methods=["gradient"], target="label")


def test_a_flat_map_leaves_the_summary_json(tmp_path: Path) -> None:
    """A map that is 0 everywhere has no rank correlation: NaN, which JSON does not have."""
    torch.manual_seed(0)
    last = torch.nn.Linear(2, 10)
    last.weight.data.fill_(-1)  # no positive evidence for any class: Grad-CAM is 0
    net = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.Sigmoid(),
                              torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), last)  # fmt: skip
    model = advkit.Classifier(net, name="flat")
    given = {"methods": ["grad_cam"], "eps": 0.1, "limit": 2, "out": tmp_path}
    found = advkit.explain(model, "bundled:digits", **given)
    assert found["attack"]["methods"][0]["images"][0]["spearman"] is None
    assert "NaN" not in (tmp_path / "run.json").read_text()
    assert (tmp_path / "report.html").is_file()
