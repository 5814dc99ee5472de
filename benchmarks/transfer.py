"""What fools one net fools another: a study over sources, targets, attacks and eps."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from advkit.attacks import ATTACKS, Member, parse
from advkit.attacks.targets_per_sample import choose_targets
from advkit.benchmarks.likeness import explained, likeness
from advkit.benchmarks.one_image import write_one_image
from advkit.benchmarks.transfer_ensembles import ensemble_gain
from advkit.benchmarks.transfer_findings import findings
from advkit.benchmarks.transfer_measures import (
    Clean,
    across,
    best,
    mean_share,
    pair_rows,
    same_by_chance,
    same_class,
)
from advkit.benchmarks.transfer_runs import Key, Net, Read, Setting, read_by, run_source
from advkit.data.samples import Samples, fingerprint, take
from advkit.errors import EmptyError, UsageError
from advkit.evaluate.fingerprint import check_same, environment, now
from advkit.evaluate.intervals import wilson
from advkit.evaluate.run_folder import read_json, write_json, write_text
from advkit.evaluate.store import open_store
from advkit.evaluate.suite import check_norm
from advkit.evaluate.workers import default_jobs, one_thread_each
from advkit.models.probe import probe
from advkit.numbers import shown

SCHEMA = "advkit/transfer/1"
NOISE = "noise:draws=1"
ATTACKS_OF_STUDY = ("fgsm", "bim", "mifgsm", "dim", "tim", "vmifgsm:neighbours=5")
LIKE = 128  # images on which nets are compared


def members_of(texts: Sequence[str], norm: str, steps: int) -> list[Member]:
    """Return the attacks, the noise first; all walk ``steps`` steps and none stops when it fools.

    What a text says itself (``bim:steps=20``) holds. Raises UsageError.
    """
    found = []
    for text in dict.fromkeys((NOISE, *texts)):
        given = text.partition(":")[2]
        usual = parse(text, ATTACKS).options
        ours = {"steps": steps, "stop": "false"}
        more = [f"{key}={value}" for key, value in ours.items()
                if key in usual and f"{key}=" not in given]  # fmt: skip
        whole = ",".join(filter(None, [given, *more]))
        member = parse(f"{text.partition(':')[0]}:{whole}" if whole else text, ATTACKS)
        check_norm(member, norm)
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
    """Attack every net that has a gradient, ask every net, and return what `run.json` holds.

    Everything that is shown at one eps is at the middle one; ``targets`` says which class targeted
    attacks seek, None leaves them out. The best attack and the noise run at all eps and towards
    targets, with ``every`` all of them. Writes ``transfer.csv`` (a row per source, attack, eps,
    target). A study that was stopped goes on in the same ``out``. Raises AdvkitError.
    """
    if not len(samples.ids):
        raise EmptyError(f"{samples.name} has no samples", "nothing was evaluated")
    _check_nets(nets)
    members = members_of(attacks, norm, steps)
    notes = [*samples.notes, *_probed(nets, samples)]
    setting = Setting(samples, norm, sorted(eps), len(eps) // 2, seed, batch_size,
                      jobs or default_jobs(samples.x.device), out, progress)  # fmt: skip
    record = _record(setting, nets, members, steps, targets, asked or {}, notes)
    out.mkdir(parents=True, exist_ok=True)
    with one_thread_each():
        begun = _begin(record, out, fresh)
        clean = _clean(setting, nets, targets)
        reads, costs, first = _run_all(setting, nets, members, clean, every)
        gain = ensemble_gain(setting, nets, members_of(["ens"], norm, steps)[1], clean)
        found = _measured(setting, nets, members, clean, reads, costs, first)
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
        raise UsageError(f"{len(nets)} nets are too few for transfer", "give 2 or more --model")
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise UsageError(f"the net {twice[0]} is given twice", "give each once")


def _probed(nets: Sequence[Net], samples: Samples) -> list[str]:
    """Return notes; raises InputError where a net does not fit the data or the other nets."""
    notes = []
    for net in nets:
        notes += [f"{net.name}: {note}" for note in probe(net.model, samples.x, samples.y)]
    counts = {net.model.n_classes for net in nets}
    if len(counts) > 1:
        told = ", ".join(f"{net.name} {net.model.n_classes}" for net in nets)
        raise UsageError(f"the nets have different numbers of classes: {told}", "the same for all")
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
    """Write what the study is made of, or check that it goes on; return the record with times."""
    for folder in sorted((out / "sources").glob("*")) if fresh else []:
        with open_store(folder, fresh=True):
            pass  # it discards what is there
    before = None if fresh else read_json(out, "run.json")
    if before:
        check_same(before.get("made_of", {}), record["made_of"], f"--out {out}")
    before = before or {}
    times = {"started": before.get("started") or now(), "finished": before.get("finished", "")}
    write_json(out, "run.json", {**record, **times})
    return {**record, **times}


def _clean(setting: Setting, nets: Sequence[Net], targets: str | None) -> Clean:
    x, y = setting.samples.x, setting.samples.y
    classes = np.stack([read_by(net.model, x, y, setting.batch(False)) for net in nets])
    if not any((each == y.cpu().numpy()).any() for each in classes):
        raise EmptyError("no net reads any image right", "check preprocessing and class order")
    aims = None
    if targets is not None:
        first = next(net for net in nets if net.source)
        aims = choose_targets(first.model, x, y, targets, seed=setting.seed,
                              ids=setting.samples.ids).cpu().numpy()  # fmt: skip
    return Clean(y.cpu().numpy(), classes, aims)


def _run_all(
    setting: Setting, nets: Sequence[Net], members: Sequence[Member], clean: Clean, every: bool
) -> tuple[dict[Key, Read], pd.DataFrame, str]:
    """Attack every source; return what was read, what it cost, and the best attack.

    All attacks run at the main eps; the best and the noise (with ``every``: all) at every eps, and
    at the main one towards targets.
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


def _measured(
    setting: Setting, nets: Sequence[Net], members: Sequence[Member], clean: Clean,
    reads: dict[Key, Read], costs: pd.DataFrame, shown_attack: str,
) -> dict[str, Any]:  # fmt: skip
    rows = pd.DataFrame(pair_rows(clean, reads, nets))
    write_text(setting.out, "transfer.csv", rows.to_csv(index=False))
    ranked = _ranked(setting, nets, members, clean, reads, rows, costs)
    alike, scatter = _explained(setting, nets, clean, rows, shown_attack)
    found = {
        "clean": [
            {"name": net.name, **wilson(int(right.sum()), len(right))}
            for net, right in zip(nets, clean.right, strict=True)
        ],
        "shown": shown_attack,
        "ranked": ranked,
        "cells": rows[rows["eps"] == setting.main].to_dict("records"),
        "curves": _curves(setting, nets, [member.label for member in members], clean, reads),
        "itself": _curves(setting, nets, [shown_attack], clean, reads, white=True),
        "by_target": _by_net(setting, nets, clean, reads, shown_attack, "target"),
        "by_source": _by_net(setting, nets, clean, reads, shown_attack, "source"),
        "robust_gap": _robust_gap(setting, nets, clean, reads, shown_attack),
        "predictors": alike,
        "scatter": scatter,
    }
    return {**found, "verdict": verdict(setting, found)}


def _ranked(
    setting: Setting, nets: Sequence[Net], members: Sequence[Member], clean: Clean,
    reads: dict[Key, Read], rows: pd.DataFrame, costs: pd.DataFrame,
) -> list[dict[str, Any]]:  # fmt: skip
    """Return a row per attack at the main eps: transfer, white box, targeted, same class, cost."""
    found = []
    for member in members:
        key = Key("", member.label, setting.main)
        plain = rows[(rows["attack"] == member.label) & (rows["eps"] == setting.main)]
        cost = costs[(costs["attack"] == member.label) & ~costs["targeted"]]
        tried = max(int(cost["tried"].sum()), 1)
        aimed = across(clean, reads, nets, key._replace(targeted=True))
        found.append({
            "attack": member.label,
            "success": mean_share(across(clean, reads, nets, key), setting.seed),
            "white_box": mean_share(across(clean, reads, nets, key, white=True), setting.seed),
            "targeted": mean_share(aimed, setting.seed),
            "same_class": same_class(plain[~plain["targeted"]]),
            "same_by_chance": same_by_chance(clean, reads, nets, key),
            "forwards": float(cost["forwards"].sum() / tried),
            "backwards": float(cost["backwards"].sum() / tried),
            "seconds": float(cost["seconds"].sum()),
        })  # fmt: skip
    return [row for row in found if row["success"]]


def _curves(
    setting: Setting, nets: Sequence[Net], attacks: Sequence[str], clean: Clean,
    reads: dict[Key, Read], *, white: bool = False,
) -> list[dict[str, Any]]:  # fmt: skip
    points = [
        {"attack": attack, "eps": value,
         "success": mean_share(across(clean, reads, nets, Key("", attack, value), white=white),
                               setting.seed)}
        for attack in attacks for value in setting.eps
    ]  # fmt: skip
    return [point for point in points if point["success"]]


def _by_net(
    setting: Setting, nets: Sequence[Net], clean: Clean, reads: dict[Key, Read], attack: str,
    side: str,
) -> list[dict[str, Any]]:  # fmt: skip
    """Return mean success onto (from) every net, the hardest target (the best source) first."""
    key, rows = Key("", attack, setting.main), []
    for i, net in enumerate(nets):
        only = ([i], None) if side == "source" else (None, [i])
        pairs = across(clean, reads, nets, key, sources=only[0], targets=only[1])
        rows.append({"name": net.name, "success": mean_share(pairs, setting.seed)})
    rows = [row for row in rows if row["success"]]
    return sorted(rows, key=lambda row: row["success"]["value"], reverse=side == "source")


def _robust_gap(
    setting: Setting, nets: Sequence[Net], clean: Clean, reads: dict[Key, Read], attack: str
) -> list[dict[str, Any]]:
    """Return mean success between standard and adversarially trained nets, in all four ways."""
    kinds = {
        name: [i for i, net in enumerate(nets) if net.robust is robust]
        for name, robust in (("standard", False), ("robust", True))
    }
    key = Key("", attack, setting.main)
    rows = [
        {"sources": one, "targets": two, "success": mean_share(
            across(clean, reads, nets, key, sources=kinds[one], targets=kinds[two]), setting.seed)}
        for one in kinds for two in kinds
    ]  # fmt: skip
    return [row for row in rows if row["success"]] if kinds["robust"] else []


def _explained(
    setting: Setting, nets: Sequence[Net], clean: Clean, rows: pd.DataFrame, attack: str
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return what tells which pairs transfer, and for every pair the likeness and the success."""
    some = np.unique(np.linspace(0, len(clean.y) - 1, min(LIKE, len(clean.y))).round().astype(int))
    part = take(setting.samples, some.tolist())
    alike = likeness(nets, part.x, part.y, clean.classes[:, some])
    names = [net.name for net in nets]
    success = np.full((len(nets), len(nets)), np.nan)
    use = rows[(rows["attack"] == attack) & (rows["eps"] == setting.main) & ~rows["targeted"]]
    for row in use.to_dict("records"):
        if row["n"]:
            success[names.index(row["source"]), names.index(row["target"])] = row["success"]
    scatter = [
        {"source": names[s], "target": names[t], "success": float(success[s, t]),
         **{name: _number(matrix[s, t]) for name, matrix in alike.items()}}
        for s in range(len(nets)) for t in range(len(nets))
        if s != t and np.isfinite(success[s, t])
    ]  # fmt: skip
    return explained(success, alike, setting.seed), scatter


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def verdict(setting: Setting, found: dict[str, Any]) -> str:
    """Return the answer in a sentence."""
    by_attack = {row["attack"]: row for row in found["ranked"]}
    best, luck = by_attack[found["shown"]], by_attack.get(NOISE)
    share = best["success"]
    beside = f"; noise of the same size does so in {luck['success']['value']:.1%}" if luck else ""
    return (
        f"An image changed within {setting.norm} {shown(setting.main)} to fool one net "
        f"({found['shown']}) fools another in {share['value']:.1%} of cases (95% interval "
        f"{share['low']:.1%} to {share['high']:.1%}; {share['pairs']} pairs of nets, "
        f"{share['n']:,} images that both read right){beside}."
    )
