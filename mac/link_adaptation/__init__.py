"""Computes what a base station sends: CQI reports, MCS, outer loop, repetitions.

| module | computes | clause |
|---|---|---|
| ``adaptation`` | reports and the choice of an MCS, with the outer loop | TS 38.214 5.2.2.1, 5.1.3 |
| ``report_slots`` | slots in which UEs report | TS 38.214 5.2.1.4 |
| ``harq`` | processes, repetition with chase combining | TS 38.321 5.4.2 |
| ``tables`` | block sizes and error curves by MCS and number of PRBs | TS 38.214 5.1.3.2 |
"""
