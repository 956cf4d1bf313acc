"""Checks that an allocator keeps the contract of its family: ``fairwave check module:Class``."""
