import { posix } from 'node:path';
import { isTest, type Rule } from '../rule.ts';

/** Packages meet at their exports; services do not meet at all. */
export const packageBorders: Rule = {
  name: 'package-borders',
  check({ path, imports }, workspace) {
    const own = workspace.packageOf(path);
    return imports.flatMap(({ specifier, line }) => {
      if (specifier.startsWith('.')) {
        const target = posix.normalize(posix.join(posix.dirname(path), specifier));
        const inside = own === undefined || own.folder === '.' || target.startsWith(`${own.folder}/`);
        return inside ? [] : [{ line, message: `${specifier} leaves the package: import it by its name` }];
      }
      const other = workspace.packages.find(({ name }) => specifier === name || specifier.startsWith(`${name}/`));
      if (other === undefined || other === own) return [];
      const subpath = `.${specifier.slice(other.name.length)}`;
      return [
        ...(other.exports.includes(subpath) ? [] : [{ line, message: `${other.name} does not export "${subpath}"` }]),
        ...(other.folder.startsWith('services/') && !isTest(path) && /^(libs|services)\//.test(path)
          ? [
              {
                line,
                message: `a ${path.startsWith('libs/') ? 'library' : 'service'} does not import the service ${other.name}`,
              },
            ]
          : []),
      ];
    });
  },
};
