"""Kiwi, which takes Korean apart, in a process of its own."""
