"""Branching vessels and bronchi of the CT phantom, grown from the hilum to random points of the lung.

Radii follow Murray's law (the cube of the parent is the sum of the cubes of its children) and are scaled to the wanted
share of the lung.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .phantom_anatomy import Chest
from .phantom_shapes import Grid, paint_tube, sample


@dataclass
class Tree:
    """Nodes (N, 3) in mm (z, y, x), the parent of each (the root is its own) and the radius in mm of each piece."""

    nodes: np.ndarray
    parents: np.ndarray
    radii: np.ndarray


def grow_tree(root: np.ndarray, targets: np.ndarray, rng: np.random.Generator, step_mm: float = 7.0) -> Tree:
    """Join the targets (N, 3) to the tree one after another, the nearest to the root first, along bent paths."""
    nodes, parents = [np.asarray(root, float)], [0]
    for target in targets[np.argsort(np.linalg.norm(targets - root, axis=1))]:
        known = np.array(nodes)
        detour = np.linalg.norm(known - target, axis=1) + 0.4 * np.linalg.norm(known - root, axis=1)
        at = int(np.argmin(detour))
        way = target - known[at]
        steps = max(1, int(np.linalg.norm(way) / step_mm))
        bend = rng.normal(0, 0.08 * np.linalg.norm(way), 3)
        for k in range(1, steps + 1):
            part = k / steps
            nodes.append(known[at] + way * part + bend * np.sin(np.pi * part))
            parents.append(at if k == 1 else len(nodes) - 2)
    return Tree(np.array(nodes), np.array(parents), _murray(np.array(parents)))


def _murray(parents: np.ndarray) -> np.ndarray:
    cubes = np.zeros(len(parents))
    children = np.bincount(parents[1:], minlength=len(parents))
    cubes[children == 0] = 1.0
    for node in range(len(parents) - 1, 0, -1):  # a child always comes after its parent
        cubes[parents[node]] += cubes[node]
    return np.cbrt(cubes)


def _targets(chest: Chest, grid: Grid, side: int, count: int, rng: np.random.Generator) -> np.ndarray:
    x = grid.axes[2]
    inside = np.argwhere((chest.lungs > 3) & (x * side > 0))
    if len(inside) == 0:
        return np.empty((0, 3))
    picked = inside[rng.integers(0, len(inside), count)]
    return grid.points(picked + rng.uniform(-0.5, 0.5, picked.shape))


def draw_vessels(
    chest: Chest, grid: Grid, share: float, tips: int, rng: np.random.Generator, thickest_mm: float = 7.0
) -> list[Tree]:
    """Draw in each lung a vessel tree of `tips` ends that fills `share` of it, and some bronchi; return the vessels."""
    voxel = float(np.prod(grid.spacing))
    trees = []
    for side in (-1, 1):
        lung_mm3 = float(((chest.lungs > 0) & (grid.axes[2] * side > 0)).sum()) * voxel
        tree = grow_tree(chest.hilum(side), _targets(chest, grid, side, tips, rng), rng)
        inside = sample(chest.lungs, grid, tree.nodes) > 0
        tree.radii = _scaled(tree, inside, share * lung_mm3, thickest_mm)
        for node in range(1, len(tree.nodes)):
            start, end = tree.nodes[tree.parents[node]], tree.nodes[node]
            paint_tube(chest.image, grid, start, end, float(tree.radii[node]), chest.tissue_hu)
        trees.append(tree)
        _draw_bronchi(chest, grid, side, max(8, tips // 12), rng)
    return trees


def _scaled(tree: Tree, inside: np.ndarray, wanted_mm3: float, thickest_mm: float) -> np.ndarray:
    """Radii whose pieces inside the lung have the wanted volume, none thicker than `thickest_mm`."""
    length = np.linalg.norm(tree.nodes - tree.nodes[tree.parents], axis=1) * inside
    low, high = 0.0, 10.0
    for _ in range(40):
        middle = (low + high) / 2
        volume = (np.pi * np.minimum(tree.radii * middle, thickest_mm) ** 2 * length).sum()
        low, high = (middle, high) if volume < wanted_mm3 else (low, middle)
    return np.minimum(tree.radii * low, thickest_mm)


def _draw_bronchi(chest: Chest, grid: Grid, side: int, tips: int, rng: np.random.Generator) -> None:
    tree = grow_tree(chest.hilum(side), _targets(chest, grid, side, tips, rng), rng, step_mm=9.0)
    tree.radii = np.clip(1.1 * tree.radii, 1.0, 5.0)
    pieces = [(tree.nodes[tree.parents[n]], tree.nodes[n], float(tree.radii[n])) for n in range(1, len(tree.nodes))]
    for start, end, radius in pieces:
        paint_tube(chest.image, grid, start, end, radius + 0.4 + 0.2 * radius, chest.tissue_hu - 40)
    for start, end, radius in pieces:
        paint_tube(chest.image, grid, start, end, radius, -960.0)
