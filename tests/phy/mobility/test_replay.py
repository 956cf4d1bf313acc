"""Replayed trajectories: what is read, how it is played, and one clear sentence for everything that is wrong."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from phy.mobility import (
    RectangleSettings,
    Replay,
    Trajectory,
    TrajectoryError,
    area_of,
    read_trajectories,
    trajectories,
)
from phy.random import Drops
from phy.topology.sites import TopologySettings, build_topology

TOPOLOGY = build_topology(TopologySettings())
AREA = area_of(TOPOLOGY)
HEADER = "user,time_s,x_m,y_m\n"
TWO = HEADER + "a,0,0,0\nb,2,100,50\na,10,30,40\nb,12,100,150\na,20,30,0\nb,22,0,150\n"


def file_of(folder: Path, text: str | bytes, name: str = "tracks.csv") -> Path:
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def play(path: Path, users: int = 2, duration_s: float = 20.0, **settings: Any) -> Trajectory:
    start = torch.full((1, users, 3), 1.5, dtype=torch.float64)
    return trajectories(Drops(1, (0, 1)), Replay(str(path), **settings), start, AREA, duration_s)


def at(path: Trajectory, *t_s: float) -> Tensor:
    return path.position_m(torch.tensor(t_s, dtype=torch.float64))


def test_linear_in_between(tmp_path: Path) -> None:
    path = play(file_of(tmp_path, TWO))
    expected = [[0, 0], [6, 8], [30, 40], [30, 20], [30, 0]]
    assert torch.allclose(at(path, 0, 2, 10, 15, 20)[0, 0, :, :2], torch.tensor(expected, dtype=torch.float64))
    late = [[100, 50], [100, 50], [100, 60]]  # waits for its first point
    assert torch.allclose(at(path, 0, 2, 3)[0, 1, :, :2], torch.tensor(late, dtype=torch.float64))
    assert (at(path, 0, 7)[..., 2] == 1.5).all()  # no heights in the file: those of the users
    velocity = path.velocity_mps(torch.tensor([1.0, 11.0]))[0, :, :, :2]
    assert torch.allclose(velocity[0], torch.tensor([[3.0, 4.0], [0.0, -4.0]], dtype=torch.float64))
    assert velocity[1].tolist() == [[0.0, 0.0], [0.0, 10.0]]


def test_other_columns_heights_spaces_and_gzip(tmp_path: Path) -> None:
    text = "speed, id ,y_m,x_m,time_s,z_m\n1,7,2,1,0,3\n1, 7 ,4,3,1,5\n\n"
    for path in (
        file_of(tmp_path, text),
        file_of(tmp_path, gzip.compress(("\ufeff" + text).encode()), "tracks.csv.gz"),
    ):
        assert at(play(path, 1, 1.0), 0.5)[0, 0].tolist() == [[2.0, 3.0, 4.0]]
        assert read_trajectories(path).names == ("7",)


def test_hold_loop_and_reverse(tmp_path: Path) -> None:
    there = file_of(tmp_path, HEADER + "a,1,0,0\na,2,10,0\na,4,10,20\n")
    hold = at(play(there, 1, 60.0, at_end="hold"), 0.5, 4, 30, 60)[0, 0, :, :2]
    assert hold.tolist() == [[0, 0], [10, 20], [10, 20], [10, 20]]
    reverse = play(there, 1, 60.0, at_end="reverse")
    sample = torch.linspace(0.0, 60.0, 601, dtype=torch.float64)
    for t_s, (x, y) in zip(sample.tolist(), reverse.position_m(sample)[0, 0, :, :2].tolist(), strict=True):
        turn = max(t_s - 1.0, 0.0) % 6.0
        local = min(turn, 6.0 - turn)
        assert (x, y) == pytest.approx((min(10.0 * local, 10.0), max(10.0 * (local - 1.0), 0.0)), abs=1e-9)
    back = reverse.velocity_mps(torch.tensor([3.0, 5.0, 6.5]))[0, 0, :, :2]
    assert back.tolist() == [[0, 10], [0, -10], [-10, 0]]
    circle = file_of(tmp_path, HEADER + "a,1,0,0\na,2,10,0\na,3,10,10\na,5,0,0\n", "circle.csv")
    loop = play(circle, 1, 100.0, at_end="loop")
    assert torch.allclose(at(loop, 1.5, 2.7, 4.1), at(loop, 5.5, 14.7, 96.1), atol=1e-9)
    assert not torch.allclose(at(loop, 1.5), at(loop, 2.5))


def test_velocity_is_the_derivative_of_position(tmp_path: Path) -> None:
    path = play(file_of(tmp_path, TWO), 2, 100.0, at_end="reverse")
    fine = torch.linspace(0.0, 100.0, 10_001, dtype=torch.float64)
    position, velocity = path.position_m(fine), path.velocity_mps(fine)
    moved = (position[:, :, 1:] - position[:, :, :-1]) / float(fine[1])
    smooth = (velocity[:, :, 1:] - velocity[:, :, :-1]).abs().amax(-1) < 1e-9
    assert (moved - velocity[:, :, :-1])[smooth].abs().max() < 1e-7
    assert moved.norm(dim=-1).max() <= 10.0 + 1e-6


def test_which_user_follows_which_trajectory(tmp_path: Path) -> None:
    text = HEADER + "".join(f"{name},0,{x},0\n{name},9,{x},5\n" for x, name in enumerate("qwertyuiop"))
    path = file_of(tmp_path, text)
    assert at(play(path, 4, 9.0), 0)[0, :, 0, 0].tolist() == [0, 1, 2, 3]  # in the order of the file
    cycle = at(play(path, 13, 9.0, if_fewer="cycle"), 0)[0, :, 0, 0].tolist()
    assert cycle == [*range(10), 0, 1, 2]
    one, two = at(play(path, 10, 9.0, order="random"), 0)[:, :, 0, 0].tolist()
    assert one != two and sorted(one) == sorted(two) == list(range(10))


def test_folded_by_the_area(tmp_path: Path) -> None:
    far = file_of(tmp_path, HEADER + "a,0,0,0\na,9,100,0\n")
    start = torch.zeros((1, 1, 3), dtype=torch.float64)
    box = area_of(TOPOLOGY, RectangleSettings(west_m=-50.0, south_m=-50.0, east_m=50.0, north_m=50.0))
    with pytest.raises(TrajectoryError, match=r"line 3: user 'a' is at \(100, 0\) m, outside of the area"):
        trajectories(Drops(1, (0,)), Replay(str(far)), start, box, 9.0)
    path = trajectories(Drops(1, (0,)), Replay(str(far), outside="fold"), start, box, 9.0)
    assert at(path, 4.5, 9.0)[0, 0, :, 0].tolist() == [50.0, 0.0]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "the file is empty; a trajectory file with the columns"),
        (HEADER, "nothing follows the header"),
        ("a,b\n1,2\n", "if wanted, z_m: missing columns: time_s, x_m, y_m; found: a, b"),
        ("user,time_s,x_m\na,0,0\n", "missing columns: y_m; found"),
        ("time_s,x_m,y_m\n0,0,0\n", "line 1: no column user (or id)"),
        ("user,id,time_s,x_m,y_m\na,a,0,0,0\n", "a column user and a column id"),
        ("user,time_s,x_m,x_m,y_m\na,0,0,0,0\n", "appear more than once: x_m"),
        (HEADER + "a,0,0,0\na,1,1\n", "line 3: 3 columns instead of 4. The file is cut off there."),
        (HEADER + "a,0,0\na,1,1,1\n", "line 2: 3 columns instead of 4."),
        (HEADER + "a,0,0,0,0\na,1,1,1\n", "line 2: 5 columns instead of 4."),
        (HEADER + "a,0,0,0\na,1,east,1\n", "line 3: x_m is 'east', which is not a number"),
        (HEADER + "a,0,0,0\na,1,,1\n", "line 3: x_m is '', which is not a number"),
        (HEADER + "a,0,0,0\na,1_0,1,1\n", "line 3: time_s is '1_0', which is not a number"),
        (HEADER + "a,0,0,0\na,1,nan,1\n", "line 3: x_m is nan, must be a finite number"),
        (HEADER + "a,0,0,0\na,1,1,-inf\n", "line 3: y_m is -inf, must be a finite number"),
        (HEADER + "a,0,0,0\na,1e999,1,1\n", "line 3: time_s is 1e999, must be a finite number"),
        (HEADER + "a,-1,0,0\na,1,1,1\n", "line 2: time_s is -1, must be at least 0. Times count from 0"),
        (HEADER + "a,0,0,0\n,1,1,1\n", "line 3: the user has no name"),
        (HEADER + "a,0,0,0\nb,0,0,0\na,0,1,1\nb,1,1,1\n", "line 4: user 'a' is at time_s 0 twice"),
        (HEADER + "a,0,0,0\na,5,0,0\nb,0,0,0\na,4,1,1\nb,1,1,1\n", "line 5: user 'a' goes back from time_s 5 to 4"),
        (HEADER + "a,0,0,0\na,60,0,0\na,121,1,1\n", "line 4: user 'a' was last seen 61 s before, but max_gap_s is 60"),
        (HEADER + "a,0,0,0\na,1,0,0\na,2,150,0\n", "line 4: user 'a' jumps 150 m in 1 s, which is 540 km/h"),
        (HEADER + "a,0,0,0\nb,0,3,3\na,1,0,0\n", "line 3: user 'b' has a single point"),
        (b"\x80\x81\x82", "line 1: byte 0x80 is not text; a CSV file in UTF-8 is expected"),
        (HEADER + "a,0,0,0\na,1,1,1", "line 3: the line does not end, so it may be cut off"),
        (b"user\0time", "line 1: byte 0x00 is not text"),
        (b"\x1f\x8b\x08\x00broken", "the gzip file is damaged or cut off"),
        (gzip.compress(TWO.encode(), mtime=0)[:40], "the gzip file is damaged or cut off"),
    ],
)
def test_bad_files(tmp_path: Path, text: str | bytes, words: str) -> None:
    path = file_of(tmp_path, text)
    with pytest.raises(TrajectoryError) as caught:
        read_trajectories(path)
    message = str(caught.value)
    assert words in message
    assert message.startswith(f"{path}")
    assert "\n" not in message


def test_missing_files_and_folders(tmp_path: Path) -> None:
    for path in (tmp_path / "none.csv", tmp_path):
        with pytest.raises(TrajectoryError, match="cannot be read"):
            read_trajectories(path)
        with pytest.raises(TrajectoryError, match=r"cannot be read"):
            play(path)


def test_500_kmh_are_still_accepted(tmp_path: Path) -> None:
    path = file_of(tmp_path, HEADER + f"a,0,0,0\na,1,{500 / 3.6!r},0\n")
    assert float(play(path, 1, 1.0).velocity_mps(torch.tensor([0.5]))[0, 0, 0, 0]) == pytest.approx(500 / 3.6)


@pytest.mark.parametrize(
    ("settings", "users", "duration_s", "words"),
    [
        ({}, 3, 20.0, "2 trajectories for 3 users; lower the users' count, or set if_fewer to 'cycle'"),
        ({}, 2, 30.0, "line 6: user 'a' ends at time_s 20, before the run, which takes 30 s; shorten the run, or set"),
        ({"at_end": "loop"}, 2, 30.0, "line 6: user 'a' ends 30 m from its start, so that a loop would jump"),
        ({"max_gap_s": 5.0}, 2, 20.0, "line 4: user 'a' was last seen 10 s before, but max_gap_s is 5"),
    ],
)
def test_files_that_do_not_suit_the_run(
    tmp_path: Path, settings: dict[str, Any], users: int, duration_s: float, words: str
) -> None:
    with pytest.raises(TrajectoryError) as caught:
        play(file_of(tmp_path, TWO), users, duration_s, **settings)
    assert words in str(caught.value)


def test_positions_outside_the_cluster(tmp_path: Path) -> None:
    path = file_of(tmp_path, HEADER + "a,0,5000,0\nb,0,0,0\nb,9,9,9\na,9,5000,9\n")
    with pytest.raises(TrajectoryError, match=r"line 2: user 'a' is at \(5000, 0\) m, outside of the area"):
        play(path, 2, 9.0)
    assert at(play(path, 2, 9.0, outside="fold"), 0)[0, 0, 0, 0] == 5000.0  # a place in the endless plane


def test_a_changed_file_is_read_again(tmp_path: Path) -> None:
    path = file_of(tmp_path, TWO)
    before = at(play(path), 5)
    file_of(tmp_path, TWO.replace("10,30,40", "10,60,40"))
    assert not torch.equal(at(play(path), 5), before)


@pytest.mark.parametrize("begin_s", [20.0, 1_700_000_000.0])
def test_a_user_that_begins_after_the_run(tmp_path: Path, begin_s: float) -> None:
    """A clock that counts from 1970 would have all users wait at their first points, without a word."""
    late = file_of(tmp_path, TWO + f"c,{begin_s:.0f},0,0\nc,{begin_s + 5:.0f},5,0\n")
    with pytest.raises(
        TrajectoryError, match=rf"line 8: user 'c' begins at time_s {begin_s:.0f}, but the run ends at 20 s"
    ):
        play(late, at_end="hold")


def test_heights(tmp_path: Path) -> None:
    path = file_of(tmp_path, "user,time_s,x_m,y_m,z_m\na,0,0,0,1.5\na,1,0,0,30\nb,0,0,0,0.5\nb,1,0,0,1.5\n")
    replay = Replay(str(path))
    replay.require_heights(0.0, 30.0, "never seen")
    with pytest.raises(TrajectoryError, match="line 3: user 'a' is at z_m 30, but they are low"):
        replay.require_heights(0.0, 22.5, "they are low")
    with pytest.raises(TrajectoryError, match=r"line 4: user 'b' is at z_m 0\.5, but they are high"):
        replay.require_heights(1.0, 30.0, "they are high")
    flat = Replay(str(file_of(tmp_path, TWO, "flat.csv")))
    flat.require_heights(1.0, 2.0, "of the users")  # no heights in the file


FCD = """<?xml version="1.0" encoding="UTF-8"?>
<fcd-export>
    <timestep time="0.00"/>
    <timestep time="1.00">
        <vehicle id="car" x="10.0" y="5.0" angle="90" type="t" speed="10" pos="1" lane="e_0" slope="0"/>
        <person id="ann" x="1.0" y="2.0" angle="0" speed="1" pos="1" edge="e" slope="0"/>
    </timestep>
    <timestep time="2.00">
        <vehicle id="car" x="20.0" y="5.0" angle="90" type="t" speed="10" pos="11" lane="e_0" slope="0"/>
        <person id="ann" x="1.0" y="3.0" angle="0" speed="1" pos="2" edge="e" slope="0"/>
        <vehicle id="leaving" x="0.0" y="0.0" angle="0" type="t" speed="0" pos="0" lane="e_0" slope="0"/>
    </timestep>
</fcd-export>
"""
FCD_CSV = """timestep_time;vehicle_angle;vehicle_id;vehicle_lane;vehicle_x;vehicle_y
0.00;;;;;
1.00;90;car;e_0;10.0;5.0
1.00;0;ann;e;1.0;2.0
2.00;90;car;e_0;20.0;5.0
2.00;0;ann;e;1.0;3.0
2.00;0;leaving;e_0;0.0;0.0
"""


@pytest.mark.parametrize(
    ("name", "text"), [("fcd.xml", FCD), ("fcd.csv", FCD_CSV), ("tabs.csv", FCD_CSV.replace(";", "\t"))]
)
def test_floating_car_data_of_sumo(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    tracks = read_trajectories(tmp_path / name)
    assert tracks.names == ("car", "ann")
    assert tracks.user.tolist() == [0, 0, 1, 1] and tracks.time_s.tolist() == [1.0, 2.0, 1.0, 2.0]
    assert tracks.position_m[:, :2].tolist() == [[10.0, 5.0], [20.0, 5.0], [1.0, 2.0], [1.0, 3.0]]
    assert np.isnan(tracks.position_m[:, 2]).all()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (FCD.replace("</fcd-export>", ""), "line 14: not a whole XML file"),
        (FCD.replace('x="20.0"', 'x="east"'), "line 9: x_m is 'east', which is not a number"),
        (FCD.replace('x="20.0"', 'x="900.0"'), "line 9: user 'car' jumps 890 m"),
        (FCD.replace('time="2.00"', 'time="1.00"'), "line 9: user 'car' is at time_s 1 twice"),
        ("<fcd-export></fcd-export>\n", "there is no vehicle and no person"),
        ('<!DOCTYPE a [<!ENTITY b "c">]><fcd-export/>\n', "line 1: SUMO's floating car data declares no entities"),
    ],
)  # fmt: skip
def test_bad_floating_car_data_is_named(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "fcd.xml").write_text(text)
    with pytest.raises(TrajectoryError) as caught:
        read_trajectories(tmp_path / "fcd.xml")
    assert f"fcd.xml{',' if said.startswith('line') else ':'} {said}" in str(caught.value)
