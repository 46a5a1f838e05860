"""The servers: the readers' pages and the author's preview. The only asynchronous part.

server.py runs an application and ends it cleanly; public/ is what readers see, preview/ what authors see.

Belongs here: routes, requests, answers. Does not: what they are about, which the packages below decide.
"""
