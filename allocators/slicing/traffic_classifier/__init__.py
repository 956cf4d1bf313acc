"""Labels the traffic of a UE from its KPI reports: mMTC, URLLC, eMBB or none (arXiv 2312.07896).

| module | holds |
|---|---|
| ``kpi_log`` | the 17 KPIs, and reading them from logs of the published format |
| ``training_logs`` | logs with a class in their names, for training |
| ``windows`` | windows of reports, scaled to 0 and 1 |
| ``networks`` | CNN and transformer |
| ``training`` | training of a network on windows |
| ``evaluation`` | accuracy on trials that are held out as a whole |
| ``model_file`` | files of trained classifiers: plain arrays, no pickle, with what they were trained on |
| ``air_kpis`` | the KPIs that fairwave's own reports have |
| ``classified_slices`` | the allocator ``classified_slices``: a controller that is told classes instead of slices |
"""
