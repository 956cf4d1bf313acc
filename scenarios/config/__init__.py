"""Reads scenario files: YAML, ``extends``, variants, overrides, and what is wrong with them.

| module | contains |
|---|---|
| ``loading`` | scenarios from presets, files and mappings |
| ``merging`` | one set of settings laid upon another |
| ``validation_messages`` | sentences on settings that do not fit |
| ``yaml12`` | YAML 1.2 |
"""
