"""Draws results.

| module | contains |
|---|---|
| ``figures`` | plots of runs of all families |
| ``style`` | colours, markers, intervals, headlines |
| ``user_groups`` | numbers of users by group |
| ``user_windows``, ``user_life`` | one UE over time |
"""
