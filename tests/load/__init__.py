"""Rows R15, R17, R18, R19 and R23: crowds, floods, long use, people who leave, and restarts, before the real app."""
