"""How close minimum-norm attacks come to the smallest distance, and the passes they need.

    python -m advkit.benchmarks.minimum_norm --norm L2 --limit 200 --out l2.json

``--attack`` accepts the specs of the command line, including functions of other libraries; by
default advkit's strongest attacks run. ``--peers`` adds those of adv-lib, foolbox and torchattacks
(only from a checkout, as `benchmarks/peers` is not in the wheel). Distances are recomputed by
`advkit.evaluate.measure`; passes are counted at the model.

Local optimality is that of AttackBench (Cina et al. 2025), in its exact form: with d the distance
found (0 for a misclassified image, infinite if no example was found), d* the smallest distance that
any of the compared attacks found and e the largest finite d*,

    1 - (E[min(d, e)] - E[min(d*, e)]) / (P(right) e - E[min(d*, e)])

which is the area over the curve of robust accuracy as a step function. It is 1 for an attack that
is best on every image, 0 for one that finds nothing, and decreases when better attacks are added.
"""

import argparse
import json
import time
from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from advkit.attacks import ATTACKS
from advkit.attacks.options import Member, parse
from advkit.data import Samples, load_data
from advkit.engine import metered
from advkit.evaluate.measure import measure
from advkit.models import Classifier, load_model

Distances = NDArray[np.float64]

OURS = {
    "Linf": ("race:steps=49", "race:steps=499", "fmn:steps=499", "fab", "pdpgd:steps=490"),
    "L2": (
        "race:steps=49",
        "race:steps=499",
        "ddn:steps=499",
        "pdgd:steps=490",
        "pdpgd:steps=490",
        "alma:steps=490",
    ),
    "L1": (
        "race:steps=49",
        "race:steps=499",
        "race:steps=699",
        "fmn:steps=499",
        "pdpgd:steps=490",
        "alma:steps=490",
    ),
    "L0": (
        "thinning:walks=1,steps=13,swaps=10",
        "thinning:walks=4,steps=31,swaps=27",
        "sigma_zero",
        "vfga",
    ),
}
PEERS = "advkit.benchmarks.peers.minimum_norm"


class Run(NamedTuple):
    """Result of one attack: a distance per image, and its cost per image."""

    label: str
    distances: Distances
    passes: float
    seconds: float


def short(member: Member) -> str:
    """Return the label of an attack in the tables."""
    return member.label.removeprefix(f"{PEERS}:")


def run_attack(
    member: Member, model: Classifier, samples: Samples, norm: str, batch: int = 256
) -> Run:
    """Run a minimum-norm attack on the images that ``model`` classifies correctly."""
    clean = measure(model, samples.x, samples.y, samples.x, norm=norm, eps=0.0)
    distances = np.where(clean["right"], np.inf, 0.0)
    rows = np.flatnonzero(clean["right"])
    began, passes = time.process_time(), 0
    for at in tqdm(range(0, len(rows), batch), desc=member.label, leave=False):
        index = rows[at : at + batch]
        x, y, ids = samples.x[index], samples.y[index], [samples.ids[k] for k in index]
        with metered(model) as meter:
            x_adv = member.attack(model, x, y, eps=None, norm=norm, seed=0, ids=ids).detach()
        passes += meter.forwards + meter.backwards
        judged = measure(model, x, y, x_adv, norm=norm, eps=np.inf)
        distances[index] = np.where(judged["fooled"] & judged["valid"], judged[norm], np.inf)
    seconds = time.process_time() - began
    return Run(short(member), distances, passes / max(len(rows), 1), seconds)


def optimality(distances: Distances, best: Distances) -> float:
    """Return the local optimality of ``distances`` (n,); ``best`` (n,) are the smallest known.

    Raises ValueError if no finite distance is known, or all are 0.
    """
    known = best[np.isfinite(best)]
    if not len(known) or not known.max() > 0:
        raise ValueError("no attack found anything: there is nothing to compare")
    reach, right = known.max(), best > 0
    least = np.minimum(best, reach).mean()
    room = right.mean() * reach - least
    if not room > 0:
        return float(np.all(distances <= best))
    return float(1 - (np.minimum(distances, reach).mean() - least) / room)


def table(runs: Sequence[Run]) -> pd.DataFrame:
    """Return one row per run: passes per image, success, median distance, local optimality."""
    best = np.min([run.distances for run in runs], axis=0)
    right = best > 0
    return pd.DataFrame(
        {
            "attack": run.label,
            "passes": round(run.passes, 1),
            "success": float(np.isfinite(run.distances[right]).mean()),
            "median distance": float(np.median(run.distances[right])),
            "mean distance": float(run.distances[right].mean()),
            "least of all": float((run.distances <= best * 1.001)[right].mean()),
            "optimality": optimality(run.distances, best),
            "CPU seconds": round(run.seconds, 1),
        }
        for run in runs
    ).sort_values("optimality", ascending=False, ignore_index=True)


def portfolios(runs: Sequence[Run], most: float = 1500.0) -> pd.DataFrame:
    """Return one row per pair of runs with up to ``most`` passes in total, best first."""
    best = np.min([run.distances for run in runs], axis=0)
    rows = [
        {
            "attacks": f"{a.label} and {b.label}",
            "passes": round(a.passes + b.passes, 1),
            "optimality": optimality(np.minimum(a.distances, b.distances), best),
        }
        for a, b in combinations(runs, 2)
        if a.passes + b.passes <= most
    ]
    columns = ["attacks", "passes", "optimality"]
    found = pd.DataFrame(rows, columns=columns)
    return found.sort_values("optimality", ascending=False, ignore_index=True)


def members(norm: str, attacks: Sequence[str], peers: bool) -> list[Member]:
    """Return the requested attacks; by default advkit's strongest in ``norm``."""
    theirs: Mapping[str, Sequence[str]] = {}
    if peers:
        from importlib import import_module

        theirs = import_module(PEERS).STRONGEST
    return [parse(text, ATTACKS) for text in (*(attacks or OURS[norm]), *theirs.get(norm, ()))]


def compare(args: argparse.Namespace) -> list[Run]:
    """Run all attacks; results of the same comparison in ``args.out`` are reused."""
    model, samples = load_model(args.model), load_data(args.data, limit=args.limit)
    about = {name: getattr(args, name) for name in ("model", "data", "norm", "limit")}
    runs: dict[str, Run] = {}
    if (
        args.out
        and args.out.exists()
        and (saved := json.loads(args.out.read_text()))["about"] == about
    ):
        runs = {row["label"]: Run(**{**row, "distances": np.array(row["distances"])})
                for row in saved["runs"]}  # fmt: skip
    for member in members(args.norm, args.attack, args.peers):
        label = short(member)
        if label in runs:
            continue
        runs[label] = run_attack(member, model, samples, args.norm)
        rows = [{**run._asdict(), "distances": run.distances.tolist()} for run in runs.values()]
        if args.out:  # after every run, so that an interrupted comparison can resume
            args.out.write_text(json.dumps({"about": about, "runs": rows}))
    return list(runs.values())


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--model", default="bundled:fashion-mnist-cnn-robust", help="model spec")
    add("--data", default="bundled:fashion-mnist", help="data spec")
    add("--norm", choices=OURS, default="Linf")
    add("--limit", type=int, default=200, help="number of images (200)")
    add("--attack", action="append", default=[], help="name:option=value,...; repeat for more")
    add("--peers", action="store_true", help="compare with other libraries, where installed")
    add("--out", type=Path, help="JSON file to write, or to go on with")
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> None:
    """Run the comparison, save and print it."""
    args = parse_args(argv)
    torch.set_num_threads(1)
    runs = compare(args)
    pairs: Any = portfolios(runs).head(3)
    n, right = len(runs[0].distances), int((runs[0].distances > 0).sum())
    print(f"### {args.model}, {args.norm}\n\nn = {n} images, of which {right} read right.\n")  # noqa: T201
    for frame in (table(runs), pairs):
        print(markdown(frame), end="\n\n")  # noqa: T201


def markdown(frame: pd.DataFrame) -> str:
    """Return ``frame`` as a Markdown table."""
    cells = frame.map(lambda value: f"{value:.4g}" if isinstance(value, float) else str(value))
    lines = [" | ".join(cells.columns), " | ".join("---" for _ in cells.columns)]
    lines += [" | ".join(row) for row in cells.itertuples(index=False)]
    return "\n".join(f"| {line} |" for line in lines)


if __name__ == "__main__":
    main()
