"""Defines the family ``scheduling``: its scenario, problem and context."""
