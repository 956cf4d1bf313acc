"""Decides nothing itself: the problem of scheduling, in every slot which UE holds each PRB of each cell."""
