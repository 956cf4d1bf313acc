"""Computes batches elsewhere: in processes of this machine, or on a cluster.

| module | contains |
|---|---|
| ``options`` | which executor, and where |
| ``executor`` | the protocol that all of them keep |
| ``site`` | what batches are planned for |
| ``dispatch`` | batches through an executor, lost ones again |
| ``opening`` | an executor by its name |
| ``local`` | processes of this machine (loky) |
| ``node`` | a batch in a process of another machine |
| ``ray_cluster``, ``dask_cluster``, ``slurm_cluster`` | Ray, Dask distributed, Slurm |
"""
