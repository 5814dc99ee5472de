"""Black-box audit: attacks by an attacker who can only query a target for labels.

Surrogates are trained on the labels that the target predicts for the attacker's images and for
images proposed by the surrogates (Jacobian-based augmentation, Papernot et al. 2017); examples made
on the surrogates are then evaluated on the target.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from advkit.attacks import ATTACKS, Member, parse
from advkit.benchmarks.independent_nets import loaded, plan_nets, trained
from advkit.benchmarks.label_queries import augmented, target_labels
from advkit.benchmarks.transfer_measures import Clean, Pair, pair
from advkit.benchmarks.transfer_runs import (
    Key,
    Net,
    Setting,
    discard,
    read_by,
    run_source,
)
from advkit.data.samples import Samples, fingerprint
from advkit.errors import EmptyError, UsageError
from advkit.evaluate.class_names import class_notes
from advkit.evaluate.earlier_run import earlier
from advkit.evaluate.fingerprint import check_same, environment, now
from advkit.evaluate.intervals import wilson
from advkit.evaluate.run_folder import make_folder, write_json, write_text
from advkit.evaluate.workers import default_jobs, one_thread_each
from advkit.models.classifier import Classifier
from advkit.models.ensemble import ensemble_of
from advkit.models.probe import probe
from advkit.numbers import shown

SCHEMA = "advkit/query/1"


class Budget(NamedTuple):
    """The attacker's budget: ``queries`` in total, the first of them on ``first`` own images.

    Every round doubles the number of images, each new one ``step`` away from an existing one;
    ``epochs`` None means as many as present 20,000 images to a net.
    """

    queries: int = 2048
    first: int = 128
    step: float = 0.1
    architectures: Sequence[str] = ("mlp", "cnn")
    epochs: int | None = None
    attack: str = "ens"


def audit_by_labels(
    target: Classifier,
    samples: Samples,
    own: Samples,
    budget: Budget,
    *,
    norm: str = "Linf",
    eps: float,
    steps: int = 10,
    seed: int = 0,
    jobs: int | None = None,
    out: Path,
    fresh: bool = False,
    asked: Mapping[str, str] | None = None,
    progress: Callable[[str, int, int], None] = lambda _what, _done, _total: None,
) -> dict[str, Any]:
    """Attack ``target`` by surrogates trained on its labels; return the content of `run.json`.

    ``own`` are the attacker's images, whose labels are not used; ``samples`` are attacked. An
    interrupted run resumes in the same ``out``. Raises AdvkitError.
    """
    notes = [*own.notes, *probe(target, samples.x, samples.y), *class_notes(target, samples)]
    if not 1 < budget.first <= min(budget.queries, len(own.ids)):
        raise UsageError(f"--first {budget.first} of {len(own.ids)} images and {budget.queries} "
                         "queries", "give from 2 to the smaller of both")  # fmt: skip
    member = parse(_full(budget.attack, steps), ATTACKS)._replace(label=budget.attack)
    setting = Setting(samples, norm, [eps], 0, seed, None, jobs or default_jobs(samples.x.device),
                      out, progress)  # fmt: skip
    make_folder(out)
    before = earlier(out, fresh=fresh, schema=SCHEMA) or {}
    if fresh:
        discard(out)
    begun = _begin(setting, target, own, budget, member, asked or {}, notes, before)
    with one_thread_each():
        clean = read_by(target, samples.x, samples.y, setting.batch(False))
        right = clean == samples.y.cpu().numpy()
        if not right.any():
            raise EmptyError(
                f"{target.name} classifies no image correctly", "check its preprocessing"
            )
        rounds = _rounds(setting, target, own, budget, member, clean)
        known = _references(setting, target, clean)
    summary = {**begun, "clean": wilson(int(right.sum()), len(right)), "rounds": rounds, **known}
    summary |= {"verdict": verdict(summary), "finished": begun["finished"] or now()}
    write_json(out, "run.json", summary)
    lines = ["queries,agreement,success,low,high,fooled,n"]
    lines += [
        ",".join(str(row["success"][name]) if name in row["success"] else str(row[name])
                 for name in ("queries", "agreement", "value", "low", "high", "count", "n"))
        for row in rounds
    ]  # fmt: skip
    write_text(out, "queries.csv", "\n".join(lines) + "\n")
    return summary


def _full(attack: str, steps: int) -> str:
    return attack if "steps=" in attack else f"{attack}{',' if ':' in attack else ':'}steps={steps}"


def _begin(
    setting: Setting, target: Classifier, own: Samples, budget: Budget, member: Member,
    asked: Mapping[str, str], notes: Sequence[str], before: Mapping[str, Any],
) -> dict[str, Any]:  # fmt: skip
    samples = setting.samples
    versions = environment(samples.x.device)
    made_of = {
        "target": target.fingerprint(), "data": fingerprint(samples), "own": fingerprint(own),
        "norm": setting.norm, "eps": setting.main, "seed": setting.seed,
        "budget": {**budget._asdict(), "architectures": list(budget.architectures)},
        "options": member.options, "torch": versions["torch"],
    }  # fmt: skip
    if before:
        check_same(before.get("made_of", {}), made_of, f"--out {setting.out}")
    record = {
        "schema": SCHEMA,
        "made_of": made_of,
        "target": asked.get("target", target.name),
        "data": {"name": samples.name, "n": len(samples.ids), "sha256": made_of["data"]},
        "own": {"name": own.name, "n": len(own.ids)},
        **{name: made_of[name] for name in ("norm", "eps", "seed", "budget")},
        "command": asked.get("command", ""),
        "environment": versions,
        "notes": list(notes),
        "started": before.get("started") or now(),
        "finished": before.get("finished", ""),
    }
    write_json(setting.out, "run.json", record)
    return record


def _rounds(
    setting: Setting, target: Classifier, own: Samples, budget: Budget, member: Member,
    clean: np.ndarray,
) -> list[dict[str, Any]]:  # fmt: skip
    """Return a row per round: queries so far, agreement with the target, success on it."""
    y = setting.samples.y.cpu().numpy()
    x = own.x[: budget.first].to(setting.samples.x.device)
    labels = target_labels(target, x)
    rows: list[dict[str, Any]] = []
    while True:
        nets = _surrogates(setting, target, x, labels, budget, len(rows))
        name = f"round {len(rows)}"
        source = Net(name, "surrogates", ensemble_of(nets, name))
        read, _ = run_source(setting, source, [member], [setting.main],
                             [Net("target", "", target)])  # fmt: skip
        said = read_by(source.model, setting.samples.x, setting.samples.y, setting.batch(False))
        found = _on_target(Clean(y, clean[None], None), read[Key(name, member.label, setting.main)])
        rows.append({
            "queries": len(x),
            "agreement": float((said == clean).mean()),
            "success": wilson(int(found.fooled.sum()), int(found.counted.sum())),
        })  # fmt: skip
        more = min(len(x), budget.queries - len(x))
        if more < 1:
            return rows
        new = augmented(nets, x[-more:], labels[-more:], budget.step)
        x, labels = torch.cat([x, new]), torch.cat([labels, target_labels(target, new)])


def _on_target(clean: Clean, read: Any) -> Pair:
    """Return the fooled samples among all that the target classifies correctly, attacked or not."""
    everybody = np.ones(len(clean.y), dtype=bool)
    return pair(clean, read._replace(tried=everybody), everybody, 0, False)


def _surrogates(
    setting: Setting, target: Classifier, x: Tensor, labels: Tensor, budget: Budget, number: int
) -> list[Classifier]:
    """Return the surrogates of this round, trained on the labels and saved in ``surrogates/``."""
    classes = target.classes or tuple(str(i) for i in range(target.n_classes))
    names = tuple(f"query/{i}" for i in range(len(x)))
    asked = Samples(x.cpu(), labels.cpu(), names, classes, f"round {number}")
    epochs = budget.epochs or max(min(20_000 // len(x), 100), 5)
    plans = plan_nets(len(x), budget.architectures, 1, split="shared", epochs=epochs,
                      batch_size=min(64, max(len(x) // 8, 8)))  # fmt: skip
    files = trained(plans, asked, setting.out / "surrogates", jobs=1,
                    progress=lambda what, done, total: setting.progress(
                        f"round {number}: {what}", done, total))  # fmt: skip
    return loaded(plans, files, x.device)


def _references(setting: Setting, target: Classifier, clean: np.ndarray) -> dict[str, Any]:
    """Return the success of noise and of a white-box attack on the same images."""
    y, net = setting.samples.y.cpu().numpy(), Net("target", "", target)
    found = {}
    for name, text in (("noise", "noise:draws=1"), ("white_box", "bim:steps=40")):
        member = parse(text, ATTACKS)
        read, _ = run_source(setting, net, [member], [setting.main], [net])
        one = _on_target(Clean(y, clean[None], None), read[Key("target", text, setting.main)])
        found[name] = wilson(int(one.fooled.sum()), int(one.counted.sum()))
    return found


def verdict(summary: Mapping[str, Any]) -> str:
    """Return the result in one sentence."""
    last = summary["rounds"][-1]
    share, noise, white = last["success"], summary["noise"], summary["white_box"]
    return (
        f"With {last['queries']:,} labels of the target, without its weights, perturbations within "
        f"{summary['norm']} {shown(summary['eps'])} fool it in {share['value']:.1%} of the "
        f"{share['n']:,} images that it classifies correctly (95% interval {share['low']:.1%} to "
        f"{share['high']:.1%}); noise of the same size does so in {noise['value']:.1%}, a "
        f"white-box attacker in {white['value']:.1%}."
    )
