"""Writes a result as one page of HTML.

| file | holds |
|---|---|
| ``report`` | tables, paired differences and plots of a run, put into the page |
| ``report.html.j2`` | the template of the page |
"""
