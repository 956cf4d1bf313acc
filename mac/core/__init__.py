"""Provides what all families share and what knows none of them.

| module | provides |
|---|---|
| ``contracts`` | ``Problem``, ``Allocator``, ``Outcome``, descriptions of its arrays, the errors |
| ``loop`` | observe, decide, step, record |
| ``feasible`` | checks that all families share: shapes, types, first breach |
| ``decision_counts`` | what an allocator counts of its own decisions |
| ``recorder`` | outcomes of intervals added up into windows |
| ``allocator_guard`` | copies and checks around an allocator that is not trusted |
| ``allocator_memory`` | what an allocator remembers, taken and put back |
| ``check_problem`` | the check that the state of a problem is a value |
| ``stacked_allocators`` | several allocators, each for its own rows of drops, as one for a batch |
| ``plugin_traceback`` | the line of a plug-in at which an error arose |
"""
