"""What is done. A workload is a module with ``WORKS`` (names, in order), ``peers(work)`` and
``run(task)``, which the worker calls in a process of its own for one piece of work of one peer."""

from importlib import import_module
from types import ModuleType

WORKLOADS = ("uniform", "sensor", "days", "ticks", "rows", "commits", "points", "living")


def load(name: str) -> ModuleType:
    """The workload's module."""
    return import_module(f"comparison.workloads.{name}")
