"""How an audit scales: time and memory against samples, image size, classes, eps and workers.

    python -m advkit.benchmarks.scale --samples 1000 4000 16000 50000 --jobs 1 2 --repeats 3
    python -m advkit.benchmarks.scale --only imagenet --photographs FOLDER
    python -m advkit.benchmarks.scale --soak 2000

Every row is an audit in a separate process (peak memory is that of the process): a small
convolutional net with random weights on random images, attacked by FGSM and PGD of 10 steps, with
one quantity varied at a time from 1,000 images of 3 x 32 x 32, 10 classes, one eps, one worker.
Time and memory do not depend on the weights. The exponent of the growth of time is the slope of log
time over log of the varied quantity, from the first row to the last, including start-up: at most 1
is linear or better. ``throughput`` counts attack passes per second of the whole run, ``times`` is
its ratio to the first row of its kind. ``--only imagenet`` times EfficientNet-Lite0 on a folder of
photographs and estimates the cost of 50,000 of them.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from torch import nn
from tqdm import tqdm

from advkit.benchmarks.soak import soak
from advkit.data.samples import Samples
from advkit.data.specs import load_data
from advkit.evaluate.audit import audit
from advkit.evaluate.budget import budget, speed, spoken
from advkit.evaluate.run_progress import state_of
from advkit.evaluate.suite import plan_of
from advkit.evaluate.suites import SUITES
from advkit.evaluate.supervisor import Crew
from advkit.evaluate.unit_runner import bench
from advkit.evaluate.units import Do
from advkit.models.classifier import Classifier
from advkit.models.specs import load_model

ATTACKS = ("fgsm", "pgd:steps=10,loss=margin")
SPEED_UP = 1.7
"""Required speed-up of two workers on two cores."""
GPU = (30.0, 100.0)
"""Assumed float32 speed of a data-centre GPU relative to one CPU core, low and high; not measured
here."""


class Case(NamedTuple):
    """The parameters of one audit."""

    samples: int = 1000
    size: int = 32
    classes: int = 10
    eps: int = 1
    jobs: int = 1


def cases(asked: argparse.Namespace) -> Iterator[tuple[str, Case]]:
    """Yield the name of the varied quantity, and the case."""
    usual = Case(samples=asked.base)
    for name in ("samples", "size", "classes", "eps", "jobs"):
        for value in getattr(asked, name):
            yield name, usual._replace(**{name: value})


def subject(case: Case) -> tuple[Classifier, Samples]:
    """Return a random net and random images, labelled with the net's predictions."""
    draw = torch.Generator().manual_seed(0)
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(3, 16, 3, 2, 1), nn.ReLU(), nn.Conv2d(16, 32, 3, 2, 1), nn.ReLU(),
        nn.AdaptiveAvgPool2d(4), nn.Flatten(), nn.Linear(512, case.classes),
    )  # fmt: skip
    model = Classifier(net, name="random")
    x = torch.rand(case.samples, 3, case.size, case.size, generator=draw)
    with torch.no_grad():
        y = torch.cat([model(x[i : i + 256]).argmax(1) for i in range(0, len(x), 256)])
    return model, Samples(x, y, tuple(map(str, range(case.samples))), None, "random")


def worker(recipe: dict[str, Any]) -> Do:
    """Return the function that processes units of a case, in a worker process."""
    return bench(*subject(Case(*recipe["case"])), recipe)


def measured(case: Case) -> dict[str, Any]:
    """Run one audit in this process; return its seconds, memory and passes."""
    model, samples = subject(case)
    eps = [0.001 * (i + 1) / case.eps for i in range(case.eps)]
    about = {"case": list(case), "load": {"device": "cpu"}}
    crew = Crew("advkit.benchmarks.scale:worker", about, case.jobs) if case.jobs > 1 else None
    before, began = peak(), time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        audit(model, samples, eps=eps, attacks=ATTACKS, jobs=1, crew=crew, out=Path(folder),
              bounds="off", fold=False)  # fmt: skip
        seconds = time.perf_counter() - began
        stages = state_of(Path(folder))["stages"]
        disk = sum(file.stat().st_size for file in Path(folder).rglob("*") if file.is_file())
    passes = sum(row["passes"] * row["tried"] for row in stages)
    return {**case._asdict(), "seconds": seconds, "passes": passes, "peak_mb": peak(),
            "grown_mb": peak() - before, "disk_mb": disk / 2**20}  # fmt: skip


def peak() -> float:
    """Return the peak memory of this process, in MB."""
    scale = 2**20 if sys.platform == "darwin" else 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / scale


def elsewhere(case: Case) -> dict[str, Any]:
    """Return `measured`, run in a new process."""
    code = f"import json; from advkit.benchmarks.scale import Case, measured; " \
           f"print(json.dumps(measured(Case{tuple(case)!r})))"  # fmt: skip
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    return dict(json.loads(done.stdout.splitlines()[-1]))


def exponent(values: Sequence[float], seconds: Sequence[float]) -> float:
    """Return the exponent of the growth of time from first to last row; NaN for one row."""
    if len(values) < 2:
        return float("nan")
    return float(np.log(seconds[-1] / seconds[0]) / np.log(values[-1] / values[0]))


def table(asked: argparse.Namespace) -> pd.DataFrame:
    """Return a row per case: the fastest of ``repeats`` runs."""
    rows = []
    for grows, case in tqdm(list(cases(asked)), unit="audit"):
        tries = [elsewhere(case) for _ in range(asked.repeats)]
        rows.append({"grows": grows, **min(tries, key=lambda row: row["seconds"])})
    frame = pd.DataFrame(rows)
    frame["throughput"] = frame["passes"] / frame["seconds"]
    first = frame.groupby("grows")["throughput"].transform("first")
    return frame.assign(times=frame["throughput"] / first)


def told(frame: pd.DataFrame) -> str:
    """Return the table, the exponents, and the speed-up of two workers, as text."""
    lines = [frame.to_string(index=False, float_format=lambda value: f"{value:,.2f}"), ""]
    for grows, part in frame.groupby("grows", sort=False):
        if grows == "jobs":
            two = part.loc[part["jobs"] == 2, "times"]
            if len(two):
                lines.append(f"2 workers: {two.iloc[0]:.2f} times one (wanted: {SPEED_UP})")
            continue
        found = exponent(part[str(grows)].tolist(), part["seconds"].tolist())
        lines.append(f"{grows}: time grows with the power {found:.2f}")
    return "\n".join(lines)


def photographs(folder: Path, most: int) -> Samples:
    """Return up to ``most`` photographs of ``folder``, each with its own class."""
    with tempfile.TemporaryDirectory() as place:
        for i, file in enumerate(sorted(folder.glob("*.jpg"))[:most]):
            (Path(place) / f"class-{i:04d}").mkdir()
            (Path(place) / f"class-{i:04d}" / file.name).write_bytes(file.read_bytes())
        return load_data(f"imagefolder:{place}", shape=(3, 224, 224))


def imagenet(folder: Path, images: int) -> str:
    """Return the cost of 50,000 photographs, estimated by a timed pass of EfficientNet-Lite0."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    model = load_model("efficientnet-lite:0").to(device)
    samples = photographs(folder, images)
    samples = samples._replace(x=samples.x.to(device), y=samples.y.to(device))
    torch.set_num_threads(1)
    each = min(speed(model, samples, 32).seconds for _ in range(3))
    lines = [f"EfficientNet-Lite0, {len(samples.ids)} photographs on {device.type}: "
             f"{1e3 * each:.1f} ms per pass and image, on one core"]  # fmt: skip
    for name in ("quick", "standard"):
        cost = budget(plan_of(SUITES[name]["Linf"], "Linf"), 3, 1000)
        if cost is None:
            continue
        core = cost.usual * 50_000 * each
        lines.append(f"{name}: usually {cost.usual:,} passes per image; 50,000 images are "
                     f"{core / 86400:,.1f} core-days")  # fmt: skip
        if device.type == "cpu":
            low, high = (spoken(core / factor) for factor in reversed(GPU))
            lines.append(f"  on one GPU {low} to {high}, if it is {GPU[0]:.0f} to {GPU[1]:.0f} "
                         "times a core (assumed); on 8 an eighth of that")  # fmt: skip
        lines.append(f"  on 512 cores about {spoken(core / 512)}, if units are spread evenly")
    return "\n".join(lines)


def main() -> None:
    """Print the requested tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--samples", type=int, nargs="*", default=[1000, 2000, 4000])
    parser.add_argument("--size", type=int, nargs="*", default=[32, 64])
    parser.add_argument("--classes", type=int, nargs="*", default=[10, 100, 1000])
    parser.add_argument("--eps", type=int, nargs="*", default=[1, 4])
    parser.add_argument("--jobs", type=int, nargs="*", default=[1, 2])
    parser.add_argument("--base", type=int, default=1000, help="samples of all other rows")
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--out", type=Path, help="write the table there, CSV")
    parser.add_argument("--only", choices=["imagenet"])
    parser.add_argument("--photographs", type=Path, help="a folder of photographs per class")
    parser.add_argument("--soak", type=int, default=0, metavar="AUDITS")
    asked = parser.parse_args()
    if asked.soak:
        for line in soak(*subject(Case(samples=16, size=8)), asked.soak):
            sys.stdout.write(line + "\n")
            sys.stdout.flush()  # shows progress through a pipe, as the run takes long
    elif asked.only:
        sys.stdout.write(imagenet(asked.photographs, 16) + "\n")
    else:
        frame = table(asked)
        if asked.out:
            frame.to_csv(asked.out, index=False)
        sys.stdout.write(told(frame) + "\n")


if __name__ == "__main__":
    main()
