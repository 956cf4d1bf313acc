"""Learns TRACTOR's slice controller offline (arXiv 2312.07896): moves of one RBG, chosen by learned values.

| module | holds |
|---|---|
| ``moves`` | the decision process: state, seven moves of an RBG, which of them are possible |
| ``samples`` | transitions of recorded trials, and the mean score of each slice at each number of RBGs |
| ``virtual_samples`` | samples for the pairs of state and move that no trial has |
| ``q_network``, ``q_table`` | the two forms of the learned values |
| ``dqn_training``, ``tabular_training`` | Q-learning from samples |
| ``policy_file`` | files of learned values: plain arrays, no pickle, with what they were trained on |
| ``policy`` | the allocators ``tractor_dqn`` and ``tractor_tabular`` |
"""
