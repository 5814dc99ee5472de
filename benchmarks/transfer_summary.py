"""Measures of a transfer study, as written to `run.json`."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from advkit.attacks import Member
from advkit.benchmarks.likeness import explained, likeness
from advkit.benchmarks.transfer_measures import (
    Clean,
    across,
    mean_share,
    pair_rows,
    same_by_chance,
    same_class,
)
from advkit.benchmarks.transfer_runs import Key, Net, Read, Setting
from advkit.data.samples import take
from advkit.evaluate.intervals import wilson
from advkit.evaluate.run_folder import write_text
from advkit.numbers import shown

NOISE = "noise:draws=1"
LIKE = 128  # images on which nets are compared


def measured(
    setting: Setting, nets: Sequence[Net], members: Sequence[Member], clean: Clean,
    reads: dict[Key, Read], costs: pd.DataFrame, shown_attack: str,
) -> dict[str, Any]:  # fmt: skip
    """Return the measures of a study for `run.json`; writes ``transfer.csv``."""
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
    """Return the mean success per target (source) net, hardest target (best source) first."""
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
    """Return the mean success between standard and robust nets, in all four combinations."""
    kinds = {
        name: [i for i, net in enumerate(nets) if net.robust is robust and net.source]
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
    """Return the correlations with transfer, and likeness and success of every pair."""
    some = np.unique(np.linspace(0, len(clean.y) - 1, min(LIKE, len(clean.y))).round().astype(int))
    part = take(setting.samples, some.tolist())
    compared = [i for i, net in enumerate(nets) if net.source]
    nets, classes = [nets[i] for i in compared], clean.classes[compared][:, some]
    alike = likeness(nets, part.x, part.y, classes)
    names = [net.name for net in nets]
    success = np.full((len(nets), len(nets)), np.nan)
    use = rows[(rows["attack"] == attack) & (rows["eps"] == setting.main) & ~rows["targeted"]]
    for row in use.to_dict("records"):
        if row["n"] and row["target"] in names:
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
    """Return the result in one sentence."""
    by_attack = {row["attack"]: row for row in found["ranked"]}
    best, luck = by_attack[found["shown"]], by_attack.get(NOISE)
    share = best["success"]
    beside = f"; noise of the same size does so in {luck['success']['value']:.1%}" if luck else ""
    return (
        f"An image perturbed within {setting.norm} {shown(setting.main)} to fool one net "
        f"({found['shown']}) fools another in {share['value']:.1%} of cases (95% interval "
        f"{share['low']:.1%} to {share['high']:.1%}; {share['pairs']} pairs of nets, "
        f"{share['n']:,} tries on images that both classify correctly){beside}."
    )
