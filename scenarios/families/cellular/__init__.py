"""Provides what the families of a cellular carrier share.

| module | contains |
|---|---|
| ``family`` | what the records of these families have in common |
| ``sections`` | the sections of a scenario |
| ``users`` | groups of users |
| ``model_defaults`` | what follows from the propagation model |
| ``scenario`` | sections that fit together |
| ``traffic_settings`` | traffic models in scenario files |
| ``shape`` | what a family adds: its clock, the slice of each group, a scheduler below its decisions |
| ``engine_factory`` | the engine of a batch of drops |
| ``mobility`` | trajectories and serving cells |
| ``traffic`` | packets of a drop |
| ``uplink`` | checks and path losses of an uplink |
| ``dominant_interferers`` | checks of ``fading.dominant_interferers`` |
| ``named_files`` | files that a scenario names |
| ``renamed_keys`` | keys that once had another name |
| ``labels`` | coordinates of the results |
| ``geometry``, ``plots`` | plots of cells, SINR and ways |
| ``estimates``, ``mimo_estimates`` | memory and time of a batch |
"""
