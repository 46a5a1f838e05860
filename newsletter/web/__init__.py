"""The servers: the author's preview, and the readers' pages. The only asynchronous part.

Routes, requests and answers; what they are about is decided by the nouns below.
"""
