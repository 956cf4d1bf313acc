"""Computes a slot in one of several forms, which make the same decisions: chosen once, when an engine is built.

| module | form |
|---|---|
| ``torch_slot`` | torch's operations: every radio, every device; the definition |
| ``numba_slot``, ``numba_kernels``, ``slot_arrays`` | loops in machine code: downlinks with single antennas on a CPU |
| ``full_load``, ``numba_full_load`` | the same in one loop where buffers are always full |
| ``slots_in_place``, ``numba_in_place`` | the same, many slots in one loop that decides, too |
| ``torch_compile`` | torch's operations as one compiled graph: the downlink with single antennas on a GPU |
| ``choice`` | which of them an engine uses |
"""
