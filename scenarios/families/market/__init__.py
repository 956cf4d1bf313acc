"""Adds the family that decides how much bandwidth each UE buys, without a radio.

| module | defines |
|---|---|
| ``family`` | the family's record |
| ``scenario`` | what a scenario says, and the problem made from it |
| ``commands`` | ``fairwave market`` |
| ``workloads`` | what ``fairwave bench`` measures |
"""
