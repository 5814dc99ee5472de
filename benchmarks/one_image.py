"""One image: the example of each source, and the prediction of every net for it."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from advkit.benchmarks.transfer_measures import Clean
from advkit.benchmarks.transfer_runs import Key, Net, Read, Setting, file_name
from advkit.evaluate.run_folder import write_json
from advkit.evaluate.saved_arrays import write_arrays
from advkit.evaluate.store import open_store


def write_one_image(
    setting: Setting, nets: Sequence[Net], attack: str, clean: Clean, reads: dict[Key, Read]
) -> None:
    """Write `one_image.npz` and `one_image.json`, if any image is classified correctly by all nets.

    The image is a typical one: of those that all nets classify correctly, that with the median
    number of fooled pairs.
    """
    sources = [net for net in nets if net.source]
    said = {net.name: reads[Key(net.name, attack, setting.main)].classes for net in sources}
    everybody = np.flatnonzero(clean.right[[net.source for net in nets]].all(0))
    if not len(everybody):
        return
    fooled = np.stack([(classes != clean.y).sum(0) for classes in said.values()]).sum(0)
    order = everybody[np.argsort(fooled[everybody], kind="stable")]
    at = int(order[len(order) // 2])
    sample = setting.samples.ids[at]
    found = [_example(setting, net.name, attack, sample) for net in sources]
    write_arrays(setting.out / "one_image.npz", clean=setting.samples.x[at].cpu().numpy(),
                 adversarial=np.stack(found))  # fmt: skip
    told = {
        "sample": sample,
        "label": int(clean.y[at]),
        "attack": attack,
        "eps": setting.main,
        "fooled": int(fooled[at]),
        "sources": [net.name for net in sources],
        "nets": [net.name for net in nets],
        "said": [said[net.name][:, at].tolist() for net in sources],
    }
    write_json(setting.out, "one_image.json", told)


def _example(setting: Setting, source: str, attack: str, sample: str) -> NDArray[np.float32]:
    folder: Path = setting.out / "sources" / file_name(source)
    with open_store(folder) as store:
        rows = store.frame("results")
        row = rows[(rows["attack"] == attack) & (rows["eps"] == setting.main)
                   & (rows["id"] == sample)].iloc[0]  # fmt: skip
        return store.example(str(row["shard"]), int(row["row"])).astype(np.float32)
