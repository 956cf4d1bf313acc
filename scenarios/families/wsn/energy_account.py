"""Writes the energy account of a sensor field, which stands beside every lifetime so that it can be compared."""

from __future__ import annotations

from mac.wsn.settings import AccountSettings, BatterySettings, FailureSettings, SensingSettings, SinkSettings
from phy.sensors.packet_error import SensorLinkSettings
from phy.sensors.radio_energy import SensorRadioSettings

Line = tuple[str, str]


def account_lines(
    account: AccountSettings, radio: SensorRadioSettings, battery: BatterySettings, link: SensorLinkSettings
) -> list[Line]:
    """Lists what a round charges to a node, as (what, how much)."""
    return [
        ("packet", f"{account.packet_bits} bits of payload, {_header(account.header_bits)}"),
        ("radio", _radio(radio)),
        ("aggregation", _aggregation(account, radio)),
        ("control messages", _control(account.control_bits)),
        ("listen, sense, idle", _fixed(account)),
        ("battery", _battery(battery)),
        ("air", "no packet is lost" if link.model == "none" else _air(link)),
    ]


def sink_line(sink: SinkSettings) -> Line:
    """Describes where packets go."""
    place = f"({sink.x_m:g}, {sink.y_m:g}) m"
    if sink.orbit_radius_m == 0.0:
        return "sink", f"at {place}"
    return "sink", f"on a circle of {sink.orbit_radius_m:g} m around {place}, in {sink.orbit_rounds:g} rounds"


def sensing_line(sensing: SensingSettings) -> Line:
    """Describes which nodes have a packet in a round."""
    if sensing.model == "random":
        return "sensing", f"a packet of each live node with a probability of {sensing.probability:g} a round"
    if sensing.model == "events":
        near = f"{sensing.event_radius_m:g} m of an event"
        return "sensing", f"a packet of each live node within {near}, one event a round"
    return "sensing", "a packet of each live node every round"


def failures_line(failures: FailureSettings) -> Line:
    """Describes what else ends the life of a node."""
    if failures.mean_life_rounds is None:
        return "failures", "none: nodes die of empty batteries alone"
    return "failures", f"nodes also break, after {failures.mean_life_rounds:g} rounds on average"


def joules(value: float) -> str:
    """Writes ``50 nJ``: three digits and a prefix; joules from 0.1 J on, as batteries are told."""
    if value >= 0.1:
        return f"{value:.3g} J"
    for size, prefix in ((1e-3, "m"), (1e-6, "µ"), (1e-9, "n"), (1e-12, "p")):
        if value >= 0.999 * size:
            return f"{value / size:.3g} {prefix}J"
    return f"{value / 1e-12:.3g} pJ" if value else "0 J"


def _header(bits: int) -> str:
    return f"{bits} bits of header on every hop" if bits else "no header"


def _radio(radio: SensorRadioSettings) -> str:
    near, bit = joules(radio.amplifier_j_per_bit_m2), joules(radio.electronics_j_per_bit)
    text = f"{bit}/bit to send and to receive, amplifier {near}/bit/m²"
    if radio.amplifier_j_per_bit_m4 is None:
        return f"{text} at all distances"
    return f"{text} up to {radio.crossover_m:.1f} m and {joules(radio.amplifier_j_per_bit_m4)}/bit/m⁴ beyond"


def _aggregation(account: AccountSettings, radio: SensorRadioSettings) -> str:
    if radio.aggregation_j_per_bit == 0.0:
        return "free"
    own = "with its own unless its protocol says otherwise" if account.fuse_own else "without its own"
    return f"{joules(radio.aggregation_j_per_bit)}/bit of payload for each packet that a head fuses, {own}"


def _control(bits: int) -> str:
    if bits == 0:
        return "free: announcing, joining and reporting cost nothing"
    return f"{bits} bits each: announcing, joining and reporting to the sink"


def _fixed(account: AccountSettings) -> str:
    costs = {"a round of listening": account.listen_j, "a packet sensed": account.sense_j, "a round": account.idle_j}
    return ", ".join(f"{joules(value)} for {what}" for what, value in costs.items() if value) or "free"


def _battery(battery: BatterySettings) -> str:
    text = f"{joules(battery.initial_j)} at the start"
    if battery.advanced_share and battery.advanced_extra:
        more = joules(battery.initial_j * (1.0 + battery.advanced_extra))
        text += f", {more} in {100 * battery.advanced_share:g} % of the nodes"
    if battery.spread:
        text += f", each up to {100 * battery.spread:g} % more or less"
    if battery.harvest_j:
        text += f", {joules(battery.harvest_j)} gained in a round on average"
    return text


def _air(link: SensorLinkSettings) -> str:
    return (
        f"log-distance, exponent {link.exponent:g}, shadowing {link.shadowing_db:g} dB, {link.tx_power_dbm:g} dBm, "
        "IEEE 802.15.4 receiver: packets get lost"
    )
