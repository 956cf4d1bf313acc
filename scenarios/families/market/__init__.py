"""Defines the family ``market``: its scenario, problem, commands and workloads."""
