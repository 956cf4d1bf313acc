"""Computes a slot of a cellular carrier: what a decision on PRBs does to links, blocks and queues.

| module | computes |
|---|---|
| ``engine`` | observe and step of a slot |
| ``state`` | what is carried from slot to slot |
| ``grant`` | a decision by PRB and by UE, and what UEs transmit |
| ``coordination`` | settings of cells that coordinate, and their clusters |
| ``radio`` | what is received: single antennas, SU-MIMO, MU-MIMO, CoMP, uplink |
| ``backends`` | a slot in torch's operations, as compiled loops, or as a compiled graph |
| ``slot_series`` | numbers of every slot of chosen UEs |
| ``outcome`` | slots added up into the outcome of an interval |
| ``metrics`` | metrics of what it records: use of PRBs, handovers, uplink |
| ``cell_change``, ``serving_schedule`` | what a handover does to the state, and when |
| ``engine_problem`` | what problems of all families on a carrier have in common |
| ``uplink_power`` | transmit power of UEs, slot by slot |
"""
