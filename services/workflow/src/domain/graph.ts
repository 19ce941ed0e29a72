/** The edges of a definition by step id. Ends (`$end`, `$fail`) are not nodes. */
export interface Graph {
  readonly start: string;
  readonly nodes: readonly string[];
  /** Where a step leads; re-asks are kept apart, they are the only way back that is allowed. */
  readonly next: ReadonlyMap<string, readonly Edge[]>;
  readonly reasks: ReadonlyMap<string, readonly Edge[]>;
}

export interface Edge {
  readonly to: string;
  /** Where in the definition the edge is drawn. */
  readonly pointer: string;
}

/** The nodes that can be reached from `from` without entering any of `closed`. */
export function reachable(graph: Graph, from: readonly string[], closed: ReadonlySet<string> = new Set()): Set<string> {
  const seen = new Set<string>();
  const queue = from.filter((node) => !closed.has(node));
  for (let node = queue.pop(); node !== undefined; node = queue.pop()) {
    if (seen.has(node)) continue;
    seen.add(node);
    for (const edge of graph.next.get(node) ?? []) if (!closed.has(edge.to)) queue.push(edge.to);
  }
  return seen;
}

/** The edges that close a cycle, each with the cycle it closes. */
export function cycles(graph: Graph): { edge: Edge; path: readonly string[] }[] {
  const found: { edge: Edge; path: readonly string[] }[] = [];
  const done = new Set<string>();
  for (const root of graph.nodes) {
    const path: string[] = [];
    const onPath = new Set<string>();
    const stack: { node: string; edges: readonly Edge[]; at: number }[] = [];
    const enter = (node: string): void => {
      path.push(node);
      onPath.add(node);
      stack.push({ node, edges: graph.next.get(node) ?? [], at: 0 });
    };
    if (!done.has(root)) enter(root);
    for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
      const edge = top.edges[top.at];
      top.at += 1;
      if (edge === undefined) {
        stack.pop();
        path.pop();
        onPath.delete(top.node);
        done.add(top.node);
      } else if (onPath.has(edge.to)) found.push({ edge, path: [...path.slice(path.indexOf(edge.to)), edge.to] });
      else if (!done.has(edge.to)) enter(edge.to);
    }
  }
  return found;
}

/** For each node, the nodes that may have run before it: over all edges, re-asks included. */
export function predecessors(graph: Graph): Map<string, Set<string>> {
  const both = new Map(
    graph.nodes.map((node) => [node, [...(graph.next.get(node) ?? []), ...(graph.reasks.get(node) ?? [])]]),
  );
  const before = new Map<string, Set<string>>(graph.nodes.map((node) => [node, new Set()]));
  for (const node of graph.nodes) {
    for (const after of reachable(
      { ...graph, next: both },
      (both.get(node) ?? []).map((edge) => edge.to),
    )) {
      before.get(after)?.add(node);
    }
  }
  return before;
}
