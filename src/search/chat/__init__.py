"""Asking: answers made from what Search finds, each sentence with the place that bears it out."""
