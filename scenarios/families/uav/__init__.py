"""Adds the family that decides how UAVs fly and which users they serve, every second.

| module | defines |
|---|---|
| ``family`` | the family's record |
| ``scenario`` | what a scenario says, and the problem made from it |
| ``start`` | where UAVs start |
| ``users`` | groups of ground users: positions, tracks, data |
| ``flights`` | paths of UAVs and rates of users, from a finished run |
| ``plots``, ``animation`` | pictures of a run, and a film of one drop |
| ``choice`` | which drop, variant and allocators are shown |
| ``commands`` | ``fairwave uav animate`` |
| ``workloads`` | what ``fairwave bench`` measures |
"""
