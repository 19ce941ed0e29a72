import type { Metrics } from '@flotilla/observability';

/** The gateway's own meters, beside those of its libraries. */
export const createMeters = (metrics: Metrics) => ({
  credentialLookups: metrics.counter('gateway_credential_lookups_total', 'Credentials by how they were answered.', [
    'outcome',
  ]),
});
