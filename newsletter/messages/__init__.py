"""Messages: the compiled message that travels from building to sending, and each reader's own copy of it.

types.py has the values (CompiledMessage, Recipient, Message); merge_tags.py finds merge tags, and expressions.py
evaluates them with the filters of filters.py; merge.py fills slots, fragments.py and escapes.py make values safe
where they stand; mailing.py joins it all for many readers, mime.py writes the bytes, provider_templates.py the
syntax that providers fill in.

Belongs here: text and bytes of messages. Does not: issues, databases, HTTP.
"""
