"""Issue files: find them, read them into an Issue, begin new ones.

issue.py has the Issue and finds its file; parse.py reads one, with front_matter.py, body.py, markdown/ and
images.py. blocks.py has every kind of block with its fields and its plain text, block_fields.py reads a block's
opening line, news_block.py a list of news, tag_errors.py judges merge tags, front_matter_yaml.py keeps lines and
columns; slugs.py makes slugs, templates.py finds templates, summaries.py reads front matter alone, json_schema.py
writes the editors' schemas. scaffold.py and drafts/ begin new files, forge_files.py the workflows of
GitHub and GitLab; save.py loses nobody else's work.

Belongs here: what an author writes, its lines and columns. Does not: HTML, MJML, readers, databases.
"""
