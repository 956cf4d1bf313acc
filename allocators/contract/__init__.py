"""Checks that an allocator keeps the contract of its family: ``fairwave check module:Class``.

| module | contains |
|---|---|
| ``check`` | what every allocator promises, and how each promise is tried |
| ``cases`` | what the check needs to know of a family |
"""
