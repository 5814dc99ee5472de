"""One thread for every test: nets are small, and idle threads that spin slow a busy machine."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
import advkit  # noqa: F401  # sets what torch reads at its first use
