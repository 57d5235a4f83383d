"""Measurements of Seoga against baselines in the same run: `python -m benchmarks` runs them all."""

from shared.silence import fetch_nothing

# Before the baselines import what would report and fetch.
fetch_nothing()
