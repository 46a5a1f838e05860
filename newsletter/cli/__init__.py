"""The command line: one file per command in commands/, and the parts that commands share.

main.py holds the table of commands and turns errors into messages; session.py opens the publication and the database;
options.py holds the options of several commands; terminal.py asks for confirmation and draws the progress bar;
progress.py, follow.py, send_result.py and run_log.py report how sending goes; subscriber_import.py imports readers, and
import_progress.py reports how it goes; sunset_command.py parts with inactive ones; figure_tables.py draws
figures; doctor_warning.py reminds of a doctor that failed; remote.py asks the server of [remote]; logs.py writes the
log; safe_output.py lets no control character reach the terminal.

Belongs here: options, sentences on the terminal, exit codes. Does not: anything that a server or a script needs too.
"""
