"""One thread for every test: nets are small, and spinning idle threads slow a busy machine."""

import os
import signal

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.pop("COLUMNS", None)  # xdist workers set it, and tables would be truncated to it
import advkit  # noqa: F401  # sets variables that torch reads at its first use

# Background jobs of a shell ignore SIGINT, and their child processes would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)
