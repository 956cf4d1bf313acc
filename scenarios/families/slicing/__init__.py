"""The family ``slicing``: its scenario, problem and context."""
