"""Recipe of the bundled images and weights; running it makes them again.

    python -m advkit.benchmarks.bundled_weights SOURCE [NAME ...]

SOURCE is a directory with the four .gz files of Fashion-MNIST, as Debian's package
dataset-fashion-mnist installs them (/usr/share/datasets/fashion-mnist). With names, only these
weights are made; the speech recognisers need espeak-ng (`spoken_digits`). Every net is trained by
`advkit train`, which uses training images only and keeps the weights with the best accuracy on a
held-out twentieth of them; the test images are not used. On one thread the robust net takes about
20 minutes, the others 5 in total.
"""

import gzip
import os
import shlex
import subprocess
import sys
from importlib.resources import files
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from advkit.benchmarks.spoken_digits import write_takes

CLASSES = ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker",
           "Bag", "Ankle boot")  # fmt: skip
FASHION = "--data torchvision:FashionMNIST?root={root}&split=train"
SPEECH = "--data audio:{root}/takes --batch-size 32 --weight-decay 0.1"
RECIPES = {
    "fashion-mnist-cnn-robust": f"--arch cnn {FASHION} --epochs 7 --batch-size 64 "
    "--rate 0.0015 --norm Linf --eps 0.1 --steps 5 --step 0.3 --inner bfloat16 --warm-up 1",
    "fashion-mnist-cnn": f"--arch cnn {FASHION} --epochs 6 --rate 0.002",
    "fashion-mnist-logistic": f"--arch logistic {FASHION} --epochs 10 --rate 0.002",
    "digits-cnn": "--arch cnn --data bundled:digits?split=train --epochs 40 --rate 0.005",
    "spoken-digits-cnn": f"--arch logmel {SPEECH} --epochs 12",
    "spoken-digits-small": f"--arch logmel?width=10&mels=28 {SPEECH} --epochs 12 --seed 7",
    "spoken-digits-linear": f"--arch logmel_linear {SPEECH} --epochs 10 --seed 3",
}


def make_images(source: Path, out: Path) -> None:
    """Write the first 1,000 test images, their labels and the class names to ``out``."""
    with gzip.open(source / "t10k-images-idx3-ubyte.gz") as file:
        x = np.frombuffer(file.read(), np.uint8, 1000 * 784, offset=16).reshape(1000, 28, 28)
    with gzip.open(source / "t10k-labels-idx1-ubyte.gz") as file:
        y = np.frombuffer(file.read(), np.uint8, 1000, offset=8)
    np.savez_compressed(out, x=x, y=y, classes=np.array(CLASSES))


def unpack(source: Path, root: Path) -> None:
    """Write the data set under ``root`` in the layout that torchvision expects."""
    raw = root / "FashionMNIST" / "raw"
    raw.mkdir(parents=True)
    for packed in source.glob("*-ubyte.gz"):
        (raw / packed.stem).write_bytes(gzip.decompress(packed.read_bytes()))


def make_weights(name: str, root: Path, out: Path) -> None:
    """Train the net ``name`` by `advkit train` and write it to ``out``."""
    # One thread: with more, sums over the batch may be computed in another order.
    settings = {"OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"}
    options = [word.format(root=root) for word in shlex.split(RECIPES[name])]
    command = [sys.executable, "-m", "advkit", "train", *options, "--out", str(out), "--overwrite"]
    subprocess.run(command, check=True, env=os.environ | settings)  # noqa: S603


def main(source: str, *names: str) -> None:
    """Make the images and the weights ``names``, or all."""
    make_images(Path(source), Path(str(files("advkit.data.bundled") / "fashion-mnist.npz")))
    with TemporaryDirectory() as folder:
        unpack(Path(source), Path(folder))
        chosen = names or tuple(RECIPES)
        if any("spoken" in name for name in chosen):
            write_takes(Path(folder) / "takes", 4)
        for name in chosen:
            out = Path(str(files("advkit.models.bundled") / f"{name}.safetensors"))
            make_weights(name, Path(folder), out)


if __name__ == "__main__":
    main(*sys.argv[1:])
