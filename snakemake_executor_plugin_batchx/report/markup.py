"""HTML and SVG, put together from pieces whose text is escaped."""

from html import escape

WIDTH = 1040.0
"""Of every drawing."""


def text(value: object) -> str:
    """Return a value as text of HTML or of an attribute, whatever signs it has."""
    return escape(str(value), quote=True)


def element(name: str, *content: str, **attributes: object) -> str:
    """Return an element; `content` is markup already, attributes are values (`_` stands for -)."""
    given = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{text(value)}"'
        for key, value in attributes.items()
        if value is not None
    )
    return f"<{name}{given}>{''.join(content)}</{name}>"


def number(value: float) -> str:
    """Return a coordinate with no more digits than can be seen."""
    return f"{value:.1f}".removesuffix(".0")


def rect(x: float, y: float, width: float, height: float, **attributes: object) -> str:
    """Return a rectangle of SVG."""
    return element(
        "rect",
        x=number(x),
        y=number(y),
        width=number(max(width, 0.0)),
        height=number(height),
        **attributes,
    )


def label(x: float, y: float, content: str, anchor: str = "start", **attributes: object) -> str:
    """Return a line of text in SVG."""
    return element(
        "text", text(content), x=number(x), y=number(y), text_anchor=anchor, **attributes
    )


def figure(*parts: str, height: float, description: str, kind: str) -> str:
    """Return a drawing of SVG, a thousand and forty wide, that narrow windows scroll."""
    drawing = element(
        "svg",
        element("title", text(description)),
        *parts,
        viewBox=f"0 0 {WIDTH:.0f} {height:.0f}",
        role="img",
        aria_label=description,
        class_=kind,
    )
    return element("div", drawing, class_="scroll")
