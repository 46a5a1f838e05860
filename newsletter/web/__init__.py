"""The servers: the readers' pages and the author's preview. The only asynchronous part.

server.py runs an application and ends it cleanly, http_protocol.py limits what a client may send before a body,
body_limits.py and security.py protect both applications, request_values.py reads what requests bring, error_log.py
logs what a route did not expect.
public/ is what readers see, preview/ what authors see.

Belongs here: routes, requests, answers. Does not: what they are about, which the packages below decide.
"""
