"""One file per command, each with its `command`; `cli.COMMANDS` imports them on use."""
