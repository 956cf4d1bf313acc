"""Runs scenarios.

| module | contains |
|---|---|
| ``run`` | a whole run |
| ``until`` | more drops until intervals are reached |
| ``options`` | how it is carried out |
| ``prepared_run`` | a run that is planned, and what its batches come to |
| ``plan`` | variants, batches, device |
| ``plan_provenance`` | what would compute each part of a plan |
| ``entrants`` | the allocators that are compared |
| ``batch`` | allocators on some drops |
| ``memory`` | how many drops fit |
| ``progress`` | bars and lines in a terminal |
| ``interrupts`` | Ctrl-C |
| ``training`` | allocators that learn |
| ``worker_pool`` | processes that end with this one |
| ``worker_pickling``, ``worker``, ``worker_warnings`` | batches in these processes |
| ``executors`` | batches in these processes, or on other machines |
| ``write_outputs`` | tables and plots of a finished run |
"""
