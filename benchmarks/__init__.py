"""Measurements of Seoga against baselines in the same run: `python -m benchmarks` runs them all."""
