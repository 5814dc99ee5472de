"""Compare whole audits with AutoAttack (standard): robust accuracy, passes and CPU time.

    python benchmarks/peers/audits.py --model bundled:fashion-mnist-cnn-robust --norm Linf \
        --eps 0.05,0.1,0.15 --out linf.json --markdown

Same weights, same images, one thread. AutoAttack (of pyautoattack 0.2.0) runs once per eps; an
audit covers all eps in one run, and also runs for the middle one only. All examples are evaluated
by `advkit.evaluate.measure`. A bare PGD loop before and after each run measures the speed of the
machine. Results in the file ``--out`` are reused. The suite ``quick:bfloat16`` is an audit with
``--bfloat16``. With ``--known DIR`` the model is the name of a published net in that directory,
evaluated on the test images there (`known_nets`).
"""

import argparse
import json
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from torch import nn
from torch.nn.modules.module import register_module_forward_hook

from advkit.benchmarks.peers.bare import Plain, bare_cost
from advkit.benchmarks.peers.fixed_eps import judge
from advkit.benchmarks.peers.known_nets import first_images, known_net, told_of
from advkit.cli.parameters import EpsList
from advkit.data.samples import Samples, take
from advkit.data.specs import load_data
from advkit.engine import Meter, metered
from advkit.engine.meter import counter
from advkit.evaluate.audit import audit
from advkit.evaluate.suites import SUITES
from advkit.models.classifier import Classifier
from advkit.models.specs import load_model

BATCH = 100  # of AutoAttack


def auto_attack(
    net: nn.Module, model: Classifier, samples: Samples, norm: str, eps: float
) -> dict[str, Any]:
    """Run AutoAttack once; return robust accuracy, passes per image and CPU seconds."""
    from pyautoattack import AutoAttack

    attack = AutoAttack(net, norm=norm, eps=eps, seed=0, version="standard", device="cpu")
    with metered(net) as meter, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        began = time.process_time()
        x_adv = attack.run_standard_evaluation(samples.x, samples.y, batch_size=BATCH)
        seconds = time.process_time() - began
    x_adv = x_adv[0] if isinstance(x_adv, tuple) else x_adv
    fooled, invalid = judge(model, samples, x_adv, norm, eps)
    clean, _ = judge(model, samples, samples.x, norm, eps)
    n = len(samples.x)
    return {
        "robust": {repr(eps): float(1 - (fooled | clean).mean())},
        "forwards": meter.forwards / n,
        "backwards": meter.backwards / n,
        "seconds": seconds,
        "invalid": int(invalid.sum()),
    }


@contextmanager
def metered_with_copies() -> Iterator[Meter]:
    """Count the passes of every classifier, as an audit runs a copy with folded batch norms."""
    meter = Meter()
    each = counter(meter)

    def count(module: nn.Module, inputs: Any, output: Any) -> None:
        if isinstance(module, Classifier):
            each(module, inputs, output)

    handle = register_module_forward_hook(count)
    try:
        yield meter
    finally:
        handle.remove()


def advkit_audit(
    suite: str, model: Classifier, samples: Samples, norm: str, eps: Sequence[float]
) -> dict[str, Any]:
    """Run a complete audit for all ``eps``, except for the page."""
    name, _, precision = suite.partition(":")
    with tempfile.TemporaryDirectory() as folder, metered_with_copies() as meter:
        began = time.process_time()
        run = audit(
            model, samples, norm=norm, eps=eps, suite=name, jobs=1, out=Path(folder),
            bfloat16=precision == "bfloat16",
        )  # fmt: skip
        seconds = time.process_time() - began
    n = len(samples.x)
    return {
        "robust": {repr(row["eps"]): row["value"] for row in run["robust"]},
        "forwards": meter.forwards / n,
        "backwards": meter.backwards / n,
        "seconds": seconds,
        "invalid": sum(row["invalid"] for row in run["attacks"]),
    }


def runs(args: argparse.Namespace) -> Iterator[tuple[str, str, list[float]]]:
    """Yield (key, contestant, eps) of all runs, suites first, as they are short."""
    middle = args.eps[len(args.eps) // 2]
    for suite in args.suites:
        yield f"{suite} all", suite, list(args.eps)
        if len(args.eps) > 1:
            yield f"{suite} {middle!r}", suite, [middle]
    if not args.no_peer:
        for eps in args.eps:
            yield f"AutoAttack {eps!r}", "AutoAttack", [eps]


def problem(args: argparse.Namespace) -> tuple[Classifier, Samples]:
    """Return the requested net and images."""
    wanted = range(args.skip, args.skip + args.limit)
    if args.known is None:
        return load_model(args.model), take(load_data(args.data), wanted)
    name = told_of(args.known, args.model)["dataset"]
    x, y = first_images(args.known, name, wanted.stop)
    samples = Samples(x, y, tuple(map(str, range(len(x)))), classes=None, name=name)
    return known_net(args.known, args.model), take(samples, wanted)


def compare(args: argparse.Namespace) -> dict[str, Any]:
    """Run everything that is missing in ``args.out``; return all results."""
    model, samples = problem(args)
    plain = Plain(model)
    result: dict[str, Any] = {"model": args.model, "norm": args.norm, "eps": list(args.eps),
                              "n": len(samples.x), "runs": {}}  # fmt: skip
    if args.out and args.out.exists():
        result["runs"] = json.loads(args.out.read_text())["runs"]
    for key, contestant, eps in runs(args):
        if key in result["runs"] and contestant not in args.again:
            continue
        before = bare_cost(plain, samples)
        if contestant == "AutoAttack":
            row = auto_attack(plain, model, samples, args.norm, eps[0])
        else:
            row = advkit_audit(contestant, model, samples, args.norm, eps)
        row["bare"] = (before + bare_cost(plain, samples)) / 2
        result["runs"][key] = row
        sys.stderr.write(f"{key} {row}\n")
        if args.out:
            args.out.write_text(json.dumps(result, indent=1))
    return result


def markdown(result: dict[str, Any]) -> str:
    """Return the table: robust accuracy per eps, and cost compared with AutoAttack."""
    eps, done = [repr(each) for each in result["eps"]], result["runs"]
    peers = [done[f"AutoAttack {each}"] for each in eps]
    total = {name: sum(run[name] for run in peers) for name in ("forwards", "backwards")}
    effort = sum(run["seconds"] / run["bare"] for run in peers)
    lines = [
        f"### {result['model']}, {result['norm']}, n = {result['n']}",
        "",
        f"| | {' | '.join(f'eps {each}' for each in eps)} | passes per image | CPU s |"
        " AutoAttack's passes | AutoAttack's CPU |",
        "|---" * (len(eps) + 5) + "|",
        "| AutoAttack standard, a run for each eps | "
        + " | ".join(f"{run['robust'][each]:.3f}" for run, each in zip(peers, eps, strict=True))
        + f" | {sum(total.values()):,.0f} | {sum(run['seconds'] for run in peers):,.0f} | | |",
    ]
    for key, run in done.items():
        suite, asked = key.split(" ", 1)
        if suite == "AutoAttack":
            continue
        against = peers if asked == "all" else [done[f"AutoAttack {asked}"]]
        passes = sum(each["forwards"] + each["backwards"] for each in against)
        effort = sum(each["seconds"] / each["bare"] for each in against)
        own = run["forwards"] + run["backwards"]
        shares = [f"{run['robust'][e]:.3f}" if e in run["robust"] else "" for e in eps]
        lines.append(
            f"| `{suite}`{'' if asked == 'all' else ', that eps alone'} | {' | '.join(shares)} | "
            f"{own:,.0f} | {run['seconds']:,.1f} | 1/{passes / own:.0f} | "
            f"1/{effort / (run['seconds'] / run['bare']):.0f} |"
        )
    return "\n".join(lines) + "\n"


def main() -> None:
    """Parse the command line and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="bundled:fashion-mnist-cnn-robust")
    parser.add_argument("--data", default="bundled:fashion-mnist")
    parser.add_argument("--known", type=Path, help="folder of nets of others and their images")
    parser.add_argument("--norm", default="Linf", choices=("Linf", "L2", "L1"))
    parser.add_argument("--eps", default="0.05,0.1,0.15", type=lambda text: EpsList()(text))
    parser.add_argument("--limit", type=int, default=1000)
    parser.add_argument("--skip", type=int, default=0, help="leave out so many images before these")
    parser.add_argument("--suites", nargs="*", default=list(SUITES))
    parser.add_argument("--again", nargs="*", default=[], help="run these anew")
    parser.add_argument("--no-peer", action="store_true", help="leave AutoAttack out")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--markdown", action="store_true")
    args = parser.parse_args()
    result = compare(args)
    if args.markdown:
        sys.stdout.write(markdown(result))


if __name__ == "__main__":
    main()
