"""Computes the channel model of 3GPP TR 38.901, step by step.

| module | computes | clause |
|---|---|---|
| ``settings`` | scenario and options of the model | 7.2 |
| ``environments`` | distances, heights and powers of networks | 7.2, 7.8 |
| ``los`` | probability of line of sight | 7.4.2 |
| ``pathloss`` | path loss | 7.4.1 |
| ``penetration`` | loss into buildings and cars | 7.4.3 |
| ``lsp_tables`` | means, deviations and correlations of large-scale parameters | Table 7.5-6 |
| ``large_scale``, ``large_scale_plan`` | large-scale parameters, continuous over the plane | 7.5 step 4, 7.6.3 |
| ``spatial_correlation`` | correlated Gaussian fields over the plane | 7.6.3.1 |
| ``cluster_angles``, ``cluster_directions`` | delays, powers and angles of clusters | 7.5 steps 5 to 7 |
| ``link_clusters``, ``rays`` | rays of chosen links, their coupling and phases | 7.5 steps 7 to 10 |
| ``coefficients`` | channel coefficients between panels | 7.5 step 11 |
| ``coupling_gain``, ``beam_coupling`` | power over rays with antenna gain, with beams | 7.8, TR 36.873 8.1 |
"""
