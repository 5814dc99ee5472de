"""What a run depends on, and its record: model, data, attacks, machine and times."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from advkit.attacks import Member
from advkit.data.samples import Samples, fingerprint
from advkit.evaluate.fingerprint import answers, check_same, environment, now
from advkit.evaluate.run_folder import read_json, write_json
from advkit.evaluate.run_progress import note_start
from advkit.evaluate.store import Store
from advkit.models.classifier import Classifier


def ingredients(
    model: Classifier,
    samples: Samples,
    norm: str,
    eps: Sequence[float],
    members: Sequence[Member],
    seed: int,
) -> dict[str, Any]:
    """Return everything that the rows of a run depend on; a resumed run must agree with it."""
    versions = environment(samples.x.device)
    return {
        "model": model.fingerprint(),
        "answers": answers(model, samples.x),
        "data": fingerprint(samples),
        "norm": norm,
        "eps": sorted(eps),
        "attacks": {member.label: member.options for member in members},
        "seed": seed,
        "device": str(samples.x.device),
        "advkit": versions["advkit"],
        "torch": versions["torch"],
        **({"relative": True} if samples.relative else {}),
    }


def describe(
    model: Classifier, samples: Samples, made_of: Mapping[str, Any], asked: Mapping[str, str]
) -> dict[str, Any]:
    """Return the description of model, data, attacks and machine for the report."""
    return {
        "model": {
            "spec": asked.get("model", model.name),
            "name": model.name,
            "sha256": made_of["model"],
            "parameters": sum(p.numel() for p in model.parameters()),
            "n_classes": model.n_classes,
            "classes": list(model.classes or samples.classes or ()),
        },
        "data": {
            "spec": asked.get("data", samples.name),
            "name": samples.name,
            "n": len(samples.ids),
            "sha256": made_of["data"],
            **sound_of(samples),
        },
        "options": made_of["attacks"],
        "command": asked.get("command", ""),
        "environment": environment(samples.x.device),
    }


def sound_of(samples: Samples) -> dict[str, Any]:
    """Return the extra description of sound for the report: its rate, and the meaning of eps."""
    if samples.rate is None:
        return {}
    return {"rate": samples.rate, "range": list(samples.box), "relative": samples.relative}


def told_classes(model: Classifier, samples: Samples) -> int:
    """Return the number of classes by their names, before the first query; 0 if unknown."""
    return model.n_classes or len(model.classes or samples.classes or ())


def begin(store: Store, record: dict[str, Any], out: Path) -> dict[str, Any]:
    """Write what the run depends on, or check that it agrees; return the record with times."""
    made_of = store.made_of()
    if made_of is None:
        store.set_made_of(record["made_of"])
    else:
        check_same(made_of, record["made_of"], f"--out {out}")
    note_start(out, record["command"])  # only now: not for a run that was refused
    before = (read_json(out, "run.json") if made_of else None) or {}
    times = {"started": before.get("started") or now(), "finished": before.get("finished", "")}
    write_json(out, "run.json", {**record, **times})
    return {**record, **times}
