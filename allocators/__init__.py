"""Provides the allocators: one method in each file, one family in each folder.

| package | decides |
|---|---|
| ``scheduling`` | which UE holds each PRB |
| ``slicing`` | how many RBGs each slice has |
| ``comp`` | which UE in outage buys how many PRBs from which cell of its cluster |
| ``auction`` | which request is served by which resource, and what it pays |
| ``market`` | how much bandwidth each buyer gets, at which price |
| ``wsn`` | which nodes are cluster heads, and which head each node joins |
| ``uav`` | how UAVs fly and which users they serve |
| ``contract`` | nothing: checks that an allocator keeps the contract of its family |

Beside them: ``registry`` (allocators by name), ``construction`` (an allocator from its name and parameters).
"""
