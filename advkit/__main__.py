"""`python -m advkit` is `advkit`."""

from advkit.cli import main

main()
