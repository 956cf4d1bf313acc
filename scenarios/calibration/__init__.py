"""Compares our channel with the calibration curves of 3GPP: ``fairwave calibrate``."""
