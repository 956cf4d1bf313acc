"""Measures speed: ``fairwave bench``.

| module | contains |
|---|---|
| ``bench`` | rows of workloads: one drop, and the batch that does most per second |
| ``scaling`` | rows of growing networks and batches: ``--scaling`` |
| ``case`` | what a measurement is: workload, batch, mode, options |
| ``measure`` | one measurement in this process |
| ``environments`` | steps of environments, beside the loop: ``env-FAMILY`` |
| ``isolated_process`` | one measurement in processes of its own |
| ``operation_counts`` | operations, bytes and host syncs of a slot |
"""
