const parts = [
  [/(\d+)D/, 86_400_000],
  [/T.*?(\d+)H/, 3_600_000],
  [/T.*?(\d+)M/, 60_000],
  [/T.*?(\d+(?:\.\d+)?)S/, 1000],
] as const;

/** Reads `P1DT2H`, `PT1.5S` (ISO 8601, without years and months, whose length is not fixed) and `90s`, as CEL writes durations. */
export function durationMs(text: string): number | undefined {
  const seconds = /^(\d+(?:\.\d+)?)s$/.exec(text)?.[1];
  if (seconds !== undefined) return Number(seconds) * 1000;
  if (!/^P(?=.)(\d+D)?(T(?=.)(\d+H)?(\d+M)?(\d+(\.\d+)?S)?)?$/.test(text)) return undefined;
  return parts.reduce((sum, [part, ms]) => sum + Number(part.exec(text)?.[1] ?? 0) * ms, 0);
}
