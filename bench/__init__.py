"""Benchmarks that measure `newsletter` side by side with other tools.

Each figure is a ratio of medians. The two sides take turns within one run, so that a slow machine slows both.
Nothing here is a test: `make bench` prints the figures, and people judge them.
"""
