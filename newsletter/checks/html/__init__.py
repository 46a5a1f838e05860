"""How mail clients will see the built HTML: style sheets, computed styles, and which features are used.

css.py reads style sheets, computed_style.py applies them, colours.py and visibility.py judge what is seen,
features.py finds the features that `data/caniemail.json` has facts about.

Belongs here: reading HTML and CSS. Does not: rules, and messages to authors.
"""
