"""Turns trained networks into allocators: ``torch:policy.pt``, ``onnx:policy.onnx``, ``keras:policy.keras``.

| module | defines |
|---|---|
| ``allocator`` | ``Policy``, the allocator that asks a network |
| ``network`` | what a network is: rows of numbers in, rows of numbers out |
| ``torch_file``, ``onnx_file``, ``keras_file`` | reading a network from a file |
| ``policy_file`` | the file that ``fairwave train`` writes: layers, weights, and what they were trained for |
| ``contract`` | the contract check of a policy, on drops of its scenario |
| ``saving`` | ``save_policy``, for what a learner of any library has learned in an environment |
| ``learning``, ``sb3_networks`` | training by Stable-Baselines3, and the network that its policies hold |
"""
