"""The Python interface: one module for each command. The command line calls the same functions."""
