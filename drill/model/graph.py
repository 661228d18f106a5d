"""Small directed graphs, written as node -> the nodes it waits for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from heapq import heappop, heappush

Graph = Mapping[str, Sequence[str]]


def topological(graph: Graph) -> list[str]:
    """Nodes so that each follows everything it waits for; otherwise in the order they were written.

    Raises: ValueError: the graph has a cycle.
    """
    rank = {node: index for index, node in enumerate(graph)}
    left = {node: {name for name in before if name in rank} for node, before in graph.items()}
    followers: dict[str, list[str]] = {node: [] for node in graph}
    for node, before in left.items():
        for name in before:
            followers[name].append(node)
    ready = [(rank[node], node) for node, before in left.items() if not before]
    order: list[str] = []
    while ready:
        _, node = heappop(ready)
        order.append(node)
        for follower in followers[node]:
            left[follower].discard(node)
            if not left[follower]:
                heappush(ready, (rank[follower], follower))
    if len(order) < len(graph):
        raise ValueError("the graph has a cycle")
    return order


def find_cycle(graph: Graph) -> list[str]:
    """One cycle, its first node repeated at the end and each node followed by what waits for it; empty when there is none."""
    done: set[str] = set()
    for root in graph:
        cycle = _cycle_from(graph, root, done)
        if cycle:
            return cycle
    return []


def _cycle_from(graph: Graph, root: str, done: set[str]) -> list[str]:
    path: list[str] = []
    walk: list[tuple[str, int]] = [(root, 0)]
    while walk:
        node, turn = walk.pop()
        if turn == 0:
            if node in done:
                continue
            if node in path:
                return [node, *reversed(path[path.index(node) :])]
            path.append(node)
        before = [name for name in graph[node] if name in graph]
        if turn < len(before):
            walk += [(node, turn + 1), (before[turn], 0)]
        else:
            path.pop()
            done.add(node)
    return []


def ancestors(graph: Graph, node: str) -> set[str]:
    """Everything a node waits for, directly or not."""
    found: set[str] = set()
    left = list(graph.get(node, ()))
    while left:
        name = left.pop()
        if name not in found:
            found.add(name)
            left += graph.get(name, ())
    return found
