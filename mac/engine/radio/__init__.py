"""Computes what a transmission achieves, for each kind of radio: SU-MIMO, MU-MIMO, uplink."""
