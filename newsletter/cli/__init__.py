"""The command line: one file per command, and what commands share.

main.py is the table of commands and the end of every error; session.py opens the publication and the database
when a command needs them; terminal.py asks and draws bars; progress.py, follow.py, send_result.py and run_log.py
say how sending goes.

Belongs here: options, words, exit codes. Does not: anything a server or a script would need too.
"""
