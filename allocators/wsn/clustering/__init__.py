"""Computes what several protocols of sensor fields share.

| module | computes |
|---|---|
| ``nearest_head`` | the head that each node joins |
| ``head_rotation`` | heads drawn so that each node is head once in an epoch |
| ``multi_hop`` | routes from head to head |
| ``persistent_clusters`` | clusters that stay for several rounds |
| ``medoids`` | clusters by positions that a sink knows |
"""
