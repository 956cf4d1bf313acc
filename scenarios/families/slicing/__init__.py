"""Defines the family ``slicing``: its scenario, problem and context."""
