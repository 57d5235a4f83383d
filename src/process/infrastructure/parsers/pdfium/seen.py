"""Where things stand on a page as it is shown: turned, and cut to its box."""

import pypdfium2


class Seen:
    """From the coordinates of the page's content to those of the page as it is shown."""

    def __init__(self, page: pypdfium2.PdfPage) -> None:
        self._left, self._bottom, self._right, self._top = page.get_bbox()
        self._rotation = page.get_rotation()
        width, height = self._right - self._left, self._top - self._bottom
        self.width, self.height = (width, height) if self._rotation % 180 == 0 else (height, width)

    def offsets(self) -> tuple[float, float]:
        """What has to be added to x, and from what y has to be taken, so that text that stands upright on the page
        has the coordinates that its own direction has, y growing upwards."""
        return {
            0: (self._left, self._top),
            90: (self._bottom, -self._left),
            180: (-self._right, -self._bottom),
            270: (-self._top, self._right),
        }[self._rotation]

    def point(self, x: float, y: float) -> tuple[float, float]:
        """Of the page as it is shown, from its upper left corner."""
        across, down = x - self._left, self._top - y
        if self._rotation == 90:
            return self.width - down, across
        if self._rotation == 180:
            return self.width - across, self.height - down
        if self._rotation == 270:
            return down, self.height - across
        return across, down

    def box(self, left: float, bottom: float, right: float, top: float) -> tuple[float, float, float, float]:
        """Left, top, right, bottom as it is shown."""
        if not self._rotation:
            return left - self._left, self._top - top, right - self._left, self._top - bottom
        (x0, y0), (x1, y1) = self.point(left, bottom), self.point(right, top)
        return min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1)
