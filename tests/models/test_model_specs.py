import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from advkit.errors import InputError, UsageError
from advkit.models import Classifier, input_shape, load_model, probe
from advkit.models.nets import build
from advkit.models.specs import bundled_models
from advkit.models.torch_file import under_prefix, unwrapped
from advkit.models.weights_file import read_weights, write_weights

MODULE = """
import torch
from torch import nn
from advkit.models import Classifier
import {sibling}

net = nn.Sequential(nn.Flatten(), nn.Linear(4, 2))
number = 3

def make(width=4, bias=True, label="x"):
    assert isinstance(width, int) and isinstance(bias, bool) and isinstance(label, str)
    return nn.Sequential(nn.Flatten(), nn.Linear(width, 2, bias=bias))

def ready():
    return Classifier(net, name="ready", mean=[0.5], std=[0.5])

def nothing():
    pass

def broken():
    raise ValueError("no such\\nthing")

def leaves():
    raise SystemExit(3)
"""


@pytest.fixture
def code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "sibling_of_net.py").write_text("")
    (tmp_path / "net.py").write_text(MODULE.format(sibling="sibling_of_net"))
    monkeypatch.chdir(tmp_path)
    return "./net.py"


def test_a_callable_in_a_file(code: str) -> None:
    model = load_model(f"{code}:make?width=6&bias=false&mean=0.5&std=0.25", classes=["a", "b"])
    assert model.name == f"{code}:make?width=6&bias=false&mean=0.5&std=0.25"
    assert model(torch.rand(3, 1, 2, 3)).shape == (3, 2)
    assert model.net[1].bias is None
    assert model.classes == ("a", "b")
    assert model.mean is not None
    assert model.mean.tolist() == [0.5]
    assert str(Path.cwd()) not in sys.path


def test_weights_of_an_untrained_callable_are_always_the_same(code: str) -> None:
    torch.manual_seed(5)
    before = torch.random.get_rng_state()
    first = load_model(f"{code}:make").fingerprint()
    torch.rand(3)
    assert load_model(f"{code}:make").fingerprint() == first
    torch.random.set_rng_state(before)
    load_model(f"{code}:make")
    assert torch.equal(torch.random.get_rng_state(), before)


def test_a_module_and_a_classifier(code: str) -> None:
    assert load_model(f"{code}:net")(torch.rand(2, 1, 2, 2)).shape == (2, 2)
    assert load_model(f"{code}:ready").name == "ready"
    with pytest.raises(UsageError, match="own normalisation"):
        load_model(f"{code}:ready?mean=0.5")


@pytest.mark.parametrize(
    ("name", "told", "hint"),
    [
        ("mak", "there is no 'mak'", "did you mean make?"),
        ("number", "is a int, not a callable", ""),
        ("nothing", "returned a NoneType", "options follow"),
        ("broken", r"raised ValueError: no such thing \(net.py:2\d\)", ""),
        ("leaves", r"raised SystemExit: 3 \(net.py:", ""),
        ("make?hidden=3", "raised TypeError: .*hidden", ""),
        ("make?mean=a", "mean=a", "mean=0.5"),
        ("make?bias", "'bias' .* is not key=value", ""),
    ],
)
def test_what_a_file_may_get_wrong(code: str, name: str, told: str, hint: str) -> None:
    with pytest.raises((InputError, UsageError), match=told) as caught:
        load_model(f"{code}:{name}")
    assert hint in caught.value.hint
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("import torch\n1 / 0\n", r"ZeroDivisionError: division by zero \(bad.py:2\)"),
        ("def f(:\n", r"SyntaxError: .*\(bad.py:1\)"),
        ("import nowhere_at_all\n", r"ModuleNotFoundError: .*nowhere_at_all.*\(bad.py:1\)"),
        ("raise SystemExit\n", r"SystemExit"),
    ],
)
def test_an_import_that_raises(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "bad.py").write_text(text)
    with pytest.raises(InputError, match=f"bad.py:make cannot be imported: {told}"):
        load_model(f"{tmp_path}/bad.py:make")


@pytest.mark.parametrize("kind", ["module", "package", "bare folder"])
def test_modules_of_one_name_next_to_two_files_are_told_apart(tmp_path: Path, kind: str) -> None:
    """Python would give the second file the module of the first: another net, and no error."""
    name = f"arch_{kind[:4]}"
    text = "from torch import nn\ndef net():\n    return nn.Sequential(*[nn.Flatten()] * %d)\n"
    for folder, depth in (("a", 1), ("b", 2)):
        (tmp_path / folder / name).mkdir(parents=True)
        place = f"{name}.py" if kind == "module" else f"{name}/inner.py"
        (tmp_path / folder / place).write_text(text % depth)
        if kind == "package":
            (tmp_path / folder / name / "__init__.py").touch()
        source = name if kind == "module" else f"{name}.inner"
        (tmp_path / folder / "net.py").write_text(f"from {source} import net as make\n")
    depths = [len(list(load_model(f"{tmp_path}/{one}/net.py:make").net)) for one in "abba"]
    assert depths == [1, 2, 2, 1]


def test_a_missing_python_file() -> None:
    with pytest.raises(InputError, match=r"nowhere.py does not exist"):
        load_model("./nowhere.py:make")


def test_an_importable_module() -> None:
    spec = "advkit.models.nets:mlp"
    with pytest.raises(InputError, match="raised TypeError"):
        load_model(spec)
    with pytest.raises(InputError, match="there is no 'mpl'") as caught:
        load_model("advkit.models.nets:mpl")
    assert caught.value.hint == "did you mean mlp?"
    with pytest.raises(InputError, match="ModuleNotFoundError"):
        load_model("advkit.nothing:make")


@pytest.mark.parametrize(
    ("spec", "told", "hint"),
    [
        ("bundle:fashion-mnist-cnn", "unknown scheme", "bundled"),
        ("torchvison:resnet18", "unknown scheme", "did you mean torchvision?"),
        ("hgf:org/name", "unknown scheme 'hgf'", "FILE.safetensors"),
        ("torchvision:resnet81", "no classifier 'resnet81'", "did you mean resnet18?"),
        ("torchvision:resnet18?weight=none", "no option 'weight'", "did you mean weights?"),
        ("torchvision:resnet18?weights=IMAGENET1K_V9", "no weights", "IMAGENET1K_V1"),
        ("torchvision:resnet18?weights=DEFAULT&num_classes=10", "num_classes", ""),
        ("torchvision:resnet18?num_classes=1", "num_classes=1", ""),
        ("torchvision:resnet18?seed=x", "seed=x", ""),
        ("bundled:fashion-mnist-cn", "no bundled model", "did you mean fashion-mnist-cnn?"),
        ("bundled:digits-cnn?seed=3", "no option 'seed'", ""),
    ],
)
def test_unknown_names(spec: str, told: str, hint: str) -> None:
    with pytest.raises(UsageError, match=told) as caught:
        load_model(spec)
    assert hint in caught.value.hint


def test_unknown_devices() -> None:
    with pytest.raises(UsageError, match="no device 'gpu'"):
        load_model("bundled:digits-cnn", device="gpu")
    if not torch.cuda.is_available():
        with pytest.raises(InputError, match="'cuda' is not available") as caught:
            load_model("bundled:digits-cnn", device="cuda")
        assert "cpu" in caught.value.hint


def test_arch_belongs_to_a_file() -> None:
    with pytest.raises(UsageError, match="--arch cnn has no effect"):
        load_model("bundled:digits-cnn", arch="cnn")


@pytest.mark.parametrize("name", [name for name in bundled_models() if "spoken" not in name])
def test_bundled_models_know_their_inputs(name: str) -> None:
    model = load_model(f"bundled:{name}")
    shape = (1, 8, 8) if "digits" in name else (1, 28, 28)
    assert input_shape(f"bundled:{name}") == model.shape == shape
    assert len(model.classes or ()) == model.n_classes == 10
    assert probe(model, torch.rand(5, *shape), torch.arange(5)) == []


def saved(path: Path, prefix: str = "", **changes: torch.Tensor) -> str:
    net = build("mlp", shape=(1, 8, 8), n_classes=3)
    tensors = {prefix + key: value for key, value in net.state_dict().items()} | changes
    save_file(tensors, path)
    return str(path)


def test_weights_with_an_arch(tmp_path: Path, code: str) -> None:
    path = saved(tmp_path / "w.safetensors")
    arch = "mlp?shape=1,8,8&n_classes=3"
    model = load_model(f"{path}?mean=0.5&std=0.5", arch=arch)
    assert model(torch.rand(2, 1, 8, 8)).shape == (2, 3)
    assert load_model(path, arch="mlp?shape=1,8,8", classes=["a", "b", "c"]).n_classes == 3
    assert input_shape(path) is None
    net = nn.Sequential(nn.Flatten(), nn.Linear(4, 2))
    save_file(net.state_dict(), tmp_path / "own.safetensors")
    own = load_model(str(tmp_path / "own.safetensors"), arch=f"{code}:make")
    assert torch.equal(own.net[1].weight, net[1].weight)


@pytest.mark.parametrize(
    ("arch", "told"),
    [
        (None, "does not say of which architecture"),
        ("mlp", "does not say for what inputs"),
        ("mpl?shape=1,8,8", "no architecture 'mpl'"),
        ("mlp?shape=a", "shape=a"),
    ],
)
def test_weights_without_a_usable_arch(tmp_path: Path, arch: str | None, told: str) -> None:
    path = saved(tmp_path / "w.safetensors")
    with pytest.raises((InputError, UsageError), match=told):
        load_model(path, arch=arch)


def test_weights_that_do_not_fit(tmp_path: Path) -> None:
    arch = "mlp?shape=1,8,8&n_classes=3&width=128"
    with pytest.raises(
        InputError, match=r"5 of another shape: 1.weight \(256x64 in the file, 128x64"
    ):
        load_model(saved(tmp_path / "w.safetensors"), arch=arch)
    deep = "mlp?shape=1,8,8&n_classes=3&depth=6"
    with pytest.raises(InputError, match=r"8 missing: 7.weight, .*, \.\.\.;"):
        load_model(saved(tmp_path / "w.safetensors"), arch=deep)
    extra = saved(tmp_path / "w.safetensors", more=torch.zeros(1))
    with pytest.raises(InputError, match=r"1 unexpected: more\n"):
        load_model(extra, arch="mlp?shape=1,8,8&n_classes=3")


@pytest.mark.parametrize("prefix", ["module.", "model.", "encoder.net."])
def test_one_prefix_of_all_names_is_taken_off(tmp_path: Path, prefix: str) -> None:
    arch, x = "mlp?shape=1,8,8&n_classes=3", torch.rand(4, 1, 8, 8)
    found = load_model(saved(tmp_path / "w.safetensors", prefix=prefix), arch=arch)
    assert f"'{prefix}' was taken off" in found.notes[-1]
    plain = {
        name.removeprefix(prefix): each
        for name, each in read_weights(str(tmp_path / "w.safetensors")).tensors.items()
    }
    write_weights(tmp_path / "p.safetensors", plain, None)
    assert torch.equal(found(x), load_model(str(tmp_path / "p.safetensors"), arch=arch)(x))


def test_of_two_prefixes_none_is_taken_off() -> None:
    tensors = {f"{who}.{name}": torch.zeros(1) for who in ("teacher", "student") for name in "ab"}
    assert under_prefix("ab", tensors, "w.pt") == (tensors, [])
    more = {name: each for name, each in tensors.items() if name != "teacher.b"}
    found, (note,) = under_prefix("ab", more, "w.pt")
    assert list(found) == ["a", "b"]
    assert note.endswith("w.pt; 1 other in it had no use")


def test_weights_beside_those_that_are_taken_are_named() -> None:
    each = {"a": torch.zeros(1)}
    _, notes = unwrapped({"ema": each, "model": each, "epoch": 3}, "w.pt")
    assert notes == ["the weights were taken from 'model' in w.pt, not from 'ema'"]


def test_a_file_that_describes_itself(tmp_path: Path) -> None:
    net, path = build("vit", shape=(3, 9, 21), n_classes=2, depth=1).eval(), tmp_path / "x"
    net = net.to(memory_format=torch.channels_last)
    about = {"arch": "vit", "shape": [3, 9, 21], "n_classes": 2, "options": {"depth": 1},
             "classes": ["cat", "dog"], "mean": [0.1, 0.2, 0.3], "std": [1, 1, 1]}  # fmt: skip
    write_weights(path, net.state_dict(), about)
    model, x = load_model(str(path)), torch.rand(16, 3, 9, 21)
    assert input_shape(str(path)) == model.shape == (3, 9, 21)
    assert model.classes == ("cat", "dog")
    expected = Classifier(net, name="same", mean=[0.1, 0.2, 0.3], std=[1, 1, 1])
    assert torch.equal(model(x), expected(x))
    assert load_model(str(path), arch="vit").n_classes == 2
    with pytest.raises(InputError, match="holds a vit, not a cnn"):
        load_model(str(path), arch="cnn")
