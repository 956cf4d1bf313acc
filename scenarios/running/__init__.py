"""Runs scenarios.

| module | contains |
|---|---|
| ``run`` | a whole run |
| ``until`` | more drops until intervals are reached |
| ``options`` | how it is carried out |
| ``plan`` | variants, batches, device |
| ``plan_provenance`` | what would compute each part of a plan |
| ``entrants`` | the allocators that are compared |
| ``batch`` | allocators on some drops |
| ``memory`` | how many drops fit |
| ``progress`` | bars and lines in a terminal |
| ``interrupts`` | Ctrl-C |
| ``training`` | allocators that learn |
| ``worker_pool`` | processes that end with this one |
| ``worker_dispatch``, ``worker_pickling``, ``worker``, ``worker_warnings`` | batches in these processes |
| ``write_outputs`` | tables and plots of a finished run |
"""
