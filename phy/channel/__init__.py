"""Computes channels of whole networks over time and frequency, ready for the slot loop.

| module | computes |
|---|---|
| ``channel`` | the channel of a batch of drops with single antennas |
| ``fading`` | small-scale fading by rotating phasors on delays, in a basis that all links share |
| ``full_load`` | SINR of many slots at once with every cell at full load |
| ``time_samples`` | points in time from which all slots follow |
| ``moving`` | the channel of UEs that move or are blocked, between states of the large-scale model |
| ``matrices`` | channel matrices between panels |
| ``moving_matrices`` | the same for UEs that move |
"""
