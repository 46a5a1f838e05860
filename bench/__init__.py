"""Benchmarks beside what people use today.

Each figure is a ratio of medians taken in turns in one run: the machine's mood
cancels out. Nothing here is a test; `make bench` prints, people judge.
"""
