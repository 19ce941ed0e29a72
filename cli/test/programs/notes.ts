// Appends its word to FILE and ends well.
import { appendFileSync } from 'node:fs';

appendFileSync(process.env['FILE'] ?? '', `${process.env['WORD']}\n`);
