"""Stores and reads results.

| module | contains |
|---|---|
| ``result`` | a run, read from its folder |
| ``dataset`` | labelled arrays |
| ``run_folder`` | the folder that a run may write to |
| ``shards`` | one file for one variant, allocator and range of drops |
| ``account`` | what results are counted with |
| ``as_json`` | tables as plain values |
| ``precision`` | intervals that were asked for, and what is reached |
| ``bounds`` | what no allocator can exceed |
| ``timing`` | how long deciding takes |
| ``provenance`` | code and device that made a shard |
| ``read_files`` | the user's files that a run imports or opens |
| ``content_digest`` | digests of objects by what they hold |
"""
