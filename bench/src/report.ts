import type { Report, Table } from './benchmark.ts';
import { type Spread, spreadOf } from './measure/statistics.ts';

/** A report for people. */
export function printed(name: string, { tables, notes }: Report): string {
  const parts = tables.map(printedTable);
  const remarks = notes.map((note) => `  - ${note}`);
  return [`== ${name}`, ...parts, ...(remarks.length > 0 ? [remarks.join('\n')] : []), ''].join('\n');
}

function printedTable({ title, columns, rows }: Table): string {
  const cells = [columns, ...rows].map((row) => row.map((cell) => (typeof cell === 'number' ? shown(cell) : cell)));
  const widths = columns.map((_, index) => Math.max(...cells.map((row) => row[index]?.length ?? 0)));
  const lines = cells.map((row) =>
    row
      .map((cell, index) => (index === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[index] ?? 0)))
      .join('  '),
  );
  return [title, ...lines.map((line) => `  ${line.trimEnd()}`)].join('\n');
}

/** Three digits that count. */
export function shown(figure: number): string {
  if (!Number.isFinite(figure)) return '-';
  if (figure === 0) return '0';
  const size = Math.abs(figure);
  return size >= 100
    ? figure.toFixed(0)
    : size >= 10
      ? figure.toFixed(1)
      : size >= 0.1
        ? figure.toFixed(2)
        : figure.toFixed(3);
}

/** `0.52 (0.49 to 0.55)`: the median of the rounds, the least and the most. */
export function shownSpread(figures: readonly number[]): string {
  const { median, least, most }: Spread = spreadOf(figures);
  return figures.length === 1 ? shown(median) : `${shown(median)} (${shown(least)} to ${shown(most)})`;
}
