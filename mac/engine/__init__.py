"""Computes a slot of a cellular carrier: what a decision on PRBs does to links, blocks and queues.

| module | computes |
|---|---|
| ``engine`` | observe and step of a slot |
| ``state`` | what is carried from slot to slot |
| ``radio`` | what differs between single antennas, SU-MIMO, MU-MIMO and uplink |
| ``backends`` | the same slot as compiled loops or as a compiled graph |
| ``outcome`` | slots added up into the outcome of an interval |
| ``cell_change``, ``serving_schedule`` | what a handover does to the state, and when |
| ``fading_buffers`` | fading of a block of slots |
| ``uplink_power`` | transmit power of UEs, slot by slot |
"""
