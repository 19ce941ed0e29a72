import { mkdir, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { bundleWorkflowCode } from '@temporalio/worker';

/** Bundles the workflow code ahead: workers load it as it is. */
const folder = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const { code } = await bundleWorkflowCode({ workflowsPath: folder('../src/temporal/workflows/index.ts') });
await mkdir(folder('../dist'), { recursive: true });
await writeFile(folder('../dist/workflows.js'), code);
