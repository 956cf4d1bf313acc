"""Computes what several allocators of flying base stations share: where UAVs should be, and which users they serve.

| module | computes |
|---|---|
| ``known_users`` | the last reported position of each user |
| ``hover_points`` | points where UAVs hover, made anew every so often, and which UAV flies to which |
| ``matching`` | which UAV flies to which point |
| ``packing`` | equal circles packed densely in a circle |
| ``user_clusters`` | clusters of users by k-means |
| ``enclosing_circle`` | the smallest circle around points |
| ``links`` | spectral efficiency and SINR of all links |
| ``association`` | the proportional fair association of users and UAVs |
| ``waypoints`` | a step of the trajectory that improves proportional fairness |
"""
