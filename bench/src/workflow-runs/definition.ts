import { type Json, request } from '../fleet/rest.ts';

type Gateway = Parameters<typeof request>[0];

const call = (path: string) => ({
  method: 'POST',
  url: `\${input.url}/${path}`,
  body: { run: '${run.id}' },
  undo: { method: 'POST', url: '${input.url}/undo', body: { key: '${effect.key}' } },
});

/** Two requests to a server outside, and a decision between them. */
export const threeSteps = {
  input: { schema: { type: 'object', required: ['url'], properties: { url: { type: 'string' } } } },
  steps: [
    { id: 'open', kind: 'http', ...call('open'), next: 'route' },
    {
      id: 'route',
      kind: 'decision',
      cases: [{ when: "steps.open.output.body.id == '1'", next: 'publish' }],
      default: { next: '$end' },
    },
    { id: 'publish', kind: 'http', ...call('publish'), next: '$end' },
  ],
  output: { id: '${steps.open.output.body.id}' },
};

/** The id of the active workflow; of one whose runs Temporal drives from their start, or whoever is fit. */
export async function haveWorkflow(gateway: Gateway, driver?: 'temporal'): Promise<string> {
  const slug = driver === undefined ? 'bench-three-steps' : `bench-three-steps-${driver}`;
  const definition = { ...threeSteps, ...(driver && { driver }) };
  const known = (await request(gateway, 'GET', `/v1/workflows?slug=${slug}`)) as { workflows?: Json[] };
  const found = known.workflows?.[0];
  if (found !== undefined && found['status'] === 'WORKFLOW_STATUS_ACTIVE') return String(found['id']);
  const draft = found ?? (await request(gateway, 'POST', '/v1/workflows', { name: 'Bench', slug, definition }));
  await request(gateway, 'POST', `/v1/workflows/${String(draft['id'])}:activate`, {});
  return String(draft['id']);
}
