import type { Rule } from '../rule.ts';
import { drivers } from './drivers.ts';
import { explicitColumns } from './explicit-columns.ts';
import { fileLength } from './file-length.ts';
import { layers } from './layers.ts';
import { names } from './names.ts';
import { packageBorders } from './package-borders.ts';

export const rules: readonly Rule[] = [fileLength, names, packageBorders, layers, drivers, explicitColumns];
