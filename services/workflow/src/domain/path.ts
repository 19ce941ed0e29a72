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

/** What a driver and the state of a run know a visit by. */
export function visitKey({ path, visit }: { readonly path: string; readonly visit: number }): string {
  return `${path}#${visit}`;
}
