"""Computes where transmitters and receivers are and how well they hear each other. Knows nothing of time slots or
decisions.

| package | computes | clause |
|---|---|---|
| ``topology`` | sites, sectors, wrap-around, where UEs are dropped | TR 38.901 7.2, TR 36.814 A.2.1.1 |
| ``mobility`` | positions of UEs over time | ours, random waypoint, Gauss-Markov, Manhattan |
| ``tr38901`` | path loss, LOS, large-scale parameters, clusters, rays | TR 38.901 7.4, 7.5 |
| ``air_to_ground`` | channel between UAVs and the ground | TR 36.777, Al-Hourani et al. 2014 |
| ``blockage`` | attenuation by bodies and vehicles | TR 38.901 7.6.4 |
| ``antenna`` | element patterns, panels, beams, codebooks | TR 38.901 7.3, TS 38.214 5.2.2.2 |
| ``channel`` | fading over time and frequency, for standing and moving UEs | TR 38.901 7.5 step 11 |
| ``link`` | SINR, precoding, receivers, effective SINR, BLER, transport blocks | TS 38.214 5.1.3, 5.2.2 |
| ``sensors`` | deployment, radio energy and packet error of sensor nodes | Heinzelman et al. 2000 |
| ``sionna_adapter`` | the same channel on the rays of Sionna, for cross-checks | - |
| ``numerics`` | compiled loops, threads, table look-up on a log grid | - |

Beside them: ``random`` (counter-based random numbers), ``units``, ``settings`` (how settings are declared),
``csv_file``, ``power_consumption`` (energy of a base station).
"""
