"""The family ``wsn``: its scenario, problem, plots and pages."""
