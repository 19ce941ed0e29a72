import { AppError } from '@flotilla/errors';
import { pageSizeOf, pageToken, type ReadTx, toPage } from '@flotilla/postgres';
import { findJob, type Job, listJobs } from '../db/job-repository.ts';
import type { Schema } from '../db/schema.ts';
import type { JobStatus } from '../domain/job.ts';

export async function getJob(tx: ReadTx<Schema>, id: string): Promise<Job> {
  const job = await findJob(tx, id);
  if (job === undefined) throw new AppError('not_found', 'JOB_NOT_FOUND', 'There is no such job.');
  return job;
}

export async function pageOfJobs(
  tx: ReadTx<Schema>,
  filter: { status: JobStatus | undefined; createdBy: string },
  page: { pageSize: number; pageToken: string },
) {
  const size = pageSizeOf(page.pageSize);
  const cursor = pageToken.decode(page.pageToken);
  return toPage(await listJobs(tx, { ...filter, cursor, limit: size + 1 }), size);
}
