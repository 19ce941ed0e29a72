import { posix } from 'node:path';

/** A package of the workspace. */
export interface Package {
  readonly name: string;
  /** From the root. */
  readonly folder: string;
  readonly exports: readonly string[];
}

/** The packages of the tree. */
export interface Workspace {
  readonly packages: readonly Package[];
  packageOf(path: string): Package | undefined;
}

/** Reads the packages from their manifests: path → text. */
export function readWorkspace(manifests: ReadonlyMap<string, string>): Workspace {
  const packages = [...manifests]
    .map(([path, text]) => {
      const { name = '', exports = {} } = JSON.parse(text) as { name?: string; exports?: Record<string, unknown> };
      return { name, folder: posix.dirname(path), exports: Object.keys(exports) };
    })
    .sort((a, b) => b.folder.length - a.folder.length);
  return {
    packages,
    packageOf: (path) => packages.find(({ folder }) => folder === '.' || path.startsWith(`${folder}/`)),
  };
}
