"""Trains several agents by sequential trust regions, with graph recurrent policies and an attention critic (GA-MATR).

After arXiv 2401.17880, of which only the abstract is known, on the update of HATRPO (Kuba et al., ICLR 2022). Sizes and
what the abstract leaves open are ours.

| module | provides |
|---|---|
| ``networks`` | the policy of an agent, and the critic of all |
| ``trust_region`` | KL divergence, Fisher product, conjugate gradient, step with backtracking |
| ``rollout`` | episodes of a batch of environments, advantages |
| ``update`` | agents one after the other, and the critic |
| ``training`` | rounds of collecting and updating, with the ablations by name |
| ``policy_file`` | the file of a team: plain arrays, no pickle |
| ``allocator`` | the team as an allocator, ``gamatr:FILE`` |
"""
