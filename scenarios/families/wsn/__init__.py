"""Adds the family that decides which sensor nodes are cluster heads, every round.

| module | defines |
|---|---|
| ``family`` | the family's record |
| ``scenario`` | what a scenario says, and the problem made from it |
| ``rounds`` | one round of one sensor field, from a finished run |
| ``plots``, ``map`` | pictures of a run, and of one round |
| ``graph`` | the routing tree of a round, for networkx and GraphML |
| ``energy_account``, ``censored_deaths`` | pages of a report: where the energy goes, deaths after the end of a run |
| ``commands`` | ``fairwave wsn map`` and ``fairwave wsn graph`` |
| ``workloads`` | what ``fairwave bench`` measures |
"""
