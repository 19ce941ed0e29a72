import { mkdir, rename, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { bundleWorkflowCode } from '@temporalio/worker';

/** Bundles the workflow code ahead: workers load it as it is. */
const folder = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const { code } = await bundleWorkflowCode({ workflowsPath: folder('../src/temporal/workflows/index.ts') });
await mkdir(folder('../dist'), { recursive: true });
// Beside, then in place: whoever loads it meanwhile sees a whole file.
const made = folder(`../dist/workflows.${process.pid}.js`);
await writeFile(made, code);
await rename(made, folder('../dist/workflows.js'));
