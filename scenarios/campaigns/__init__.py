"""Runs sweeps: one scenario at many points, and what a paper shows of it.

| module | contains |
|---|---|
| ``points`` | what varies, expanded into points |
| ``definition`` | sweep files and the option ``--vary`` |
| ``sweep`` | all points checked, then run |
| ``shared_network`` | whether the drawn network stays the same along a key |
| ``sweep_folder`` | the folder of a sweep |
| ``sweep_result`` | a sweep, read from its folder |
| ``selection`` | what lies on the axes of a figure |
| ``figure``, ``figure_file`` | curves and bars for a paper; PDF, SVG, PNG, PGF |
| ``rounding`` | numbers with as many digits as their interval allows |
| ``table`` | tables for a paper |
| ``load_sweep`` | a sweep for Python code: results, figures, tables |
| ``tuning_space`` | the section ``tune`` of a file |
| ``tuning`` | trials, the best one, and its validation on fresh drops |
| ``page`` | the HTML page of a sweep |
"""
