import type { JobService } from '@flotilla/contracts/workflow';
import type { ServiceImplementation } from '@flotilla/grpc';
import { cancelInstance } from '../commands/cancel-instance.ts';
import { fromJobStatus, toJobMessage } from '../messages/job-message.ts';
import { getJob, pageOfJobs } from '../queries/jobs.ts';
import type { Running } from './instances.ts';

export function jobs(running: Running): ServiceImplementation<typeof JobService> {
  const { db, drivers } = running;
  return {
    getJob: ({ id }, call) => db.read(call, async (tx) => toJobMessage(await getJob(tx, id))),
    // There is one kind of job: asking for it narrows nothing.
    listJobs: ({ status, createdBy, pageSize, pageToken }, call) =>
      db.read(call, async (tx) => {
        const page = await pageOfJobs(tx, { status: fromJobStatus(status), createdBy }, { pageSize, pageToken });
        return { jobs: page.rows.map(toJobMessage), nextPageToken: page.nextPageToken };
      }),
    async cancelJob({ id, reason }, call) {
      const job = await db.write(call, async (tx) => {
        await getJob(tx, id);
        await cancelInstance(running, tx, { id, reason, requestedBy: call.principal.actor.id });
        return toJobMessage(await getJob(tx, id));
      });
      drivers.cancel(id);
      return job;
    },
  };
}
