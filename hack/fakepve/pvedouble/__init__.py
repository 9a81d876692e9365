"""A stateful double of a Proxmox VE API for demo, tests and benchmark.

The base is PyPI fakepve; the modules here make it answer as recordings of a real PVE 9.2 do where fakepve differs,
and add what tests need: a journal of every call, a barrier that holds exactly one call, faults, acts of a person.
"""
