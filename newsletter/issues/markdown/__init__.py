"""The reader of Markdown: one parser decides what is code, a comment, a merge tag, a block, a link and a note.

parser.py makes the parser and returns a body as tokens; source.py reads a whole file and finds which braces are merge
tags. block_rules.py, inline_rules.py, emphasis.py, addresses.py and footnotes.py are the rules beyond CommonMark,
environment.py what they share during a parse, bounds.py how much a body may have. place.py finds the line and column of
a token, lost_lines.py the lines that no token holds, words.py the words of pictures.

Belongs here: from text to tokens. Does not: the kinds of blocks, HTML, plain text.
"""
