"""Read a page as a browser would, without drawing it."""

from html.parser import HTMLParser


class Reader(HTMLParser):
    """Collect tags, their addresses and the text of a page."""

    def __init__(self):
        super().__init__()
        self.tags, self.addresses, self.text = [], [], ""

    def handle_starttag(self, tag, attrs):
        """Remember a tag."""
        self.tags.append(tag)
        self.addresses += [value for name, value in attrs if name in ("src", "href", "srcset", "action", "data")]

    def handle_data(self, data):
        """Remember text."""
        self.text += data


def read(path):
    """Return the page, read by a parser."""
    reader = Reader()
    reader.feed(path.read_text(encoding="utf-8"))
    return reader
