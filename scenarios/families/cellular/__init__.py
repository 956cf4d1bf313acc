"""Provides what the families of a cellular carrier share: the schema, the engine, the estimates."""
