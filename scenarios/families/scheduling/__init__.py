"""The family ``scheduling``: its scenario, problem and context."""
