"""Provides what fast loops need: compiled functions, threads, and tables that one gather reads.

| module | provides |
|---|---|
| ``jit`` | compilation of plain loops by numba, and how it is switched off |
| ``threads`` | sharing out of drops over threads |
| ``log_grid``, ``log_grid_numba`` | the logarithmic grid of powers on which tables are read |
"""
