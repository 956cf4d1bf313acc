"""Adds the family that decides how many RBGs each slice has, at every report.

| module | defines |
|---|---|
| ``family`` | the family's record |
| ``scenario`` | what a scenario says, and the problem made from it |
| ``plots`` | how slices share the carrier |
"""
