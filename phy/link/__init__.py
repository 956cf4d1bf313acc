"""Computes what one transmission over a link achieves: from responses to SINR, from SINR to decoded bits.

| module | computes | clause |
|---|---|---|
| ``response`` | responses of links on PRBs from coordinates in a basis | ours |
| ``sinr``, ``sinr_numba`` | SINR of every UE on every PRB, in torch and as compiled loops | - |
| ``full_load_numba`` | SINR of many slots at full load, from a few points in time | ours |
| ``uplink_sinr``, ``uplink_mimo`` | SINR at base stations with a single antenna, and with panels | - |
| ``power_control`` | transmit power of UEs | TS 38.213 7.1.1 |
| ``dominant_interferers`` | which links fade and which are heard at their mean | ours |
| ``precoding``, ``receiver``, ``mu_mimo`` | precoders, post-combining SINR, several UEs on a PRB | TS 38.214 5.2.2 |
| ``coordination``, ``coordination_rates`` | precoders that spare the UEs of other cells, several cells to one UE | - |
| ``mimo_settings`` | panels, layers, precoding and receiver of a scenario | - |
| ``effective_sinr`` | one SINR for a block over many PRBs | TR 38.901 agnostic; MIESM, EESM |
| ``mcs``, ``transport_block`` | modulation and coding schemes; bits of a transport block | TS 38.214 5.1.3.1, 5.1.3.2 |
| ``bler`` | block error rate in AWGN from the tables in ``tables`` | - |
"""
