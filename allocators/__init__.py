"""Decides. One method a file, one folder a family.

| package | decides |
|---|---|
| ``scheduling`` | which UE holds each PRB |
| ``slicing`` | how many RBGs each slice has |
| ``wsn`` | which nodes are cluster heads, and who joins whom |
| ``contract`` | nothing: checks that an allocator keeps the contract of its family |

Beside them: ``registry`` (allocators by name), ``construction`` (an allocator from its name and parameters).
"""
