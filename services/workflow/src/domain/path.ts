/**
 * Where a step stands in a run: its id at the root, `fan[left]/open` in a branch, `each[3]/open` in an item of a map. What comes
 * before the last `/` names the frame that the step runs in; the root's name is empty.
 */
export function pathIn(frame: string, stepId: string): string {
  return frame === '' ? stepId : `${frame}/${stepId}`;
}

export function frameOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf('/')));
}

export function stepIdOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

/** The name of a frame of a block: of a branch, or of an item. */
export function frameIn(block: string, name: string): string {
  return `${block}[${name}]`;
}

/** The path of the block that a frame belongs to, and the frame's name in it. The root belongs to none. */
export function blockOf(frame: string): { readonly path: string; readonly name: string } | undefined {
  const at = frame.lastIndexOf('[');
  return at < 0 ? undefined : { path: frame.slice(0, at), name: frame.slice(at + 1, -1) };
}

/** The name of the frame of a block in which a path lies, if it does. */
export function frameWithin(block: string, path: string): string | undefined {
  if (!path.startsWith(`${block}[`)) return undefined;
  return path.slice(block.length + 1, path.indexOf(']', block.length));
}

/** What a driver and the state of a run know a visit by. */
export function visitKey({ path, visit }: { readonly path: string; readonly visit: number }): string {
  return `${path}#${visit}`;
}
