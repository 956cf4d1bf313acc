"""Defines the family ``comp``: its scenario, problem and plots."""
