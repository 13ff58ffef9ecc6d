"""Loops over points and pixels, compiled for the CPU. Knows neither Qt nor napari.

Every loop that draws works on a band of pixel rows, so that bands can be drawn by several threads that share nothing.
None uses numba's own threads, whose layers differ between machines; all run without the interpreter lock.
"""

from __future__ import annotations

import numpy as np

from ...compiled import compiled, compiled_in_order

__all__ = [
    "accumulate",
    "accumulate_lines",
    "cells_of",
    "cover",
    "in_disc",
    "in_polygon",
    "largest",
    "nearest_point",
    "shade_colours",
    "shade_cover",
    "shade_density",
    "sort_by_cell",
]


@compiled
def cells_of(places, left, bottom, cell_width, cell_height, n_columns, n_rows):
    """Number of the grid cell that each place lies in, row by row from the bottom; int32."""
    cells = np.empty(places.shape[0], np.int32)
    for i in range(places.shape[0]):
        column = int((places[i, 0] - left) / cell_width)
        row = int((places[i, 1] - bottom) / cell_height)
        cells[i] = min(max(row, 0), n_rows - 1) * n_columns + min(max(column, 0), n_columns - 1)
    return cells


@compiled
def sort_by_cell(cells, n_cells):
    """Points in the order of their cells, stable; where each cell starts (one more for the end)."""
    starts = np.zeros(n_cells + 1, np.int64)
    for i in range(cells.shape[0]):
        starts[cells[i] + 1] += 1
    for c in range(n_cells):
        starts[c + 1] += starts[c]
    following = starts[:-1].copy()
    order = np.empty(cells.shape[0], np.int32)
    for i in range(cells.shape[0]):
        order[following[cells[i]]] = i
        following[cells[i]] += 1
    return order, starts


# -- drawing -----------------------------------------------------------------------------------------------------------
# A view is (left, top, scale): pixel column = (x - left) * scale, pixel row = (top - y) * scale.


@compiled
def accumulate(x, y, colours, starts, grid, cells, view, stamp, buffer, first, stop):
    """Add the points of some cells to a band of pixel rows: sums of red, green, blue and coverage.

    Parameters
    ----------
    x, y, colours, starts
        Points in the order of their cells: float32 (N,) twice, uint8 (N, 4) of which alpha 0 means not shown; where
        cells start.
    grid
        Columns of the grid.
    cells
        First and last column, first and last row of the cells that the band may show.
    view
        (left, top, scale).
    stamp
        What one point covers, float32 (s, s), s odd.
    buffer
        float32 (H, W, 4), zeroed here from row `first` to `stop`.
    """
    left, top, scale = view
    width = buffer.shape[1]
    half = stamp.shape[0] // 2
    single = stamp.shape[0] == 1
    for row in range(first, stop):
        for column in range(width):
            buffer[row, column, 0] = 0.0
            buffer[row, column, 1] = 0.0
            buffer[row, column, 2] = 0.0
            buffer[row, column, 3] = 0.0
    for cell_row in range(cells[2], cells[3] + 1):
        begin = starts[cell_row * grid + cells[0]]
        end = starts[cell_row * grid + cells[1] + 1]
        for i in range(begin, end):
            if colours[i, 3] == 0:
                continue
            column = int(np.floor((x[i] - left) * scale))
            row = int(np.floor((top - y[i]) * scale))
            if single:
                if first <= row < stop and 0 <= column < width:
                    buffer[row, column, 0] += colours[i, 0]
                    buffer[row, column, 1] += colours[i, 1]
                    buffer[row, column, 2] += colours[i, 2]
                    buffer[row, column, 3] += 1.0
                continue
            if row + half < first or row - half >= stop or column + half < 0 or column - half >= width:
                continue
            red, green, blue = float(colours[i, 0]), float(colours[i, 1]), float(colours[i, 2])
            for r in range(max(row - half, first), min(row + half + 1, stop)):
                for c in range(max(column - half, 0), min(column + half + 1, width)):
                    weight = stamp[r - row + half, c - column + half]
                    buffer[r, c, 0] += weight * red
                    buffer[r, c, 1] += weight * green
                    buffer[r, c, 2] += weight * blue
                    buffer[r, c, 3] += weight


@compiled
def largest(buffer, first, stop):
    """The largest coverage in a band."""
    found = np.float32(0.0)
    for row in range(first, stop):
        for column in range(buffer.shape[1]):
            found = max(found, buffer[row, column, 3])
    return found


@compiled
def _share(weight, logs, per_log):
    """Where a coverage lies between none (0) and the largest (1) by its logarithm: from a table as far as it goes."""
    if weight < logs.shape[0]:
        return logs[int(weight)]
    return min(np.float32(1.0), np.log1p(weight) * np.float32(per_log))


@compiled
def shade_colours(buffer, logs, per_log, faintest, dim, image, first, stop):
    """Mean colours of a band as RGBA with straight alpha; the more points, the less transparent.

    Parameters
    ----------
    buffer
        From :func:`accumulate`.
    logs, per_log
        See :func:`_share`.
    faintest
        Opacity of one point alone, in [0, 1].
    dim
        Factor on all opacities.
    image
        uint8 (H, W, 4), written from row `first` to `stop`.
    """
    for row in range(first, stop):
        for column in range(buffer.shape[1]):
            weight = buffer[row, column, 3]
            if weight <= 0.0:
                image[row, column, 0] = 0
                image[row, column, 1] = 0
                image[row, column, 2] = 0
                image[row, column, 3] = 0
                continue
            share = np.float32(1.0) / weight
            image[row, column, 0] = np.uint8(buffer[row, column, 0] * share + np.float32(0.5))
            image[row, column, 1] = np.uint8(buffer[row, column, 1] * share + np.float32(0.5))
            image[row, column, 2] = np.uint8(buffer[row, column, 2] * share + np.float32(0.5))
            dense = _share(weight, logs, per_log)
            opacity = (faintest + (np.float32(1.0) - faintest) * dense) * min(weight, np.float32(1.0)) * dim
            image[row, column, 3] = np.uint8(opacity * np.float32(255.0) + np.float32(0.5))


@compiled
def shade_density(buffer, logs, per_log, table, dim, image, first, stop):
    """Coverage of a band by a table of colours, uint8 (256, 3), entered by :func:`_share`."""
    for row in range(first, stop):
        for column in range(buffer.shape[1]):
            weight = buffer[row, column, 3]
            entry = int(_share(weight, logs, per_log) * np.float32(255.0))
            image[row, column, 0] = table[entry, 0]
            image[row, column, 1] = table[entry, 1]
            image[row, column, 2] = table[entry, 2]
            opacity = min(weight, np.float32(1.0)) * dim
            image[row, column, 3] = np.uint8(opacity * np.float32(255.0) + np.float32(0.5))


@compiled
def cover(x, y, view, stamp, band, first, stop):
    """Coverage of a band by some points, at most 1 a pixel.

    Parameters
    ----------
    x, y
        float32 (n,), any order.
    view, stamp
        As for :func:`accumulate`.
    band
        float32 (H, W), zeroed here from row `first` to `stop`.
    """
    left, top, scale = view
    width = band.shape[1]
    half = stamp.shape[0] // 2
    for row in range(first, stop):
        for column in range(width):
            band[row, column] = 0.0
    for i in range(x.shape[0]):
        row = int(np.floor((top - y[i]) * scale))
        if row + half < first or row - half >= stop:
            continue
        column = int(np.floor((x[i] - left) * scale))
        if column + half < 0 or column - half >= width:
            continue
        for r in range(max(row - half, first), min(row + half + 1, stop)):
            for c in range(max(column - half, 0), min(column + half + 1, width)):
                band[r, c] = max(band[r, c], stamp[r - row + half, c - column + half])


@compiled
def shade_cover(band, red, green, blue, image, first, stop):
    """Lay one colour over a band of an image with straight alpha, as opaque as the coverage."""
    for row in range(first, stop):
        for column in range(band.shape[1]):
            over = band[row, column]
            if over <= 0.0:
                continue
            below = image[row, column, 3] / np.float32(255.0) * (np.float32(1.0) - over)
            opacity = over + below
            image[row, column, 0] = np.uint8((red * over + image[row, column, 0] * below) / opacity + np.float32(0.5))
            image[row, column, 1] = np.uint8((green * over + image[row, column, 1] * below) / opacity + np.float32(0.5))
            image[row, column, 2] = np.uint8((blue * over + image[row, column, 2] * below) / opacity + np.float32(0.5))
            image[row, column, 3] = np.uint8(opacity * np.float32(255.0) + np.float32(0.5))


@compiled
def accumulate_lines(paths, colours, view, buffer, first, stop):
    """Add polylines to a band, one pixel wide: each segment adds 1 to every pixel row or column that it crosses.

    Parameters
    ----------
    paths
        float32 (P, L, 2).
    colours
        uint8 (L - 1, 3), colour of each segment.
    view, buffer
        As for :func:`accumulate`; the buffer is zeroed here.
    """
    left, top, scale = view
    width = buffer.shape[1]
    for row in range(first, stop):
        for column in range(width):
            for channel in range(4):
                buffer[row, column, channel] = 0.0
    for p in range(paths.shape[0]):
        for s in range(paths.shape[1] - 1):
            x0 = (paths[p, s, 0] - left) * scale
            y0 = (top - paths[p, s, 1]) * scale
            x1 = (paths[p, s + 1, 0] - left) * scale
            y1 = (top - paths[p, s + 1, 1]) * scale
            if max(y0, y1) < first or min(y0, y1) >= stop or max(x0, x1) < 0 or min(x0, x1) >= width:
                continue
            run, rise = x1 - x0, y1 - y0
            n_steps = int(max(abs(run), abs(rise))) + 1
            begin, end = 0, n_steps
            # Only the steps inside the band: far zoomed in, a segment is millions of pixels long.
            if rise != 0.0:
                a, b = (first - y0) / rise * n_steps, (stop - y0) / rise * n_steps
                begin = max(begin, int(min(a, b)) - 1)
                end = min(end, int(max(a, b)) + 2)
            if run != 0.0:
                a, b = -x0 / run * n_steps, (width - x0) / run * n_steps
                begin = max(begin, int(min(a, b)) - 1)
                end = min(end, int(max(a, b)) + 2)
            for step in range(begin, end):
                row = int(np.floor(y0 + rise * step / n_steps))
                column = int(np.floor(x0 + run * step / n_steps))
                if first <= row < stop and 0 <= column < width:
                    buffer[row, column, 0] += colours[s, 0]
                    buffer[row, column, 1] += colours[s, 1]
                    buffer[row, column, 2] += colours[s, 2]
                    buffer[row, column, 3] += 1.0


# -- finding -----------------------------------------------------------------------------------------------------------


@compiled_in_order
def nearest_point(x, y, order, shown, starts, grid, cells, at_x, at_y, within):
    """Number of the shown point nearest to a place, and the squared distance; -1 where none is within reach.

    Of several that are equally near, the one with the lowest number.
    """
    best, found = np.float64(within) * within, -1
    for cell_row in range(cells[2], cells[3] + 1):
        for i in range(starts[cell_row * grid + cells[0]], starts[cell_row * grid + cells[1] + 1]):
            if not shown[i]:
                continue
            dx, dy = x[i] - at_x, y[i] - at_y
            squared = dx * dx + dy * dy
            if squared < best or (squared == best and (found < 0 or order[i] < found)):
                best, found = squared, order[i]
    return found, best


@compiled_in_order
def in_disc(x, y, order, shown, starts, grid, cells, at_x, at_y, radius, chosen):
    """Mark the shown points within a radius of a place in `chosen`, bool (N,) by point number; how many are new."""
    new = 0
    for cell_row in range(cells[2], cells[3] + 1):
        for i in range(starts[cell_row * grid + cells[0]], starts[cell_row * grid + cells[1] + 1]):
            dx, dy = x[i] - at_x, y[i] - at_y
            if shown[i] and dx * dx + dy * dy <= radius * radius and not chosen[order[i]]:
                chosen[order[i]] = True
                new += 1
    return new


@compiled_in_order
def in_polygon(x, y, order, shown, starts, geometry, n_columns, n_rows, corners, chosen):
    """Mark the shown points inside a closed polygon in `chosen`, bool (N,) by point number.

    Inside is where a ray meets the outline an odd number of times. Cells that the outline does not touch are in or out
    as a whole; points are tested one by one only in the others, and only against the edges beside their row of cells.

    Parameters
    ----------
    geometry
        (left, bottom, cell width, cell height) of the grid.
    corners
        float64 (V, 2), in the coordinates of the points.
    """
    left, bottom, cell_width, cell_height = geometry
    n = corners.shape[0]
    touched = np.zeros((n_rows, n_columns), np.bool_)
    beside = np.empty(n, np.int64)
    crossings = np.empty(n, np.float64)
    low, high = corners[:, 1].min(), corners[:, 1].max()
    first = min(max(int(np.floor((low - bottom) / cell_height)) - 1, 0), n_rows - 1)
    last = min(max(int(np.floor((high - bottom) / cell_height)) + 1, 0), n_rows - 1)
    for row in range(first, last + 1):
        # The outermost rows and columns reach to infinity: points beyond the grid lie in them.
        floor = -np.inf if row == 0 else bottom + row * cell_height - 1e-6 * cell_height
        ceiling = np.inf if row == n_rows - 1 else bottom + (row + 1) * cell_height + 1e-6 * cell_height
        n_beside = 0
        for v in range(n):
            x0, y0 = corners[v, 0], corners[v, 1]
            x1, y1 = corners[(v + 1) % n, 0], corners[(v + 1) % n, 1]
            if max(y0, y1) < floor or min(y0, y1) > ceiling:
                continue
            beside[n_beside] = v
            n_beside += 1
            a, b = x0, x1
            if y0 != y1:
                lower, upper = max(min(y0, y1), floor), min(max(y0, y1), ceiling)
                a = x0 + (x1 - x0) * (lower - y0) / (y1 - y0)
                b = x0 + (x1 - x0) * (upper - y0) / (y1 - y0)
            begin = int(np.floor((min(a, b) - left) / cell_width - 1e-6))
            end = int(np.floor((max(a, b) - left) / cell_width + 1e-6))
            for column in range(min(max(begin, 0), n_columns - 1), min(max(end, 0), n_columns - 1) + 1):
                touched[row, column] = True
        if n_beside == 0:
            continue
        middle = bottom + (row + 0.5) * cell_height
        n_crossings = 0
        for e in range(n_beside):
            v = beside[e]
            x0, y0 = corners[v, 0], corners[v, 1]
            x1, y1 = corners[(v + 1) % n, 0], corners[(v + 1) % n, 1]
            if (y0 > middle) != (y1 > middle):
                crossings[n_crossings] = x0 + (x1 - x0) * (middle - y0) / (y1 - y0)
                n_crossings += 1
        ordered = np.sort(crossings[:n_crossings])
        passed = 0
        for column in range(n_columns):
            centre = left + (column + 0.5) * cell_width
            while passed < n_crossings and ordered[passed] <= centre:
                passed += 1
            begin, end = starts[row * n_columns + column], starts[row * n_columns + column + 1]
            if not touched[row, column]:
                if passed % 2 == 1:
                    for i in range(begin, end):
                        if shown[i]:
                            chosen[order[i]] = True
                continue
            for i in range(begin, end):
                if not shown[i]:
                    continue
                inside = False
                for e in range(n_beside):
                    v = beside[e]
                    x0, y0 = corners[v, 0], corners[v, 1]
                    x1, y1 = corners[(v + 1) % n, 0], corners[(v + 1) % n, 1]
                    if (y0 > y[i]) != (y1 > y[i]) and x[i] < x0 + (x1 - x0) * (y[i] - y0) / (y1 - y0):
                        inside = not inside
                if inside:
                    chosen[order[i]] = True
