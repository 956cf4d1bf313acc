"""Schedulers: every slot, which user holds each PRB of each cell.

- ``round_robin``: equal air time, user after user.
- ``proportional_fair``: rate over average rate, PRB by PRB.
- ``max_rate``: the greatest rate, PRB by PRB; the bound of throughput and the worst in fairness.
- ``water_filling``: max-min fair numbers of PRBs, as far as each user needs them.
- ``earliest_deadline``: the least time left first.
- ``mu_proportional_fair``: the same with partners who share the PRB, where a precoder can part them.
- ``m_lwdf``: proportional fair weighted with the age of the oldest byte over its delay budget.

Each turns what it sees into a metric; ``assign`` turns the metric into a decision.
"""
