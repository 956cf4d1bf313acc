"""Defines the family ``wsn``: its scenario, problem, plots and pages."""
