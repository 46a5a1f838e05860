"""The author's preview: what readers will see, in the browser, while it is written.

A module holds the routes of one part of it, as `ROUTES`; `app` puts them together. They ask the
`Workshop` for what there is and the flat nouns for what to make of it, and decide nothing themselves.
"""
