"""Compare PGD and APGD at a fixed eps with the same attacks of other libraries.

    python benchmarks/peers/fixed_eps.py --model bundled:fashion-mnist-cnn-robust --norm Linf \
        --eps 0.1 --out linf.json --markdown

Same weights, same images, one thread. All examples are evaluated by `advkit.evaluate.measure`.
All methods run in one process in random order, with a short bare PGD loop before and after each.
The cost of a method is its process CPU time over that of the bare loop for the same number of
gradient steps. Peers get a plain net (trainable weights, NCHW memory), or with ``--peer-net
classifier`` the frozen channels_last `Classifier` that advkit attacks.
"""

import argparse
import json
import random
import time
import warnings
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from advkit.benchmarks.peers.bare import Plain, bare_cost
from advkit.benchmarks.peers.contestants import LACKING, RACES, Contestant, Job, in_batches
from advkit.benchmarks.peers.table import markdown
from advkit.data.samples import Samples
from advkit.data.specs import load_data
from advkit.engine import metered
from advkit.evaluate.measure import measure
from advkit.models.classifier import Classifier
from advkit.models.specs import load_model

JUDGED = 64  # batch size of the evaluation
VERSIONS = ("torch", "torchattacks", "foolbox", "adv-lib", "adversarial-robustness-toolbox",
            "pyautoattack")  # fmt: skip


class Entry(NamedTuple):
    """One method of one library."""

    race: str
    library: str
    contestant: Contestant


def judge(model: Classifier, samples: Samples, x_adv: Tensor, norm: str, eps: float) -> Any:
    """Return which of ``samples`` have a valid fooling example, and which an invalid one."""

    def verdicts(x: Tensor, y: Tensor, x_adv: Tensor) -> Tensor:
        rows = measure(model, x, y, x_adv, norm=norm, eps=eps)
        return torch.tensor(rows[["fooled", "valid"]].to_numpy(dtype=bool))

    found = in_batches(verdicts, JUDGED, samples.x, samples.y, x_adv.float()).numpy()
    return found[:, 0] & found[:, 1], ~found[:, 1]


def run(entry: Entry, job: Job, samples: Samples, model: Classifier) -> dict[str, Any]:
    """Run one method once; return its results, passes per image and CPU seconds."""
    torch.manual_seed(job.seed)
    np.random.seed(job.seed)
    with metered(job.net) as meter, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        began = time.process_time()
        x_adv = entry.contestant(job, samples)
        seconds = time.process_time() - began
    fooled, invalid = judge(model, samples, x_adv, job.norm, job.eps)
    return {
        "race": entry.race,
        "library": entry.library,
        "repeat": job.seed,
        "seconds": seconds,
        "steps": job.steps,
        "forwards": meter.forwards / len(samples.x),
        "backwards": meter.backwards / len(samples.x),
        "invalid": int(invalid.sum()),
        "fooled": fooled.astype(int).tolist(),
    }


def entries(args: argparse.Namespace) -> list[Entry]:
    """Return the methods that ``args`` request and the libraries have."""
    return [
        Entry(race, library, contestant)
        for race in args.races
        for library, contestant in RACES[race].libraries.items()
        if library in args.libraries and (race, library, args.norm) not in LACKING
    ]


def compare(args: argparse.Namespace) -> dict[str, Any]:
    """Run all methods ``args.repeats`` times in random order; return all measurements."""
    model, samples = load_model(args.model), load_data(args.data, limit=args.limit)
    plain = Plain(model)
    peer_net = model if args.peer_net == "classifier" else plain
    shuffle = random.Random(0)  # noqa: S311
    result = {**about(args, model, samples), "runs": []}
    bare_cost(plain, samples)
    for repeat in range(args.repeats):
        order = entries(args)
        shuffle.shuffle(order)
        before = bare_cost(plain, samples)
        for entry in order:
            ours = entry.library == "advkit"
            race = RACES[entry.race]
            net, batch = (model, args.batch) if ours else (peer_net, args.peer_batch)
            job = Job(net, args.norm, args.eps, repeat, batch, race.steps, race.loss)
            row = run(entry, job, samples, model)
            after = bare_cost(plain, samples)
            row["bare"] = (before + after) / 2 * race.steps * len(samples.x)
            before = after
            result["runs"].append(row)
            print_progress(row, len(samples.x))
            if args.out:  # after every run, so that an interrupted comparison is not lost
                args.out.write_text(json.dumps(result))
    return result


def about(args: argparse.Namespace, model: Classifier, samples: Samples) -> dict[str, Any]:
    """Return the metadata of a result."""
    clean, _ = judge(model, samples, samples.x, args.norm, args.eps)
    asked = {key: value for key, value in vars(args).items() if key not in ("out", "markdown")}
    return {
        **asked,
        "n": len(samples.x),
        "versions": {name: version(name) for name in VERSIONS},
        "clean": clean.astype(int).tolist(),
    }


def print_progress(row: dict[str, Any], n: int) -> None:
    """Print the result of one run."""
    print(  # noqa: T201
        f"{row['race']:13} {row['library']:13} repeat {row['repeat']}: "
        f"{n - sum(row['fooled'])} of {n} left, {row['seconds']:.1f} s, "
        f"{row['seconds'] / row['bare']:.2f} of bare",
        flush=True,
    )


def parse(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    libraries = sorted({name for race in RACES.values() for name in race.libraries})
    add("--model", default="bundled:fashion-mnist-cnn-robust", help="model spec of advkit")
    add("--data", default="bundled:fashion-mnist", help="data spec of advkit")
    add("--limit", type=int, default=500, help="number of images (500)")
    add("--norm", choices=("Linf", "L2"), default="Linf")
    add("--eps", type=float, default=0.1)
    add("--races", nargs="+", choices=RACES, default=list(RACES), metavar="RACE")
    add("--libraries", nargs="+", choices=libraries, default=libraries, metavar="LIBRARY")
    add("--repeats", type=int, default=3)
    add("--batch", type=int, default=256, help="batch size of advkit (256, that of the audit)")
    add("--peer-batch", type=int, default=100, help="batch size of the others (100)")
    add("--peer-net", choices=("plain", "classifier"), default="plain")
    add("--out", type=Path, help="write all that was measured to this JSON file")
    add("--markdown", action="store_true", help="print the table")
    return parser.parse_args(argv)


def main() -> None:
    """Run the comparison, save and print it."""
    args = parse()
    torch.set_num_threads(1)
    result = compare(args)
    if args.markdown:
        print(markdown(result))  # noqa: T201


if __name__ == "__main__":
    main()
