"""Figures of this project beside those of bare clients, each a ratio within one run. `python -m benchmarks --help`."""
