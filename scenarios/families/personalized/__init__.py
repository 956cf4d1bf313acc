"""Adds the family that decides how many PRBs each UE needs for a target satisfaction.

| module | defines |
|---|---|
| ``family`` | the family's record |
| ``scenario`` | what a scenario says, and the problem made from it |
| ``commands`` | ``fairwave personalized fit`` and ``front`` |
| ``past_runs`` | windows of a finished run, from which zones are learned |
| ``plots`` | the Pareto front with the allocators on it |
| ``environment`` | what learners need to know of it |
"""
