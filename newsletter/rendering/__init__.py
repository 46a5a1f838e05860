"""Turn an Issue into a CompiledMessage: HTML, plain text, and the issue's web page.

build.py is the pipeline and reads top to bottom: assemble.py fills the theme's templates (theme.py), mjml.py
compiles them, plaintext.py writes the text, web_page.py the page; markdown_html.py and markdown_text.py write
the bodies. colours.py has the theme's colours, translations.py its words in other languages, feed.py and site.py
the archive, archive_notes.py the lines about changed pages, feed_content.py an issue inside the feed; source_map.py
maps HTML to lines of the issue;
headings.py has the levels of headings, directions.py the directions of writing, picture_widths.py the room for
pictures, thumbnails.py their frames in lists of news; output_files.py writes what `build` leaves on disk,
preview_file.py the file with its pictures inside.

Belongs here: everything between an issue and its message. Does not: readers, databases, the network.
"""
