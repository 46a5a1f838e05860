"""The commands, one file each, holding a `command`; `cli/main.py` imports one when it is run.

Add a command: a file here and its line in `COMMANDS` of `cli/main.py`. Commands do not import each other.
"""
