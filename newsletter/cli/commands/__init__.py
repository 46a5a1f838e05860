"""The commands, one file each, holding a `command`; `cli/main.py` imports the file when the command is run.

To add a command, write a file here and add its line to `COMMANDS` of `cli/main.py`. pause, resume and cancel share
campaign_state.py. Commands do not import each other.
"""
