"""Attack every source, and evaluate every net on every example."""

from collections.abc import Callable, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from advkit.attacks import Member, attack_card
from advkit.data.samples import Samples
from advkit.engine.objectives import Model, margins
from advkit.evaluate.attempts import run_member
from advkit.evaluate.attempts import saved_examples as saved
from advkit.evaluate.fingerprint import check_same
from advkit.evaluate.run_record import ingredients
from advkit.evaluate.stage_context import Progress, Work, judge_clean, right_when_clean
from advkit.evaluate.store import open_store
from advkit.evaluate.workers import default_batch
from advkit.models.classifier import Classifier

Classes = NDArray[np.int64]
Flags = NDArray[np.bool_]


class Net(NamedTuple):
    """One net of a study; ``family`` is its architecture, ``robust`` means adversarially trained.

    A net without gradients (``source`` false) is a target only. ``counted``: as a target, it counts
    in means over pairs.
    """

    name: str
    family: str
    model: Classifier
    source: bool = True
    robust: bool = False
    counted: bool = True


class Setting(NamedTuple):
    """Common inputs of a study. ``eps`` are ascending; targeted results are at ``eps[at]``."""

    samples: Samples
    norm: str
    eps: Sequence[float]
    at: int
    seed: int
    batch_size: int | None
    jobs: int
    out: Path
    progress: Progress

    @property
    def main(self) -> float:
        """The eps of results for a single eps."""
        return self.eps[self.at]

    def batch(self, shared: bool) -> int:
        """Return the batch size; with ``shared``, a universal perturbation, all samples."""
        usual = self.batch_size or default_batch(self.samples.x[0].numel())
        return len(self.samples.ids) if shared else usual


class Key(NamedTuple):
    """Identifies a set of examples: source net or ensemble, attack, eps, targeted or not."""

    source: str
    attack: str
    eps: float
    targeted: bool = False


class Read(NamedTuple):
    """Predictions of all nets for one set of examples.

    ``classes`` (nets, n), the label on a tie; ``tried`` (n,), true for attacked samples.
    """

    classes: Classes
    tried: Flags


def read_by(model: Model, x: Tensor, y: Tensor, batch: int) -> Classes:
    """Return the predicted classes (n,) of ``x`` (n, ...); ``y`` on a tie."""
    found = []
    for start in range(0, len(x), batch):
        part = slice(start, start + batch)
        with torch.no_grad():
            logits = model(x[part])
        tie = margins(logits, y[part]) == 0
        found.append(torch.where(tie, y[part], logits.argmax(1)))
    return torch.cat(found).cpu().numpy()


def run_source(
    setting: Setting,
    source: Net,
    members: Sequence[Member],
    eps: Sequence[float],
    nets: Sequence[Net],
    *,
    who: Flags | None = None,
    targets: Tensor | None = None,
) -> tuple[dict[Key, Read], pd.DataFrame]:
    """Attack ``source`` with ``members`` at all ``eps``; return the nets' predictions, and costs.

    Only samples that it classifies correctly are attacked, restricted to ``who`` (n,) if given.
    Examples are saved in a separate run directory, from which an interrupted study resumes.
    """
    goal = "-targeted" if targets is not None else ""
    folder = setting.out / "sources" / f"{file_name(source.name)}{goal}"
    folder.parent.mkdir(parents=True, exist_ok=True)
    read: dict[Key, Read] = {}
    with open_store(folder) as store:
        made_of = ingredients(source.model, setting.samples, setting.norm, [], [], setting.seed)
        if targets is not None:
            made_of["targets"] = blake2b(targets.cpu().numpy().tobytes()).hexdigest()
        before = store.made_of()
        if before is None:
            store.set_made_of(made_of)
        else:
            check_same(before, made_of, str(folder))
        progress = _named(setting.progress, f"{source.name}{goal.replace('-', ' ')}")
        work = Work(source.model, setting.samples, setting.norm, setting.seed, setting.batch(False),
                    setting.jobs, store, progress, targets, keep_all=True)  # fmt: skip
        judge_clean(work)
        at = _to_attack(work, who)
        for member in members:
            shared = attack_card(member.label, member.attack).shared
            batch = work._replace(batch_size=setting.batch(shared), jobs=1) if shared else work
            for value in eps:
                run_member(batch, member, value, at)
                key = Key(source.name, member.label, value, targets is not None)
                read[key] = _answers(work, member.label, value, nets)
        costs = store.frame("costs")
    return read, costs.assign(source=source.name, targeted=targets is not None)


def _to_attack(work: Work, who: Flags | None) -> NDArray[np.int64]:
    at = right_when_clean(work)["position"].to_numpy(dtype=int)
    if who is not None:
        at = at[who[at]]
    if work.targets is not None:
        other = (work.targets != work.samples.y).cpu().numpy()
        at = at[other[at]]
    return at


def _answers(work: Work, label: str, eps: float, nets: Sequence[Net]) -> Read:
    x_adv, tried = examples(work, label, eps)
    y, batch = work.samples.y, work.batch_size
    return Read(np.stack([read_by(net.model, x_adv, y, batch) for net in nets]), tried)


def examples(work: Work, label: str, eps: float) -> tuple[Tensor, Flags]:
    """Return the saved valid examples (n, ...), the clean sample if there is none, and ``tried``.

    ``tried`` (n,) is true for samples that were attacked.
    """
    results = work.store.frame("results")
    rows = results[(results["attack"] == label) & (results["eps"] == eps)]
    place = {name: i for i, name in enumerate(work.samples.ids)}
    rows = rows.set_index(rows["id"].map(place))
    tried = np.zeros(len(work.samples.ids), dtype=bool)
    tried[rows.index.to_numpy(dtype=int)] = True
    return saved(work, rows[rows["valid"]], work.samples.x), tried


def discard(out: Path) -> None:
    """Discard the results of an earlier study in ``out``."""
    for folder in sorted((out / "sources").glob("*")):
        with open_store(folder, fresh=True):
            pass  # opening discards the existing results
    (out / "run.json").unlink(missing_ok=True)


def file_name(text: str) -> str:
    """Return a unique file name for ``text``."""
    plain = "".join(c if c.isalnum() else "-" for c in text)[:60]
    return f"{plain}-{blake2b(text.encode(), digest_size=4).hexdigest()}"


def _named(progress: Progress, name: str) -> Callable[[str, int, int], None]:
    return lambda what, done, total: progress(f"{name}: {what}", done, total)
