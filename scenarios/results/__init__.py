"""Stores and reads results: shards, run folders, provenance, tables."""
