"""Reads the command line and prints: the command ``fairwave``.

| module | contains |
|---|---|
| ``main`` | the entry point, and Ctrl-C from the first moment on |
| ``commands`` | the application, ``list``, ``check``, ``schema`` |
| ``simulate`` | ``run``, ``validate``, ``train`` |
| ``campaign`` | ``sweep``, ``figure``, ``table`` |
| ``export`` | ``export``, ``experience`` |
| ``inspect`` | ``inspect`` |
| ``provenance`` | ``cite``, ``diff`` |
| ``read`` | ``report``, ``bound`` |
| ``bench`` | ``bench`` |
| ``calibrate`` | ``calibrate`` |
| ``family_commands`` | commands that families bring along |
| ``catalogue`` | what there is to choose from |
| ``environment_catalogue`` | what environments offer to learners |
| ``console`` | tables and sentences for people |
| ``options`` | options that several commands have |
| ``guard`` | errors as one message and an exit status |
| ``stdio`` | standard streams |
"""
