"""Defines the family of flying base stations for scenarios, the command line, plots and reports."""
