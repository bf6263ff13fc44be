"""The process that runs tasks: launcher, core, zygote and children.

The core (`core.py`) claims, hands over, finishes and sends heartbeats, and never runs user code; the zygote imports
the app once and forks children from it; a child (`child.py`) runs tasks and never talks to the store.
"""
