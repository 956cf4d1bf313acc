"""Reads the command line and prints: the command ``fairwave``."""
