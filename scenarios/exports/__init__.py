"""Writes results and experience for other programs.

| module | answers |
|---|---|
| ``run_tables`` | which tables does a run have, and what are their columns |
| ``table_files`` | how are they written: Parquet, CSV, NumPy |
| ``experience`` | what did an allocator observe and do, and what was it rewarded with, for offline learners |
| ``experience_problem`` | how is that recorded in the loop of a run |
| ``collect`` | of which allocators, on which drops |
| ``experience_file`` | how is it written and read |
| ``sweep_windows`` | what are the windows of all points of a sweep, as one Dataset |
"""
