"""The built HTML as mail clients see it: trees, style sheets, computed styles, and the features an email uses.

tree.py parses and writes HTML and finds visible words; css.py reads style sheets, computed_style.py applies them,
colours.py reads and inverts colours, features.py names the features that `data/caniemail.json` has facts about.

Belongs here: reading HTML and CSS. Does not: rules, and messages to authors.
"""
