"""Study of transfer between nets, over sources, targets, attacks and eps."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from advkit.attacks import ATTACKS, Member, parse
from advkit.attacks.options import norm_of
from advkit.attacks.targets_per_sample import choose_targets
from advkit.benchmarks.one_image import write_one_image
from advkit.benchmarks.transfer_ensembles import ensemble_gain
from advkit.benchmarks.transfer_findings import findings
from advkit.benchmarks.transfer_measures import (
    Clean,
    best,
)
from advkit.benchmarks.transfer_runs import Key, Net, Read, Setting, discard, read_by, run_source
from advkit.benchmarks.transfer_summary import NOISE, measured
from advkit.data.samples import Samples, fingerprint
from advkit.errors import EmptyError, UsageError
from advkit.evaluate.class_names import class_notes
from advkit.evaluate.earlier_run import earlier
from advkit.evaluate.fingerprint import check_same, environment, now
from advkit.evaluate.run_folder import make_folder, write_json
from advkit.evaluate.workers import default_jobs, one_thread_each
from advkit.models.probe import check_same_classes, probe

SCHEMA = "advkit/transfer/1"
STEP = 0.1  # the default of iterative attacks, in units of eps; the study replaces it by 1 / steps
ATTACKS_OF_STUDY = ("fgsm", "bim", "mifgsm", "dim", "tim", "vmifgsm:neighbours=5")

BLIND = "without gradients it is a target only; score-based attacks need none"
"""Note on a net that is no source."""


def members_of(texts: Sequence[str], norm: str, steps: int) -> list[Member]:
    """Return the attacks, noise first; all run ``steps`` steps, without stopping at fooling points.

    The steps add up to eps in length. Options in a text (``bim:steps=20``) take precedence. Raises
    UsageError.
    """
    found = []
    for text in dict.fromkeys((NOISE, *texts)):
        given = text.partition(":")[2]
        usual = parse(text, ATTACKS).options
        ours = {"steps": steps, "stop": "false"}
        ours |= {"step": 1 / steps} if usual.get("step") == STEP else {}
        more = [f"{key}={value}" for key, value in ours.items()
                if key in usual and f"{key}=" not in given]  # fmt: skip
        whole = ",".join(filter(None, [given, *more]))
        member = parse(f"{text.partition(':')[0]}:{whole}" if whole else text, ATTACKS)
        norm_of(member.label, member.attack, norm)
        found.append(member._replace(label=text))
    return found


def transfer(
    nets: Sequence[Net],
    samples: Samples,
    *,
    attacks: Sequence[str] = ATTACKS_OF_STUDY,
    norm: str = "Linf",
    eps: Sequence[float],
    steps: int = 10,
    targets: str | None = "random",
    every: bool = False,
    seed: int = 0,
    batch_size: int | None = None,
    jobs: int | None = None,
    out: Path,
    fresh: bool = False,
    asked: Mapping[str, str] | None = None,
    progress: Any = lambda _what, _done, _total: None,
) -> dict[str, Any]:
    """Attack every net with gradients, evaluate on all nets; return the content of `run.json`.

    Results for a single eps are at the middle one; ``targets`` selects the class of targeted
    attacks, None omits them. The best attack and noise run at all eps and towards targets, with
    ``every`` all attacks. Writes ``transfer.csv`` (a row per source, attack, eps, target). An
    interrupted study resumes in the same ``out``. Raises AdvkitError.
    """
    if not len(samples.ids):
        raise EmptyError(f"{samples.name} has no samples", "nothing was evaluated")
    _check_nets(nets)
    members = members_of(attacks, norm, steps)
    notes = [*samples.notes, *_probed(nets, samples)]
    setting = Setting(samples, norm, sorted(eps), len(eps) // 2, seed, batch_size,
                      jobs or default_jobs(samples.x.device), out, progress)  # fmt: skip
    record = _record(setting, nets, members, steps, targets, asked or {}, notes)
    make_folder(out)
    with one_thread_each():
        begun = _begin(record, out, fresh)
        clean = _clean(setting, nets, targets)
        reads, costs, first = _run_all(setting, nets, members, clean, every)
        gain = ensemble_gain(setting, nets, members_of(["ens"], norm, steps)[1], clean)
        found = measured(setting, nets, members, clean, reads, costs, first)
        labels = [member.label for member in members]
        told = findings(setting, nets, clean, reads, labels, gain)
        summary = {**begun, **found, "ensembles": gain, "findings": told}
        write_one_image(setting, nets, summary["shown"], clean, reads)
    summary["finished"] = begun["finished"] or now()
    write_json(out, "run.json", summary)
    return summary


def _check_nets(nets: Sequence[Net]) -> None:
    names = [net.name for net in nets]
    if len(nets) < 2 or not any(net.source for net in nets):
        raise UsageError(f"too few nets for transfer: {len(nets)}", "give 2 or more --model")
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise UsageError(f"the net {twice[0]} is given twice", "give each once")


def _probed(nets: Sequence[Net], samples: Samples) -> list[str]:
    """Return notes; raises InputError if a net does not match the data or the other nets."""
    notes = []
    for net in nets:
        found = [*probe(net.model, samples.x, samples.y), *class_notes(net.model, samples)]
        found += [] if net.source else [BLIND]
        notes += [f"{net.name}: {note}" for note in found if net.counted]
    check_same_classes([(net.name, net.model.n_classes) for net in nets])
    return notes


def _record(
    setting: Setting, nets: Sequence[Net], members: Sequence[Member], steps: int,
    targets: str | None, asked: Mapping[str, str], notes: Sequence[str],
) -> dict[str, Any]:  # fmt: skip
    samples = setting.samples
    versions = environment(samples.x.device)
    made_of = {
        "nets": {net.name: net.model.fingerprint() for net in nets},
        "data": fingerprint(samples),
        "norm": setting.norm,
        "eps": list(setting.eps),
        "attacks": {member.label: member.options for member in members},
        "targets": targets,
        "seed": setting.seed,
        "device": str(samples.x.device),
        "advkit": versions["advkit"],
        "torch": versions["torch"],
    }
    return {
        "schema": SCHEMA,
        "made_of": made_of,
        "nets": [_described(net) for net in nets],
        "data": {"spec": asked.get("data", samples.name), "name": samples.name,
                 "n": len(samples.ids), "sha256": made_of["data"]},
        "classes": list(samples.classes or ()),
        **{name: made_of[name] for name in ("norm", "eps", "targets", "seed")},
        "main_eps": setting.main,
        "steps": steps,
        "attacks": {member.label: member.options for member in members},
        "training": asked.get("training", ""),
        "command": asked.get("command", ""),
        "environment": versions,
        "notes": list(notes),
    }  # fmt: skip


def _described(net: Net) -> dict[str, Any]:
    parameters = sum(p.numel() for p in net.model.parameters())
    return {"name": net.name, "family": net.family, "source": net.source, "robust": net.robust,
            "parameters": parameters, "sha256": net.model.fingerprint()}  # fmt: skip


def _begin(record: dict[str, Any], out: Path, fresh: bool) -> dict[str, Any]:
    """Write the study's inputs, or check that they are unchanged; return the record with times."""
    before = earlier(out, fresh=fresh, schema=SCHEMA) or {}
    if fresh:
        discard(out)
    if before:
        check_same(before.get("made_of", {}), record["made_of"], f"--out {out}")
    times = {"started": before.get("started") or now(), "finished": before.get("finished", "")}
    write_json(out, "run.json", {**record, **times})
    return {**record, **times}


def _clean(setting: Setting, nets: Sequence[Net], targets: str | None) -> Clean:
    x, y = setting.samples.x, setting.samples.y
    classes = np.stack([read_by(net.model, x, y, setting.batch(False)) for net in nets])
    right = classes == y.cpu().numpy()
    sources = [i for i, net in enumerate(nets) if net.source]
    if not any((right[s] & right[t]).any() for s in sources for t in range(len(nets)) if s != t):
        told = ", ".join(
            f"{net.name} {count}" for net, count in zip(nets, right.sum(1), strict=True)
        )
        raise EmptyError(
            f"no image is classified correctly by two of the nets; of {len(y)} images: {told}",
            "check preprocessing and class order",
        )
    aims = None
    if targets is not None:
        first = next(net for net in nets if net.source)
        aims = choose_targets(first.model, x, y, targets, seed=setting.seed,
                              ids=setting.samples.ids).cpu().numpy()  # fmt: skip
    return Clean(y.cpu().numpy(), classes, aims)


def _run_all(
    setting: Setting, nets: Sequence[Net], members: Sequence[Member], clean: Clean, every: bool
) -> tuple[dict[Key, Read], pd.DataFrame, str]:
    """Attack every source; return the predictions, the costs, and the best attack.

    All attacks run at the main eps; the best and noise (with ``every``: all) also at every eps, and
    targeted at the main one.
    """
    reads: dict[Key, Read] = {}
    costs = []
    for net in [net for net in nets if net.source]:
        found, cost = run_source(setting, net, members, [setting.main], nets)
        reads |= found
        costs.append(cost)
    malicious = [member.label for member in members if member.label != NOISE] or [NOISE]
    shown = best(clean, reads, nets, malicious, setting.main)
    more = members if every else [m for m in members if m.label in (NOISE, shown)]
    for net in [net for net in nets if net.source]:
        reads |= run_source(setting, net, more, setting.eps, nets)[0]
        if clean.aims is not None:
            aims = torch.from_numpy(clean.aims).to(setting.samples.y)
            reads |= run_source(setting, net, more, [setting.main], nets, targets=aims)[0]
    return reads, pd.concat(costs, ignore_index=True), shown
