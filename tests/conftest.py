"""One thread for every test: nets are small, and idle threads that spin slow a busy machine."""

import os
import signal

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.pop("COLUMNS", None)  # a worker of xdist sets it, and tables would be cut to it
import advkit  # noqa: F401  # sets what torch reads at its first use

# A shell that starts a job in the background has it ignore SIGINT, and so would all we start.
signal.signal(signal.SIGINT, signal.default_int_handler)
