"""Computes a slot in one of several forms, which make the same decisions: chosen once, when an engine is built.

| module | form |
|---|---|
| ``torch_slot`` | torch's operations: every radio, every device; the definition |
| ``numba_slot``, ``numba_kernels`` | loops in machine code: the downlink with single antennas on a CPU |
| ``torch_compile`` | torch's operations as one compiled graph: the downlink with single antennas on a GPU |
| ``choice`` | which of them an engine uses |
"""
