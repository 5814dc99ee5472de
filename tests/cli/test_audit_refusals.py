"""Errors of `advkit audit`: invalid arguments, models, files and labels."""

from pathlib import Path

import numpy as np
import pytest
from torch import nn

from tests.cli.run_cli import QUICK_AUDIT, Cli


def nan_net() -> nn.Module:
    class Nan(nn.Module):
        def forward(self, x):
            return x.flatten(1)[:, :10] * float("nan")

    return Nan()


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("--eps", "nan"), 2, "'nan' is not a finite number"),
        (("--eps", "-0.1"), 2, "-0.1 is not a radius"),
        (("--eps", "8"), 2, "did you mean 8/255 = 0.0314?"),
        (("--eps", "8/0"), 2, "'8/0' is not a number"),
        (("--eps", "inf"), 2, "not a finite number"),
        (("--norm", "L3"), 2, "L3"),
        (("--attacks", "pdg"), 2, "did you mean pgd?"),
        (("--attacks", "pgd:steps=0"), 2, "pgd:steps=0 is not possible"),
        (("--attacks", "tests.cli.test_audit_refusals:nothing"), 2, "cannot be imported"),
        (("--suite", "huge"), 2, "huge"),
        (("--batch-size", "0"), 2, "0 is not in the range"),
        (("--fail-under", "nan"), 2, "nan is not a share"),
        (("--fail-under", "40"), 2, "40"),
        (("-o", "rows.xlsx"), 2, "ends in none of .html, .md, .xml, .json, .csv"),
        (("-o", "/no/such/place/rows.csv"), 3, "no directory /no/such/place"),
        (("--attacks", "fgsm,pgd"), 2, "repeat --attacks for each"),
        (("--attacks", "pgd:step=-1"), 2, "pgd:step=-1 is not possible"),
        (("--attacks", "math:sqrt"), 3, "the attack math:sqrt failed"),
        (("-j", "100000"), 2, "100000"),
        (("--modell", "x"), 2, "--model"),
        (("--model", "bundled:fashion-mnist-cnn-robusst"), 2, "did you mean"),
        (("--model", "torchvison:resnet18"), 2, "did you mean torchvision"),
        (("--model", "missing.safetensors"), 3, "missing.safetensors"),
        (("--model", "./missing.py:make"), 3, "missing.py"),
        (("--model", "tests.evaluate.small:nothing"), 3, "nothing"),
        (("--model", "tests.cli.test_audit_refusals:nan_net"), 3, "NaN"),
        (
            ("--model", "torchvision:resnet18?weights=none", "--data", "bundled:digits"),
            3,
            "channel",
        ),
        (("--data", "bundled:digitz"), 2, "did you mean digits?"),
        (("--data", "imagefolder:/no/such/folder"), 3, "/no/such/folder"),
        (("--limit", "0"), 5, ""),
        (("--device", "cuda:99"), 3, "cuda:99"),
        (("--model", "tests.evaluate.small:digits_net", "--data", ""), 2, ""),
    ],
)
def test_bad_input_is_one_clear_line_with_its_exit_code(
    cli: Cli, tmp_path: Path, words: tuple[str, ...], code: int, says: str
) -> None:
    result = cli.but(("audit", *QUICK_AUDIT, "--out", tmp_path / "run"), *words)
    assert result.code == code, result.err
    assert says in result.err
    assert "Traceback" not in result.err
    assert result.out == ""
    assert len([line for line in result.err.splitlines() if line.startswith("error[E")]) == 1


def test_files_that_could_run_code_are_refused(cli: Cli, tmp_path: Path) -> None:
    import pickle

    class Payload:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "executed",))

    for name in ("net.pt", "net.pth", "net.safetensors", "net.joblib", "net.pkl"):
        file = tmp_path / name
        file.write_bytes(pickle.dumps(Payload()))
        result = cli.but(("audit", *QUICK_AUDIT), "--model", file)
        assert result.code == 4, result.err
        assert name in result.err
    assert not (tmp_path / "executed").exists()


def test_images_and_labels_that_do_not_fit(cli: Cli, tmp_path: Path) -> None:
    x = np.random.default_rng(0).random((6, 1, 8, 8)).astype(np.float32)
    cases = {
        "range": (x * 255, np.arange(6), "255"),
        "negative": (x - 0.5, np.arange(6), "-0.49"),
        "labels": (x, np.array([0, 1, 2, 3, 4, 99]), "99"),
        "ignored": (x, np.array([0, 1, 2, 3, 4, -100]), "-100"),
        "length": (x, np.arange(5), "5"),
    }
    for name, (images, labels, says) in cases.items():
        file = tmp_path / f"{name}.npz"
        np.savez(file, x=images, y=labels)
        result = cli.but(("audit", *QUICK_AUDIT), "--data", f"npz:{file}", "--out", tmp_path / name)
        assert result.code == 3, (name, result.err)
        assert says in result.err, name


@pytest.mark.parametrize(
    ("surrogate", "says"),
    [
        ("bundled:fashion-mnist-cnn", "the model bundled:fashion-mnist-cnn"),
        (
            "tests.cli.test_audit_refusals:two_classes",
            "has 2 outputs, but there are 10 class names",
        ),
    ],
)
def test_a_surrogate_that_does_not_fit_is_refused(
    cli: Cli, tmp_path: Path, surrogate: str, says: str
) -> None:
    result = cli("audit", *QUICK_AUDIT, "--surrogate", surrogate, "--out", tmp_path / "run")
    assert result.code == 3
    assert says in result.err
    assert not (tmp_path / "run").exists()


def two_classes() -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 2))
