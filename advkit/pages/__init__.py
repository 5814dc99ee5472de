"""From the files of a finished run to its page: nothing is computed, no model is asked."""
