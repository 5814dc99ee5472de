"""The Python face: one module for what each command does. The command line calls the same."""
