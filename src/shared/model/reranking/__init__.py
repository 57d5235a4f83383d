"""Rerankers: a cross-encoder of this machine, or a server that has one."""
