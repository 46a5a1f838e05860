"""The database: its tables, how it is opened, and how many rows are read and written at once.

tables.py has the tables, with program_tables.py for what other programs send and are sent, and process_tables.py for
the processes that work here; types.py the columns whose kind depends on the database. migrations/ makes the tables and
schema.py keeps them up to date. connection.py opens the database and its transactions; sqlite.py and postgresql.py
have what is particular to each, errors.py what is common. bulk.py reads and writes large sets of rows, copy.py copies
everything into another database, backup.py into a file while it is in use, clock.py reads the time that leases are
counted by. job_schema.py makes the tables of the job engine on PostgreSQL.

Belongs here: SQL that has no subject of its own. Does not: the meaning of rows, which the packages above know.
"""
