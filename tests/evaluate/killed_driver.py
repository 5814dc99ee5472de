"""Run an audit repeatedly, kill it each time at a random moment, and finally let it finish.

    python -m tests.evaluate.killed_driver OUT KILLS [SEED]

Each run is a fork of this process, which has imported torch and loaded the model, but has never
computed a gradient (torch would then refuse to in a fork).
"""

import os
import random
import signal
import sys
import time
import traceback
from pathlib import Path

from advkit.data.specs import load_data
from advkit.evaluate.audit import audit
from advkit.models.specs import load_model

ATTACKS = ("fgsm", "pgd:steps=20", "square:queries=40", "ddn:steps=20")


def forked(out: Path, batch_size: int) -> int:
    """Return the id of the process that runs the audit."""
    process = os.fork()
    if process:
        return process
    code = 1
    try:
        audit(load_model("bundled:digits-cnn"), load_data("bundled:digits", limit=40), norm="L2",
              eps=[0.3, 0.8], attacks=ATTACKS, out=out, jobs=1, batch_size=batch_size)  # fmt: skip
        code = 0
    except Exception:
        traceback.print_exc()
    finally:
        os._exit(code)


def main() -> None:
    """Print the number of rows at which each run was killed."""
    out, kills = Path(sys.argv[1]), int(sys.argv[2])
    chance = random.Random(int(sys.argv[3]) if len(sys.argv) > 3 else 14)
    load_model("bundled:digits-cnn")
    load_data("bundled:digits", limit=40)
    began = time.monotonic()
    whole = forked(out.with_name("whole"), 16)
    assert os.waitpid(whole, 0)[1] == 0
    takes = time.monotonic() - began
    killed = 0
    while killed < kills:
        process = forked(out, 3)
        time.sleep(chance.uniform(0, 0.2 * takes))
        os.kill(process, signal.SIGKILL)
        ended = os.waitpid(process, 0)[1]
        if ended == 0:
            break
        assert os.WIFSIGNALED(ended), "a run could not go on from where it was killed"
        killed += 1
    last = forked(out, 3)
    assert os.waitpid(last, 0)[1] == 0
    sys.stdout.write(f"{killed}\n")


main()
