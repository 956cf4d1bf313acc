"""Computes what several protocols of sensor fields share.

| module | computes |
|---|---|
| ``nearest_head`` | who joins which head |
| ``head_rotation`` | whose turn it is to be head |
| ``multi_hop`` | routes from head to head |
| ``persistent_clusters`` | clusters that stay for several rounds |
| ``medoids`` | clusters by positions that a sink knows |
"""
