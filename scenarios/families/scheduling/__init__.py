"""Adds the family that decides which UE holds each PRB, every slot.

| module | defines |
|---|---|
| ``family`` | the family's record |
| ``scenario`` | what a scenario says, and the problem made from it |
| ``workloads`` | what ``fairwave bench`` measures |
"""
