"""Builds the same channels on the rays that Sionna draws, to check ours against them.

| module | builds |
|---|---|
| ``channel`` | single antennas |
| ``matrices`` | panels |
| ``moving`` | UEs that move |
| ``large_scale_state`` | Sionna's rays in our large-scale state |
| ``ray_fading`` | fading on given rays |
| ``cost`` | memory and time of all this, estimated beforehand |
"""
