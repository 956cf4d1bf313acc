"""How well users were served: satisfaction, fairness, throughput, delay, scores, and intervals over drops.

Everything here reads one ``xarray.Dataset`` of windows and answers one number per drop (and per group of users), in
float64 NumPy. ``table`` lists the metrics; ``intervals`` turns drops into means, intervals and paired differences.
"""
