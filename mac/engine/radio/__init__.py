"""Computes what a transmission achieves, for each kind of radio.

| module | computes |
|---|---|
| ``radio`` | what an engine asks of its radio |
| ``radio_base`` | what most radios have in common |
| ``choice`` | which radio an engine has |
| ``siso_downlink`` | single antennas at both ends, to UEs |
| ``su_mimo`` | panels of antennas, one UE a PRB, one or more layers |
| ``mu_mimo`` | panels of antennas, several UEs a PRB |
| ``comp``, ``comp_report`` | panels of antennas, cells that coordinate, UEs to which several cells send |
| ``uplink``, ``base_antennas`` | from UEs with power control, to single antennas or panels of cells |
| ``scalar_fading``, ``fading_buffers`` | responses between single antennas, and their memory |
| ``panels`` | channel matrices between panels |
"""
