"""The servers: the readers' pages, the HTTP API, and the author's preview. The only asynchronous part.

server.py runs an application and ends it cleanly, http_protocol.py limits what a client may send before a body,
body_limits.py and security.py protect both applications, request_values.py reads what requests bring, error_log.py
logs what a route did not expect, mounted.py puts the API beside the readers' pages.
public/ is what readers see, api/ what other programs use, preview/ what authors see.

Belongs here: routes, requests, answers. Does not: what they are about, which the packages below decide.
"""
