/** What a Compose file is made of. */
export type YamlValue = string | number | boolean | readonly YamlValue[] | { readonly [key: string]: YamlValue };

/** Writes nested maps and lists as YAML. Every text is quoted, so that none is taken for something else. */
export function toYaml(value: YamlValue, indent = ''): string {
  if (Array.isArray(value)) return (value as YamlValue[]).map((one) => `${indent}- ${JSON.stringify(one)}\n`).join('');
  if (typeof value !== 'object') return `${indent}${JSON.stringify(value)}\n`;
  return Object.entries(value)
    .map(([key, inner]) => {
      if (typeof inner !== 'object') return `${indent}${key}: ${JSON.stringify(inner)}\n`;
      const empty = Object.keys(inner).length === 0;
      return empty
        ? `${indent}${key}: ${Array.isArray(inner) ? '[]' : '{}'}\n`
        : `${indent}${key}:\n${toYaml(inner, `${indent}  `)}`;
    })
    .join('');
}
