"""Faults on purpose: trainings that are killed, stopped, refused their disk and given damaged states.

    python -m tests.faults                                   all of it, about half an hour of one core
    python -m tests.faults kills signals --seed 1            some of it (damage, kills, processes, signals, writes)

Prints a JSON line for each driver and a table; exits with 1 when anything was wrong. Every run ends by being compared
with a run that nothing happened to, in a process of its own: the tensors of the last state, its progress, the best
weights, the published folder, the log but for its speeds, the timeline, byte for byte. Linux alone (seccomp, pidfd).
"""
