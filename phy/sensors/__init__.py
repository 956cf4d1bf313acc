"""Computes the physics of a sensor field.

| module | computes |
|---|---|
| ``deployment`` | positions and batteries of the nodes, and the place of the sink |
| ``radio_energy`` | energy to send and to receive a bit (first-order radio model) |
| ``packet_error`` | probability that a packet over a distance is lost |
"""
