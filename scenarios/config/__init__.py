"""Reads scenario files: YAML, ``extends``, variants, overrides, and what is wrong with them."""
