"""The HTTP API for other programs: keys with scopes, operations, problem documents, and their description.

app.py has the routes, and answers.py answers a request by its operation; operations.py says what an operation is,
routes/ has them, one file per subject. access.py admits keys and key_limits.py counts their requests; reading.py reads
requests by types, short_reads.py reads for many at once, writes.py makes changes once, with evidence; problems.py has
every refusal. openapi.py writes the OpenAPI document from the operations and field_docs.py what types say of their
fields; documentation.py makes the page for people.

Belongs here: what a program sends and gets. Does not: what is done, which the packages below decide.
"""
