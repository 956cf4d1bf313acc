"""Measures speed: ``fairwave bench``."""
