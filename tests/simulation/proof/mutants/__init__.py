"""Deliberately broken engines, each with one rule taken away, and the laws of the proof that must notice it."""

from tests.simulation.proof.mutants import linking, merging, reading, writing
from tests.simulation.proof.mutants.kit import MUTANTS, Mutant

__all__ = ["MUTANTS", "Mutant", "linking", "merging", "reading", "writing"]
