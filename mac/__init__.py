"""Computes what a decision does: time slots, queues, retransmissions, and how well UEs were served.

| package | computes |
|---|---|
| ``core`` | the contract between problem and allocator, the loop, the recorder, the guard around allocators |
| ``engine`` | a slot of a cellular carrier, with one ``radio`` and one ``backend`` |
| ``link_adaptation`` | CQI, MCS, outer loop, HARQ (TS 38.214 5.1, 5.2) |
| ``handover`` | A3 events, serving cells, radio link failure (TS 38.331 5.5.4.4) |
| ``traffic`` | arrivals of packets, queues and their delays |
| ``metrics`` | satisfaction, fairness, rates, delays, intervals |
| ``scheduling`` | the family that decides which UE holds each PRB, every slot |
| ``slicing`` | the family that decides how many RBGs each slice has |
| ``comp`` | the family that sells PRBs of a CoMP cluster to UEs in outage |
| ``auction`` | the family that decides which request is served by which resource |
| ``market`` | the family that decides how much bandwidth each buyer gets, without a radio |
| ``wsn`` | the family that decides which sensor nodes are cluster heads |
| ``uav`` | the family that decides how UAVs fly and which users they serve |

Beside them: ``carrier`` (numerology, PRBs, power of a carrier).
"""
