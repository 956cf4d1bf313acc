"""Defines the family ``auction``: its scenario, problem, commands and workloads."""
