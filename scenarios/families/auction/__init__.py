"""Adds the family that decides which request is served by which resource, and what it pays.

| module | defines |
|---|---|
| ``family`` | the family's record |
| ``scenario`` | what a scenario says, and the problem made from it |
| ``commands`` | ``fairwave auction`` |
| ``workloads`` | what ``fairwave bench`` measures |
"""
